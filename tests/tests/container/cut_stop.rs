//! A power cut inside a stop: data that the database server refuses, live and in a snapshot, on the box itself.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::container::{Container, DataFile};
use posto_tests::faults::{happenings, since_boot_ms};
use posto_tests::wait;

use crate::ground::{OPEN_BOUND, open_box, options};

const WRITING: Duration = Duration::from_secs(60);
/// Of the first event's flags: 4 bytes of magic, 17 of its head (sql/log_event.h).
const FLAGS_AT: u64 = 21;
const COUNT: &str = "SELECT COUNT(*) FROM openmrs.cut_stop";

fn sql(container: &Container, statement: &str) -> Result<String> {
    container.run(&["mariadb", "--batch", "--skip-column-names", "-e", statement])
}

fn count(container: &Container) -> Result<u64> {
    Ok(sql(container, COUNT)?.trim().parse()?)
}

/// The journal that was being written when the box was killed.
fn last_journal(database: &Path) -> Result<PathBuf> {
    let index = std::fs::read_to_string(database.join("binlog.index"))?;
    let name = index
        .lines()
        .last()
        .and_then(|line| line.rsplit('/').next());
    Ok(database.join(name.context("binlog.index")?))
}

/// As the server marks it when it is told to end, before InnoDB flushes.
fn close_journal(database: &Path) -> Result<()> {
    let path = last_journal(database)?;
    let mut file = File::options().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(FLAGS_AT))?;
    let mut flags = [0];
    file.read_exact(&mut flags)?;
    ensure!(flags == [1], "the journal was not in use: {flags:?}");
    file.seek(SeekFrom::Start(FLAGS_AT))?;
    Ok(file.write_all(&[0])?)
}

/// Kills the box while somebody commits: the last commits' ends are in memory only. How many rows there must be at least.
fn killed_while_writing(container: Container) -> Result<u64> {
    let writing = "while :; do mariadb -e 'INSERT INTO openmrs.cut_stop VALUES (NULL)'; done";
    container.run(&["systemd-run", "--unit=writing", "sh", "-c", writing])?;
    let acknowledged = wait::until("rows", WRITING, || {
        Ok(Some(count(&container)?).filter(|rows| *rows >= 20))
    })?;
    container.kill()?;
    Ok(acknowledged)
}

#[test]
fn a_database_that_refuses_after_a_cut_stop_serves_again_and_its_snapshots_too() -> Result<()> {
    let (folder, container) = open_box("cut-stop")?;
    let data = folder.path().join("cut-stop.xfs");
    sql(
        &container,
        "CREATE TABLE openmrs.cut_stop (number INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB",
    )?;
    let posto = |container: &Container, words: &[&str]| {
        container.run(&[&["/usr/bin/posto"], words].concat())
    };
    posto(&container, &["snapshot", "take"])?;
    let acknowledged = killed_while_writing(container)?;
    let id = DataFile::existing(&data).change(|at| {
        let at = Path::new(at);
        close_journal(&at.join("live/database"))?;
        // The newest snapshot's database becomes such a one, too.
        let mut shelf: Vec<PathBuf> = std::fs::read_dir(at.join("snapshots"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        shelf.sort();
        let newest = shelf.last().context("no snapshot")?;
        let into = newest.join("database");
        std::fs::remove_dir_all(&into)?;
        let words = |path: &Path| path.to_str().map(str::to_owned).context("path");
        let (from, into) = (words(&at.join("live/database"))?, words(&into)?);
        run(&["cp", "-a", "--reflink=always", &from, &into])?;
        let id: u64 = newest
            .file_name()
            .and_then(|name| name.to_str())
            .context("name")?
            .parse()?;
        Ok(id.to_string())
    })?;

    let begun = since_boot_ms()?;
    let mut container = Container::start(&options(&data)?)?;
    container.wait_open(OPEN_BOUND)?;
    let said = container.run(&["journalctl", "--boot", "-u", "mariadb", "--output=cat"])?;
    ensure!(
        said.contains("prepared transactions! It means that"),
        "the server did not refuse: this test shows nothing: {said}"
    );
    let told = happenings(&container, begun)?;
    let mended: Vec<_> = told
        .iter()
        .filter(|one| one.name == "database-mended")
        .collect();
    println!("{mended:?}");
    ensure!(mended.len() == 1, "{told:?}");
    let rows = count(&container)?;
    println!("{acknowledged} rows were counted before the kill, {rows} are there");
    ensure!(rows >= acknowledged, "{rows} of {acknowledged}");

    println!("{}", posto(&container, &["snapshot", "verify", &id])?);
    sql(&container, "DROP TABLE openmrs.cut_stop")?;
    println!("{}", posto(&container, &["restore", &id, "--yes"])?);
    container.wait_open(OPEN_BOUND)?;
    ensure!(count(&container)? == rows, "the snapshot's rows");
    container.stop()
}
