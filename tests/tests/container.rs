//! The built release in a container: from the virgin mark to an open door, and what must never happen on the way.
//! Needs root, `POSTO_RELEASE_DIR` (a release with the stand-in) and minutes: `./check` runs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use posto_tests::command::{ask, run};
use posto_tests::container::{Container, DataFile, Limits, Options, facility_file};
use posto_tests::standin::Clinic;
use posto_tests::wait;

const OPEN_BOUND: Duration = Duration::from_secs(600);
const DATA_BYTES: u64 = 4 << 30;

fn release() -> Result<PathBuf> {
    Ok(PathBuf::from(
        std::env::var_os("POSTO_RELEASE_DIR")
            .context("POSTO_RELEASE_DIR is not set: run ./check")?,
    ))
}

/// Scratch space on the disk (a tmpfs would hold the data in memory), removed at the end.
fn scratch() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("posto-container-")
        .tempdir_in(release()?.parent().context("parent")?)?)
}

fn options(data: &Path, number: u8) -> Result<Options> {
    let console = data.with_extension("console.log");
    Ok(Options {
        release: release()?,
        data: data.to_owned(),
        number,
        limits: Limits::default(),
        console: Some(console),
    })
}

/// A box that was installed once by the test that runs first, powered off in order; others work on copies of its data.
fn installed(copy_to: &Path) -> Result<DataFile> {
    static INSTALLED: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let data = if let Some((_, data)) = INSTALLED.get() {
        data.clone()
    } else {
        let folder = scratch()?;
        let data = folder.path().join("installed.xfs");
        DataFile::create(&data, DATA_BYTES, &facility_file(1, "posto-um"))?;
        let mut container = Container::start(&options(&data, 1)?)?;
        container.wait_open(OPEN_BOUND)?;
        container.stop()?;
        INSTALLED.get_or_init(|| (folder, data)).1.clone()
    };
    DataFile::existing(&data).copy(copy_to)
}

fn admin(container: &Container) -> Result<Clinic> {
    let password = container.run(&["/usr/bin/posto", "admin-password", "show"])?;
    Ok(Clinic::new(
        &format!("http://{}", container.address()),
        "admin",
        password.trim(),
    ))
}

fn label(data: &DataFile) -> Result<String> {
    Ok(run(&[
        "xfs_io",
        "-r",
        "-c",
        "label",
        data.path().to_str().context("path")?,
    ])
    .unwrap_or_default())
    .and_then(|_| {
        run(&[
            "blkid",
            "-o",
            "value",
            "-s",
            "LABEL",
            data.path().to_str().context("path")?,
        ])
    })
    .map(|label| label.trim().to_owned())
}

fn table_counts(container: &Container, database: &str) -> Result<BTreeMap<String, u64>> {
    let tables = container.run(&["mariadb", "-N", "-B", "-e", &format!(
        "select table_name from information_schema.tables where table_schema='{database}' and table_type='BASE TABLE'")])?;
    let query: Vec<String> = tables
        .lines()
        .map(|table| format!("select '{table}', count(*) from `{database}`.`{table}`"))
        .collect();
    ensure!(!query.is_empty(), "database {database} has no tables");
    let counts = container.run(&["mariadb", "-N", "-B", "-e", &query.join(" union all ")])?;
    counts
        .lines()
        .map(|line| {
            let (table, count) = line.split_once('\t').context("count line")?;
            Ok((table.to_owned(), count.parse()?))
        })
        .collect()
}

