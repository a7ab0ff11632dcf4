//! What can happen around the clinic.

use std::time::Duration;

use anyhow::{Result, ensure};
use posto_tests::faults::Trial;
use posto_tests::wait;

use crate::ground::{BACK_BOUND, open_box, shell};

/// `SystemMaxUse=` with the files that are being written, MB.
const JOURNAL_MAX_MB: u64 = 300;

#[test]
fn a_flood_of_logs_neither_fills_the_disk_nor_stops_the_clinic() -> Result<()> {
    let opened = open_box("logs")?;
    let mut trial = Trial::inject(
        "/var flooded with logs",
        None,
        &opened.container,
        opened.clerk()?,
        |container| {
            // Lines that cannot be compressed, as long as journald takes them: 900 MB.
            shell(
                container,
                "head -c 675M /dev/urandom | base64 -w 40000 | systemd-cat -t flood",
            )
            .map(drop)
        },
    )?;
    wait::pause(Duration::from_secs(10));
    trial.recovers(BACK_BOUND)?;
    let used = shell(&opened.container, "du -sm /var/log | cut -f1")?;
    let free = shell(&opened.container, "df -h --output=avail /data | tail -1")?;
    println!(
        "# /var/log {} MB, free on the disk {}",
        used.trim(),
        free.trim()
    );
    ensure!(
        used.trim().parse::<u64>()? <= JOURNAL_MAX_MB,
        "the logs grew beyond their bound: {used} MB"
    );
    let outcome = trial.finish()?;
    ensure!(outcome.refused == 0, "a clerk noticed");
    opened.container.stop()
}
