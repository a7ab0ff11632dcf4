//! Made dumps: every shape that must come in.

use crate::ground::{
    FakeServices, Ground, Live, compressed, made_dump, mariadb_is_here, put, request, twice,
};
use posto::database::import::run::Stop;

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
