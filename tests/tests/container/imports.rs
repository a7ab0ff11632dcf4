//! Real dumps come in whole; damaged ones change nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use posto_tests::container::Container;
use posto_tests::installed::admin;

use crate::ground::{OPEN_BOUND, open_box};

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

/// Imports a real dump, and compares every table with the same dump loaded plainly beside it.
fn imported_whole(dump: &str) -> Result<()> {
    let file = PathBuf::from(std::env::var_os("POSTO_DUMPS").unwrap_or_default()).join(dump);
    if !file.is_file() {
        println!("SKIPPED: {} is not here (set POSTO_DUMPS)", file.display());
        return Ok(());
    }
    let (_folder, mut container) = open_box("import")?;
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
    let (_folder, mut container) = open_box("bad")?;
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
        container.wait_open(OPEN_BOUND)?;
    }
    ensure!(
        admin(&container)?.counts()?.patient == 1,
        "the record of before is there"
    );
    container.stop()
}