#[test]
fn a_fresh_box_installs_itself_and_opens_its_door_only_then() -> Result<()> {
    let folder = scratch()?;
    let data = DataFile::create(
        &folder.path().join("fresh.xfs"),
        DATA_BYTES,
        &facility_file(1, "posto-um"),
    )?;
    let start = Instant::now();
    let mut container = Container::start(&options(data.path(), 1)?)?;

    let waiting = wait::until("the door's page", Duration::from_secs(60), || {
        Ok(container.get("/openmrs/").ok())
    })?;
    ensure!(
        waiting.status == 503 && waiting.retry_after.is_some(),
        "a shut door must say 503 and when to come again: {waiting:?}"
    );
    ensure!(
        waiting.body.contains("a iniciar"),
        "the waiting page must be in Portuguese first: {}",
        waiting.body
    );
    ensure!(
        container.get("/openmrs/initialsetup")?.status == 404,
        "the wizard must never be reachable"
    );
    ensure!(
        container.get("/openmrs/;a=b/%69nitialsetup;x")?.status == 404,
        "nor in disguise"
    );

    container.wait_open(OPEN_BOUND)?;
    println!(
        "fresh box: {:.1} s from power-on to OpenMRS through the door (first installation included)",
        start.elapsed().as_secs_f64()
    );
    ensure!(
        container.get("/openmrs/initialsetup")?.status == 404,
        "the wizard must never be reachable"
    );
    ensure!(
        container
            .get("/")?
            .location
            .as_deref()
            .is_some_and(|to| to.ends_with("/openmrs/")),
        "/ leads to OpenMRS"
    );

    let status: serde_json::Value =
        serde_json::from_str(&container.run(&["/usr/bin/posto", "status", "--json"])?)?;
    println!("status: {status}");
    ensure!(
        status.to_string().contains("stand_in") || status.to_string().contains("stand-in"),
        "a stand-in must be called so"
    );

    let clinic = admin(&container)?;
    clinic.add_patient()?;
    ensure!(clinic.counts()?.patient == 1, "one patient was added");
    ensure!(
        container
            .ask(&["test", "-e", "/run/posto/install/install.properties"])?
            .code
            != 0,
        "the script with the password must be gone"
    );
    ensure!(
        container
            .ask(&["touch", "/usr/probe"])?
            .err
            .contains("Read-only"),
        "the root must be read-only"
    );
    ensure!(
        container
            .run(&["systemctl", "--failed", "--plain", "--no-legend"])?
            .is_empty(),
        "no unit may have failed"
    );
    container.stop()?;
    ensure!(
        label(&data)? == "posto-data",
        "the virgin mark must be gone"
    );
    Ok(())
}

#[test]
fn acknowledged_records_survive_the_death_of_every_process() -> Result<()> {
    let folder = scratch()?;
    let data = installed(&folder.path().join("kill.xfs"))?;
    let mut container = Container::start(&options(data.path(), 1)?)?;
    container.wait_open(OPEN_BOUND)?;
    let clinic = admin(&container)?;
    let mut acknowledged = 0;
    for _ in 0..25 {
        clinic.add_patient()?;
        acknowledged += 1;
    }
    container.kill()?;
    let start = Instant::now();
    let mut container = Container::start(&options(data.path(), 1)?)?;
    container.wait_open(OPEN_BOUND)?;
    println!(
        "installed box after a kill: {:.1} s from power-on to OpenMRS through the door",
        start.elapsed().as_secs_f64()
    );
    let present = admin(&container)?.counts()?.patient;
    ensure!(
        present >= acknowledged,
        "{acknowledged} patients were acknowledged, {present} are there"
    );
    container.stop()
}

#[test]
fn from_outside_only_the_door_can_be_reached_and_services_are_sandboxed() -> Result<()> {
    let folder = scratch()?;
    let data = installed(&folder.path().join("ports.xfs"))?;
    let mut container = Container::start(&options(data.path(), 1)?)?;
    container.wait_open(OPEN_BOUND)?;
    let scan = run(&[
        "nmap",
        "-n",
        "-Pn",
        "-sS",
        "-p-",
        "--min-rate",
        "5000",
        "--max-retries",
        "1",
        "-oG",
        "-",
        &container.address().to_string(),
    ])?;
    let open: Vec<&str> = scan
        .split([' ', '\t', ','])
        .filter_map(|word| word.split_once("/open/tcp").map(|(port, _)| port))
        .collect();
    println!("TCP ports open from outside: {open:?}");
    ensure!(open == ["80", "443"], "only the door may be open: {open:?}");
    // Without the firewall, too: nothing else may listen beyond loopback.
    let listening = container.run(&["ss", "-Htuln"])?;
    let beyond: Vec<&str> = listening
        .lines()
        .filter_map(|line| line.split_whitespace().nth(4))
        .filter(|local| !(local.starts_with("127.") || local.starts_with("[::1]")))
        .filter(|local| !matches!(local.rsplit(':').next(), Some("80" | "443")))
        .collect();
    println!("listening beyond loopback besides the door: {beyond:?}");
    ensure!(beyond.is_empty(), "{beyond:?}");
    for unit in ["openmrs", "mariadb", "nginx"] {
        let said = container.run(&[
            "systemd-analyze",
            "security",
            "--no-pager",
            &format!("{unit}.service"),
        ])?;
        let level: f64 = said
            .lines()
            .find_map(|line| {
                line.split_once("Overall exposure level for ")?
                    .1
                    .split_whitespace()
                    .nth(1)?
                    .parse()
                    .ok()
            })
            .context("systemd-analyze said no level")?;
        println!("exposure of {unit}: {level}");
        ensure!(level <= 2.0, "{unit} is exposed: {level}");
    }
    let processes = container.run(&["ps", "-eo", "rss=,comm="])?;
    for (name, called) in [
        ("java", "Java"),
        ("mariadbd", "MariaDB"),
        ("posto", "posto"),
        ("nginx", "nginx"),
    ] {
        let rss_kib: u64 = processes
            .lines()
            .filter_map(|line| line.trim().split_once(' '))
            .filter(|(_, comm)| comm.trim() == name)
            .filter_map(|(rss, _)| rss.parse::<u64>().ok())
            .sum();
        println!(
            "memory at rest, {called}: {:.1} MB",
            rss_kib as f64 * 1024.0 / 1e6
        );
    }
    container.stop()
}

