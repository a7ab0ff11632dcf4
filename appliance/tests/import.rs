//! Imports of real and made dumps into a real MariaDB, with the box's services stood in for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test panics where it fails"
)]

#[path = "import/dump.rs"]
#[allow(unreachable_pub)]
mod dump;
#[path = "import/ground.rs"]
mod ground;

use std::path::{Path, PathBuf};

use ground::{FakeServices, Ground, Live, mariadb_is_here, put, request};
use posto::database::import::error::{ImportError, NotADump};
use posto::database::import::run::{Phase, Stop, import};

/// The folder with dumps of real servers: `POSTO_DUMPS`, or beside the repository.
fn real_dump(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("POSTO_DUMPS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/dumps"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if !path.exists() {
        eprintln!(
            "SKIPPED: {} is not here (POSTO_DUMPS names its folder)",
            path.display()
        );
        return None;
    }
    Some(path)
}

/// Rows by a second, independent way of counting: mysqldump writes one INSERT a line, and `),(` never stands in these
/// dumps' strings (checked by the server's own count, which the import compares).
fn import_real(name: &str, tables: u64) {
    let Some(dump) = real_dump(name) else { return };
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let services = FakeServices::default();
    let report = ground.import(&dump, &services).unwrap();
    assert_eq!(report.tables.len() as u64, tables);
    assert_eq!(
        *services.calls.borrow(),
        ["stop", "start database", "start openmrs"]
    );

    let live = Live::start(
        &ground.places.database(),
        &ground.dir.path().join("data/live"),
    );
    assert_eq!(
        live.number("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='openmrs'"),
        tables
    );
    for table in &report.tables {
        assert_eq!(
            live.number(&format!("SELECT COUNT(*) FROM openmrs.`{}`", table.table)),
            table.rows,
            "{}",
            table.table
        );
    }
    assert!(report.rows > 500, "{}", report.rows);
    assert_eq!(
        live.number("SELECT COUNT(*) FROM openmrs.liquibasechangelog WHERE md5sum IS NOT NULL"),
        0
    );
    assert_eq!(
        live.number("SELECT COUNT(*) FROM openmrs.liquibasechangeloglock WHERE locked"),
        0
    );
    let collation = live.text("SELECT default_collation_name FROM information_schema.schemata WHERE schema_name='openmrs'");
    assert_eq!(collation.unwrap(), "utf8mb3_general_ci");
    let others = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='openmrs' AND table_collation<>'utf8mb3_general_ci' AND table_type='BASE TABLE'";
    let collations = live.number(others);
    assert!(
        collations <= 2,
        "{collations} tables with another collation"
    );

    assert!(
        ground
            .places
            .replaced()
            .join("20261122T174951Z-import/database/old")
            .exists()
    );
    assert!(!ground.places.install_pending().exists());
    let properties = std::fs::read_to_string(ground.places.runtime_properties()).unwrap();
    assert!(
        properties.contains("auto_update_database=true") && properties.contains(ground::PASSWORD)
    );
    assert_eq!(
        std::fs::read_dir(ground.places.staging()).unwrap().count(),
        0
    );
}

#[test]
fn a_real_1_9_dump_comes_in_with_every_row() {
    import_real("openmrs-1.9.8-mysql-5.6.sql", 102);
}

#[test]
fn a_real_2_x_dump_of_mozambique_comes_in_with_every_row() {
    import_real("openmrs-2.x-mozambique-mysql-5.6.sql", 106);
}

/// A dump of this shape in the ground's directory, changed by `change`.
fn made_dump(ground: &Ground, observations: u64, change: impl Fn(String) -> String) -> PathBuf {
    let mut bytes = Vec::new();
    dump::write(
        &mut bytes,
        &dump::Shape {
            observations,
            seed: 1,
        },
    )
    .unwrap();
    let path = ground.dir.path().join("dump.sql");
    put(&path, change(String::from_utf8(bytes).unwrap()));
    path
}

#[test]
fn a_dump_with_all_the_old_servers_oddities_comes_in() {
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let oddities = "
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `amrs` /*!40100 DEFAULT CHARACTER SET utf8 */;
USE `amrs`;
GRANT ALL ON *.* TO 'x'@'%' IDENTIFIED BY 'y';
SET GLOBAL max_connections=1;
SET @@GLOBAL.GTID_PURGED='1-2-3';
/*!80000 SET SESSION information_schema_stats_expiry=0 */;
CREATE TABLE `isam` (`a` int, `b` varchar(20) COLLATE utf8mb4_0900_ai_ci) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
INSERT INTO `isam` (`a`,`b`) VALUES (1,'ENGINE=MyISAM'),(2,'utf8mb4_0900_ai_ci');
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`gone`@`%`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `isam` FOR EACH ROW BEGIN
 SET NEW.a = NEW.a + 1; -- a comment; with a semicolon
 INSERT INTO nowhere VALUES (1);
END */;;
DELIMITER ;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`gone`@`%` SQL SECURITY DEFINER */
/*!50001 VIEW `v` AS select `isam`.`a` AS `a` from `isam` */;
";
    let path = made_dump(&ground, 2000, |text| {
        text.replacen("\n--\n-- Table", &format!("{oddities}\n--\n-- Table"), 1)
    });
    let report = ground.import(&path, &FakeServices::default()).unwrap();
    assert_eq!(report.database.as_deref(), Some("amrs"));
    assert_eq!(
        (
            report.adapted.definers,
            report.adapted.engines,
            report.adapted.accounts_skipped
        ),
        (2, 1, 1)
    );

    let live = Live::start(
        &ground.places.database(),
        &ground.dir.path().join("data/live"),
    );
    assert_eq!(live.number("SELECT COUNT(*) FROM openmrs.obs"), 2000);
    assert_eq!(live.text("SELECT property_value FROM openmrs.global_property WHERE property='search.indexVersion'").unwrap(), "");
    assert_eq!(
        live.text(
            "SELECT description FROM openmrs.global_property WHERE property='search.indexVersion'"
        )
        .unwrap(),
        "it's; a \\ test (of 'quotes')"
    );
    assert_eq!(
        live.text("SELECT b FROM openmrs.isam WHERE a=2").unwrap(),
        "utf8mb4_0900_ai_ci"
    );
    assert_eq!(
        live.text("SELECT engine FROM information_schema.tables WHERE table_name='isam'")
            .unwrap(),
        "InnoDB"
    );
    assert_eq!(
        live.text("SELECT definer FROM information_schema.triggers WHERE trigger_name='t'")
            .unwrap(),
        "openmrs@localhost"
    );
    assert_eq!(live.number("SELECT COUNT(*) FROM openmrs.v"), 2);
    // Root by socket only, and nobody but the box's own accounts.
    assert_eq!(live.number("SELECT COUNT(*) FROM mysql.global_priv WHERE user NOT IN ('root','mysql','mariadb.sys','openmrs','PUBLIC')"), 0);
}

#[test]
fn every_unusable_file_is_refused_with_its_own_error_and_changes_nothing() {
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let whole = std::fs::read_to_string(made_dump(&ground, 3000, |text| text)).unwrap();
    let path = ground.dir.path().join("file");
    type Check = fn(&ImportError) -> bool;
    let half = whole.len() / 2;
    let mut half_text = half;
    while !whole.is_char_boundary(half_text) {
        half_text += 1;
    }
    let gzip = compressed(&whole, "gzip");
    let zstd = compressed(&whole, "zstd");
    let xz = compressed(&whole, "xz");
    let (cut, rest) = whole.split_at(half_text);
    let no_end = whole.replace("-- Dump completed", "-- something");
    let cases: Vec<(&str, Vec<u8>, Check)> = vec![
        ("empty", Vec::new(), |e| {
            matches!(
                e,
                ImportError::NotADump {
                    what: NotADump::Empty,
                    ..
                }
            )
        }),
        ("zip", b"PK\x03\x04rest".to_vec(), |e| {
            matches!(e, ImportError::NotADump { .. })
        }),
        ("pdf", b"%PDF-1.4 ...".to_vec(), |e| {
            matches!(e, ImportError::NotADump { .. })
        }),
        (
            "a letter",
            b"Dear all, the server is slow; please help.".to_vec(),
            |e| matches!(e, ImportError::NotADump { .. }),
        ),
        ("utf-16", b"\xff\xfe-\0-\0".to_vec(), |e| {
            matches!(
                e,
                ImportError::NotADump {
                    what: NotADump::Utf16,
                    ..
                }
            )
        }),
        (
            "half a text",
            cut.as_bytes().to_vec(),
            |e| matches!(e, ImportError::Text { table: Some(t), .. } if t == "obs"),
        ),
        ("no head", rest.as_bytes().to_vec(), |e| {
            matches!(e, ImportError::NotADump { .. } | ImportError::Text { .. })
        }),
        (
            "no end mark",
            no_end.into_bytes(),
            |e| matches!(e, ImportError::NoEndMark { table: Some(t), .. } if t == "liquibasechangeloglock"),
        ),
        ("half a gzip", gzip[..gzip.len() / 2].to_vec(), |e| {
            matches!(e, ImportError::CompressedCutOff { .. })
        }),
        ("half a zstd", zstd[..zstd.len() / 2].to_vec(), |e| {
            matches!(e, ImportError::CompressedCutOff { .. })
        }),
        ("half an xz", xz[..xz.len() / 2].to_vec(), |e| {
            matches!(e, ImportError::CompressedCutOff { .. })
        }),
        ("a flipped gzip", flipped(&gzip), |e| {
            matches!(
                e,
                ImportError::CompressedDamaged { .. }
                    | ImportError::CompressedCutOff { .. }
                    | ImportError::Text { .. }
                    | ImportError::UnknownStatement { .. }
            )
        }),
        ("a flipped xz", flipped(&xz), |e| {
            matches!(e, ImportError::CompressedDamaged { .. })
        }),
        (
            "not OpenMRS",
            whole.replace("`obs`", "`abs`").into_bytes(),
            |e| matches!(e, ImportError::NotOpenMrs { missing, .. } if missing == &["obs"]),
        ),
        (
            "twice OpenMRS",
            twice(&whole).into_bytes(),
            |e| matches!(e, ImportError::SeveralDatabases { names, .. } if names.len() == 2),
        ),
        (
            "a bad statement",
            whole
                .replace("`user_id` int(11) NOT", "`user_id` notype(11) NOT")
                .into_bytes(),
            |e| matches!(e, ImportError::Refused { line: 20, table: Some(t), message, .. } if t == "users" && message.contains("notype")),
        ),
        (
            "a duplicate key",
            whole.replace("(2,'user2'", "(1,'user2'").into_bytes(),
            |e| matches!(e, ImportError::Refused { table: Some(t), message, .. } if t == "users" && message.contains("Duplicate")),
        ),
        (
            "rows that vanish",
            whole
                .replace(
                    "UNLOCK TABLES;\n\n--\n-- Table structure for table `encounter`",
                    "DELETE FROM patient WHERE patient_id=1;\nUNLOCK TABLES;\n-- ",
                )
                .into_bytes(),
            |e| matches!(e, ImportError::RowsDiffer { table, .. } if table == "patient"),
        ),
    ];
    for (name, bytes, is_right) in cases {
        put(&path, bytes);
        let services = FakeServices::default();
        let error = ground.import(&path, &services).expect_err(name);
        assert!(is_right(&error), "{name}: {error:?}");
        assert!(
            services.calls.borrow().is_empty(),
            "{name}: {:?}",
            services.calls
        );
        ground.assert_untouched();
    }
}

fn compressed(text: &str, program: &str) -> Vec<u8> {
    use posto::system::process::Invocation;
    let invocation = Invocation::new(program)
        .args(["-c", "-1"])
        .input(text.as_bytes());
    invocation.run(std::time::Duration::from_secs(60)).unwrap()
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    bytes
}

fn twice(whole: &str) -> String {
    format!("CREATE DATABASE a;\nUSE a;\n{whole}\nCREATE DATABASE b;\nUSE b;\n{whole}")
}

#[test]
fn each_packing_comes_in_whatever_its_name() {
    if !mariadb_is_here() {
        return;
    }
    for program in ["gzip", "zstd", "xz"] {
        let ground = Ground::new();
        let whole = std::fs::read_to_string(made_dump(&ground, 500, |text| text)).unwrap();
        let path = ground.dir.path().join("dump.txt");
        put(&path, compressed(&whole, program));
        let report = ground.import(&path, &FakeServices::default()).unwrap();
        assert_eq!(
            report
                .tables
                .iter()
                .find(|t| t.table == "obs")
                .unwrap()
                .rows,
            500,
            "{program}"
        );
    }
}

#[test]
fn of_several_databases_the_one_asked_for_or_the_only_openmrs_is_taken() {
    if !mariadb_is_here() {
        return;
    }
    let other = "CREATE DATABASE shop;\nUSE shop;\nCREATE TABLE `users` (a int);\nINSERT INTO users VALUES (7),(8);\nUSE clinic;\n";
    let ground = Ground::new();
    let path = made_dump(&ground, 100, |text| format!("{other}{text}"));
    let report = ground.import(&path, &FakeServices::default()).unwrap();
    assert_eq!(report.database.as_deref(), Some("clinic"));
    assert_eq!(report.databases_skipped, ["shop"]);
    assert_eq!(
        report
            .tables
            .iter()
            .find(|t| t.table == "users")
            .unwrap()
            .rows,
        3
    );

    let ground = Ground::new();
    let path = made_dump(&ground, 100, |text| twice(&text));
    let mut request = request(&path);
    request.database = Some("b".to_string());
    let report = ground
        .import_with(&request, &FakeServices::default(), &Stop::default())
        .unwrap();
    assert_eq!(
        (report.database.as_deref(), report.databases_skipped),
        (Some("b"), vec!["a".to_string()])
    );
}

#[test]
fn a_new_database_that_does_not_start_brings_the_old_one_back() {
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let path = made_dump(&ground, 100, |text| text);
    let services = FakeServices {
        database_does_not_start: true,
        ..FakeServices::default()
    };
    assert!(matches!(
        ground.import(&path, &services),
        Err(ImportError::Server(_))
    ));
    assert_eq!(
        *services.calls.borrow(),
        [
            "stop",
            "start database",
            "stop",
            "start database",
            "start openmrs"
        ]
    );
    ground.assert_untouched();
}

#[test]
fn a_stop_asked_for_before_the_exchange_leaves_everything_as_it_was() {
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let path = made_dump(&ground, 20_000, |text| text);
    for phase in [
        Phase::Reading,
        Phase::Preparing,
        Phase::Loading,
        Phase::Counting,
        Phase::Finishing,
    ] {
        let stop = Stop::default();
        let services = FakeServices::default();
        let asked = ground::block_on(import(
            &request(&path),
            &ground.setting(),
            &services,
            &stop,
            &mut |watch| {
                if watch.phase == phase {
                    stop.ask();
                }
            },
        ));
        assert!(
            matches!(asked, Err(ImportError::Interrupted)),
            "{phase:?}: {asked:?}"
        );
        ground.assert_untouched();
        assert_eq!(ground.processes_left(), 0, "{phase:?}");
    }
}

/// Not a test of behaviour: `POSTO_BIG_DUMP=big.sql cargo test -p posto --test import -- --ignored --nocapture`, with a
/// file made by the example `dump`, prints the import's speed and this process's peak memory.
#[test]
#[ignore = "a measurement; needs POSTO_BIG_DUMP"]
fn measure_a_big_import() {
    let dump = std::env::var_os("POSTO_BIG_DUMP").expect("POSTO_BIG_DUMP names a made dump");
    let dump = PathBuf::from(dump);
    let ground = Ground::new();
    let before = std::time::Instant::now();
    let report = ground.import(&dump, &FakeServices::default()).unwrap();
    let seconds = before.elapsed().as_secs_f64();
    let megabytes = report.bytes as f64 / 1e6;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap()
        .to_string();
    let size = posto::system::process::Invocation::new("du")
        .args(["-sm"])
        .arg(ground.places.database());
    let size = size.run(std::time::Duration::from_secs(60)).unwrap();
    eprintln!(
        "{megabytes:.1} MB, {} rows in {seconds:.1} s: {:.1} MB/s; {peak}; data directory {}",
        report.rows,
        megabytes / seconds,
        String::from_utf8_lossy(&size)
    );
}
