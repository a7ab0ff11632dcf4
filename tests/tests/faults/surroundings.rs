//! What can happen around the clinic.

use std::time::Duration;

use anyhow::{Result, ensure};
use posto_tests::container::Container;
use posto_tests::wait;

use crate::ground::{BACK_BOUND, go_through, shell};

/// `SystemMaxUse=` with the files that are being written, MB.
const JOURNAL_MAX_MB: u64 = 300;

/// Lines that cannot be compressed, as long as journald takes them: 900 MB.
fn flood(container: &Container) -> Result<()> {
    shell(
        container,
        "head -c 675M /dev/urandom | base64 -w 40000 | systemd-cat -t flood",
    )?;
    wait::pause(Duration::from_secs(10));
    Ok(())
}

fn logs_are_bounded(container: &Container) -> Result<()> {
    let used = shell(container, "du -sm /var/log | cut -f1")?;
    let free = shell(container, "df -h --output=avail /data | tail -1")?;
    println!(
        "# /var/log {} MB, free on the disk {}",
        used.trim(),
        free.trim()
    );
    ensure!(
        used.trim().parse::<u64>()? <= JOURNAL_MAX_MB,
        "the logs grew beyond their bound: {used} MB"
    );
    Ok(())
}

#[test]
fn a_flood_of_logs_neither_fills_the_disk_nor_stops_the_clinic() -> Result<()> {
    let outcome = go_through(
        "logs",
        "/var flooded with logs",
        None,
        |container, _| flood(container),
        |trial| trial.recovers(BACK_BOUND)?.then(logs_are_bounded).map(drop),
    )?;
    ensure!(outcome.refused == 0, "a clerk noticed");
    Ok(())
}
