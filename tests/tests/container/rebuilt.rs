//! A table that lies in thousands of pieces: the box itself writes it anew in the quiet time, while the clinic works.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::container::{Container, DataFile};
use posto_tests::faults::{happenings, since_boot_ms};
use posto_tests::installed::admin;
use posto_tests::wait;

use crate::ground::{OPEN_BOUND, add, add_to_facility, all_there, open_box, options};

/// The daemon looks every five minutes, and snapshots come first.
const REBUILT: Duration = Duration::from_secs(1200);
/// InnoDB's pages.
const PAGE_BYTES: u64 = 16 << 10;
/// Rows of a kilobyte: more than 8,000 pages, which is what the daemon takes for many pieces.
const DOUBLINGS: u32 = 18;
const ALL_DAY: &str = "\n[snapshots]\nquiet_from = \"00:00\"\nquiet_to = \"23:59\"\n";

fn sql(container: &Container, statement: &str) -> Result<String> {
    container.run(&["mariadb", "--batch", "--skip-column-names", "-e", statement])
}

fn make_table(container: &Container) -> Result<()> {
    sql(
        container,
        "CREATE TABLE openmrs.scattered (number INT AUTO_INCREMENT PRIMARY KEY, words VARCHAR(800)) ENGINE=InnoDB; \
         INSERT INTO openmrs.scattered (words) VALUES (REPEAT('palavra ', 90))",
    )?;
    for _ in 0..DOUBLINGS {
        sql(
            container,
            "INSERT INTO openmrs.scattered (words) SELECT words FROM openmrs.scattered",
        )?;
    }
    Ok(())
}

/// Every other page of the file gets another place, as days of copy on write do it.
fn scatter(file: &Path, beside: &Path) -> Result<()> {
    let words = |path: &Path| path.to_str().map(str::to_owned).context("path");
    run(&["cp", "--reflink=always", &words(file)?, &words(beside)?])?;
    let file = File::options().read(true).write(true).open(file)?;
    let mut page = vec![0; usize::try_from(PAGE_BYTES)?];
    let mut at = 0;
    while at + PAGE_BYTES <= file.metadata()?.len() {
        file.read_exact_at(&mut page, at)?;
        file.write_all_at(&page, at)?;
        // One after the other, as the server's own writes come.
        file.sync_data()?;
        at += 2 * PAGE_BYTES;
    }
    Ok(std::fs::remove_file(beside)?)
}

#[test]
fn the_daemon_rebuilds_a_scattered_table_in_the_quiet_time_while_clerks_enter() -> Result<()> {
    let (folder, container) = open_box("rebuilt")?;
    let data = folder.path().join("rebuilt.xfs");
    make_table(&container)?;
    let question = "SELECT COUNT(*), SUM(number), SUM(CRC32(words)) FROM openmrs.scattered";
    let before = sql(&container, question)?;
    container.stop()?;
    DataFile::existing(&data).change(|at| {
        add_to_facility(at, ALL_DAY)?;
        let at = Path::new(at);
        let table = at.join("live/database/openmrs/scattered.ibd");
        scatter(&table, &at.join("held"))
    })?;

    let begun = since_boot_ms()?;
    let mut container = Container::start(&options(&data)?)?;
    container.wait_open(OPEN_BOUND)?;
    let clerk = admin(&container)?;
    let mut added = Vec::new();
    let told = wait::until("the table's rebuild", REBUILT, || {
        added.extend(add(&clerk, 1)?);
        let told = happenings(&container, begun)?;
        let about = |name: &str| name.starts_with("table-rebuil");
        Ok(told.into_iter().find(|one| about(&one.name)))
    })?;
    println!("{told:?}; {} patients were added meanwhile", added.len());
    ensure!(told.name == "table-rebuilt", "{told:?}");
    ensure!(sql(&container, question)? == before, "other rows");
    let checked = sql(&container, "CHECK TABLE openmrs.scattered")?;
    ensure!(checked.trim().ends_with("OK"), "{checked}");
    all_there(&clerk, &added, true)?;
    container.stop()
}
