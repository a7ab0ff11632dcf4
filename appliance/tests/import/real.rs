//! Dumps of real servers.

use std::path::{Path, PathBuf};

use crate::ground::{self, FakeServices, Ground, Live, mariadb_is_here};

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
