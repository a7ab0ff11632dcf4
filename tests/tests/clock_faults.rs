//! A dead clock: the box boots in 1970 and in 2099, and back. In QEMU, since a container has its host's clock.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test clock_faults -- --nocapture`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use posto_tests::qemu::Site;
use posto_tests::standin::Added;

const OPEN_LIMIT: Duration = Duration::from_secs(1500);
const RECORDS_A_BOOT: usize = 5;

#[test]
fn a_clock_in_1970_and_in_2099_neither_shuts_the_door_nor_loses_a_record() -> Result<()> {
    let release = std::env::var_os("POSTO_RELEASE_DIR")
        .context("POSTO_RELEASE_DIR names a release with disk.img")?;
    let image = PathBuf::from(release).join("disk.img");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clock");
    let site = Site::new(&folder, &image)?;
    let mut acknowledged: Vec<Added> = Vec::new();
    println!("| the clock shows | door open after, s | records of before | lost |");
    println!("|---|---|---|---|");
    for (shows, clock) in [
        ("1970, first boot", Some("1970-01-01T00:00:00")),
        ("2099", Some("2099-01-01T00:00:00")),
        ("1970 again", Some("1970-01-01T00:00:00")),
        ("the right time", None),
    ] {
        let begun = Instant::now();
        let machine = match clock {
            Some(clock) => site.start_at(clock)?,
            None => site.start()?,
        };
        site.wait_for_open_door(OPEN_LIMIT)
            .with_context(|| format!("the clock shows {shows}"))?;
        let opened = begun.elapsed();
        let clerk = site.admin(OPEN_LIMIT)?;
        let mut lost = 0;
        for uuid in acknowledged.iter().flat_map(Added::uuids) {
            lost += usize::from(!clerk.has(uuid)?);
        }
        println!(
            "| {shows} | {:.0} | {} | {lost} |",
            opened.as_secs_f64(),
            acknowledged.len()
        );
        ensure!(
            lost == 0,
            "{shows}: {lost} acknowledged records are missing"
        );
        for _ in 0..RECORDS_A_BOOT {
            acknowledged.push(clerk.add_patient()?);
        }
        machine.power_off()?;
    }
    Ok(())
}