/// Imports a real dump, and compares every table with the same dump loaded plainly beside it.
fn imported_whole(dump: &str) -> Result<()> {
    let file = PathBuf::from(std::env::var_os("POSTO_DUMPS").unwrap_or_default()).join(dump);
    if !file.is_file() {
        println!("SKIPPED: {} is not here (set POSTO_DUMPS)", file.display());
        return Ok(());
    }
    let folder = scratch()?;
    let data = installed(&folder.path().join("import.xfs"))?;
    let mut container = Container::start(&options(data.path(), 1)?)?;
    container.wait_open(OPEN_BOUND)?;
    let inside = container.data().join("import-test.sql");
    std::fs::copy(&file, &inside)?;

    let start = Instant::now();
    let said = container.ask(&["/usr/bin/posto", "import", "--yes", "/data/import-test.sql"])?;
    ensure!(
        said.code == 0,
        "posto import ended with {}: {}{}",
        said.code,
        said.out,
        said.err
    );
    let imported = start.elapsed();
    container.wait_open(OPEN_BOUND)?;
    println!(
        "{dump}: imported in {:.1} s, OpenMRS's own migration answered after {:.1} s",
        imported.as_secs_f64(),
        start.elapsed().as_secs_f64()
    );

    // The reference: the dump as it is, into another database of the same server, without posto.
    container.run(&[
        "mariadb",
        "-e",
        "create database reference character set utf8mb3",
    ])?;
    let plain: String = std::fs::read_to_string(&file)?
        .lines()
        .filter(|line| !line.contains("CREATE DATABASE") && !line.starts_with("USE "))
        .flat_map(|line| [line, "\n"])
        .collect();
    let reference = container.data().join("reference.sql");
    #[expect(clippy::disallowed_methods, reason = "a test's scratch file")]
    std::fs::write(&reference, format!("use reference;\n{plain}"))?;
    container.run(&["mariadb", "-e", "source /data/reference.sql"])?;
    let (expected, present) = (
        table_counts(&container, "reference")?,
        table_counts(&container, "openmrs")?,
    );
    // What the application's own migration writes after the import.
    let migrated = [
        "liquibasechangelog",
        "liquibasechangeloglock",
        "global_property",
    ];
    let differing: Vec<String> = expected
        .iter()
        .filter(|(table, _)| !migrated.contains(&table.as_str()))
        .filter(|(table, count)| present.get(*table) != Some(*count))
        .map(|(table, count)| {
            format!(
                "{table}: {count} in the dump, {:?} on the box",
                present.get(table)
            )
        })
        .collect();
    let rows: u64 = expected.values().sum();
    println!(
        "{dump}: {} tables, {rows} rows; differing: {differing:?}",
        expected.len()
    );
    ensure!(rows > 0 && differing.is_empty(), "{differing:?}");
    ensure!(
        container.run(&["ls", "/data/replaced"])?.lines().count() == 1,
        "the replaced database must be kept"
    );
    container.stop()
}

#[test]
fn the_dump_of_openmrs_1_9_8_is_imported_whole() -> Result<()> {
    imported_whole("openmrs-1.9.8-mysql-5.6.sql")
}

#[test]
fn the_dump_of_mozambique_is_imported_whole() -> Result<()> {
    imported_whole("openmrs-2.x-mozambique-mysql-5.6.sql")
}

#[test]
fn a_damaged_dump_changes_nothing() -> Result<()> {
    let folder = scratch()?;
    let data = installed(&folder.path().join("bad.xfs"))?;
    let mut container = Container::start(&options(data.path(), 1)?)?;
    container.wait_open(OPEN_BOUND)?;
    admin(&container)?.add_patient()?;
    let cases: [(&str, &[u8]); 4] = [
        ("half a gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b"),
        ("something else", b"%PDF-1.4 this is not a dump\n"),
        ("a truncated dump", b"-- MySQL dump 10.13\nCREATE TABLE `patient` (`patient_id` int);\nINSERT INTO `patient` VALUES (1),(2"),
        ("a failing statement", b"-- MySQL dump 10.13\nCREATE TABLE `patient` (`patient_id` nonsense);\n-- Dump completed\n"),
    ];
    for (what, bytes) in cases {
        #[expect(clippy::disallowed_methods, reason = "a test's scratch file")]
        std::fs::write(container.data().join("bad.sql"), bytes)?;
        let said = container.ask(&["/usr/bin/posto", "import", "--yes", "/data/bad.sql"])?;
        println!(
            "{what}: code {}, {}",
            said.code,
            said.err.trim().replace('\n', " / ")
        );
        ensure!(
            said.code != 0 && !said.err.is_empty(),
            "{what} must be refused with a reason"
        );
        ensure!(
            container.get("/openmrs/health/started")?.status == 200,
            "the door stays open through {what}"
        );
    }
    ensure!(
        admin(&container)?.counts()?.patient == 1,
        "the record of before is there"
    );
    container.stop()
}

/// Boots on data that `damage` changed; the database must stay down, the door shut, and nothing new be made.
fn stays_down(name: &str, damage: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let folder = scratch()?;
    let data = installed(&folder.path().join(format!("{name}.xfs")))?;
    data.change(damage)?;
    let container = Container::start(&options(data.path(), 1)?)?;
    wait::until("the guard's verdict", Duration::from_secs(120), || {
        let state = container
            .ask(&[
                "systemctl",
                "show",
                "-P",
                "ActiveState",
                "posto-guard.service",
            ])?
            .out;
        if state.trim() == "active" {
            bail!("{name}: the guard let it pass");
        }
        Ok((state.trim() == "failed").then_some(()))
    })?;
    let page = wait::until("the door's page", Duration::from_secs(60), || {
        Ok(container.get("/openmrs/").ok())
    })?;
    ensure!(page.status == 503, "{name}: the door must be shut");
    ensure!(
        container
            .ask(&["systemctl", "is-active", "mariadb.service"])?
            .code
            != 0,
        "{name}: the database must stay down"
    );
    let status = container.ask(&["/usr/bin/posto", "status"])?;
    println!("{name}: {}", status.out.trim().replace('\n', " / "));
    ensure!(status.code != 0, "{name}: posto status must not be content");
    ensure!(
        container.ask(&["ls", "/data/live/database/mysql"])?.code != 0
            || name.contains("stamp")
            || name.contains("release"),
        "{name}: a database was made"
    );
    container.stop()
}

#[test]
fn a_missing_database_directory_is_never_replaced_by_a_fresh_one() -> Result<()> {
    stays_down("missing-database", |data| {
        run(&["rm", "-r", &format!("{data}/live/database")]).map(drop)
    })
}

#[test]
fn an_empty_database_directory_is_never_filled_with_a_fresh_one() -> Result<()> {
    stays_down("empty-database", |data| {
        run(&[
            "find",
            &format!("{data}/live/database"),
            "-mindepth",
            "1",
            "-delete",
        ])
        .map(drop)
    })
}

#[test]
fn a_missing_stamp_keeps_the_database_down() -> Result<()> {
    stays_down("missing-stamp", |data| {
        run(&["rm", &format!("{data}/posto/stamp.json")]).map(drop)
    })
}

#[test]
fn data_of_another_release_keep_the_database_down() -> Result<()> {
    stays_down("other-release", |data| {
        run(&[
            "sed",
            "-i",
            "s/\"release\": *\"[^\"]*\"/\"release\": \"1999.01.01-1\"/",
            &format!("{data}/posto/stamp.json"),
        ])?;
        ensure!(
            run(&["cat", &format!("{data}/posto/stamp.json")])?.contains("1999"),
            "the stamp was not changed"
        );
        Ok(())
    })
}

#[test]
fn a_full_disk_at_first_boot_ends_in_a_clear_refusal_and_a_later_boot_goes_on() -> Result<()> {
    let folder = scratch()?;
    let data = DataFile::create(
        &folder.path().join("full.xfs"),
        320 << 20,
        &facility_file(1, "posto-um"),
    )?;
    data.change(|at| {
        // Leave too little for a database.
        ask(&[
            "dd",
            "if=/dev/zero",
            &format!("of={at}/ballast"),
            "bs=1M",
            "status=none",
        ])?;
        run(&["truncate", "-s", "-8M", &format!("{at}/ballast")]).map(drop)
    })?;
    let container = Container::start(&options(data.path(), 1)?)?;
    wait::until("first boot's refusal", Duration::from_secs(180), || {
        let state = container
            .ask(&[
                "systemctl",
                "show",
                "-P",
                "ActiveState",
                "posto-first-boot.service",
            ])?
            .out;
        Ok((state.trim() == "failed").then_some(()))
    })?;
    let status = container.ask(&["/usr/bin/posto", "status"])?;
    println!("full disk: {}", status.out.trim().replace('\n', " / "));
    ensure!(status.code != 0, "posto status must not be content");
    ensure!(
        container
            .ask(&["systemctl", "is-active", "mariadb.service"])?
            .code
            != 0,
        "the database must stay down"
    );
    container.stop()?;
    ensure!(
        label(&data)? == "posto-virgin",
        "the mark must stand until the first boot is complete"
    );
    Ok(())
}

#[test]
fn two_boxes_share_no_secret() -> Result<()> {
    let folder = scratch()?;
    let mut seen: Vec<BTreeMap<String, String>> = Vec::new();
    for name in ["um", "dois"] {
        let data = DataFile::create(
            &folder.path().join(format!("{name}.xfs")),
            DATA_BYTES,
            &facility_file(1, "posto-um"),
        )?;
        let mut container = Container::start(&options(data.path(), 1)?)?;
        container.wait_open(OPEN_BOUND)?;
        let accounts = container.run(&[
            "mariadb",
            "-N",
            "-B",
            "-e",
            "select user, host, json_value(priv,'$.authentication_string') from mysql.global_priv",
        ])?;
        let users = container.run(&[
            "mariadb",
            "-N",
            "-B",
            "-e",
            "select username, password, salt from openmrs.users where password is not null",
        ])?;
        container.stop()?;
        let mut contents = data.change(|at| {
            let mut contents = BTreeMap::new();
            let list = run(&[
                "find",
                at,
                "-type",
                "f",
                "-size",
                "-64k",
                "-not",
                "-path",
                "*/live/database/*",
                "-not",
                "-path",
                "*/var/*",
            ])?;
            for file in list.lines() {
                contents.insert(
                    file.trim_start_matches(at).to_owned(),
                    run(&["sha256sum", file])?[..64].to_owned(),
                );
            }
            Ok(contents)
        })?;
        for (kind, text) in [("account", &accounts), ("user", &users)] {
            for (i, secret) in text
                .split_whitespace()
                .filter(|word| word.len() > 20)
                .enumerate()
            {
                contents.insert(format!("{kind} secret {i}"), secret.to_owned());
            }
        }
        seen.push(contents);
    }
    let (one, two) = (&seen[0], &seen[1]);
    let shared: Vec<&String> = one
        .iter()
        .filter(|(_, value)| two.values().any(|other| other == *value))
        .map(|(name, _)| name)
        .collect();
    println!(
        "small files and stored secrets: {}; the same on both boxes: {shared:?}",
        one.len()
    );
    for must_differ in [
        "/secrets/openmrs-db-password",
        "/secrets/openmrs-admin-password",
        "/secrets/tls/key.pem",
        "/posto/machine-id",
        "/live/openmrs/openmrs-runtime.properties",
    ] {
        ensure!(one.contains_key(must_differ), "{must_differ} is not there");
        ensure!(
            !shared.iter().any(|name| *name == must_differ),
            "{must_differ} is the same on two boxes"
        );
    }
    let secret_like = |name: &&&String| {
        name.contains("/secrets/")
            || name.contains(" secret ")
            || name.ends_with(".properties") && !name.contains("/configuration/")
    };
    let leaked: Vec<&&String> = shared.iter().filter(secret_like).collect();
    ensure!(leaked.is_empty(), "{leaked:?}");
    Ok(())
}
