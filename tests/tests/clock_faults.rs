//! A dead clock: the box boots in 1970, in 2099, in 1970 again and at the right time, always on the same data. In QEMU, since
//! a container has its host's clock.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test clock_faults -- --nocapture`

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::qemu::Site;
use posto_tests::qemu::site::OPEN_LIMIT;
use posto_tests::standin::{Added, Clinic};
use posto_tests::{http, release};

/// A record is looked for while the box is still warming up.
const PATIENCE: Duration = Duration::from_secs(60);
const RECORDS_A_BOOT: usize = 5;
/// A box with the right time is no further from this machine; its release's build, the clock's floor, may be a day ahead.
const RIGHT_S: u64 = 2 * 86_400;

/// Seconds since 1970 of what date(1) understands.
fn unix_seconds(date: &str) -> Result<i64> {
    Ok(run(&["date", "--utc", "--date", date, "+%s"])?
        .trim()
        .parse()?)
}

/// What the box's own clock says, by its door's answer.
fn clock_of(site: &Site) -> Result<String> {
    let answer = http::get(&format!("{}/openmrs/", site.url()), PATIENCE)?;
    answer.date.context("the door's answer has no date")
}

/// How many of these records are not there any more.
fn count_lost(clerk: &Clinic, acknowledged: &[Added]) -> Result<usize> {
    let mut lost = 0;
    for uuid in acknowledged.iter().flat_map(Added::uuids) {
        lost += usize::from(!clerk.has(uuid)?);
    }
    Ok(lost)
}

#[test]
fn a_clock_in_1970_and_in_2099_neither_shuts_the_door_nor_loses_a_record() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clock");
    let site = Site::new(&folder, &release::disk_image()?)?;
    let mut admin: Option<Clinic> = None;
    let mut acknowledged: Vec<Added> = Vec::new();
    println!(
        "| the hardware's clock shows | door open after, s | the box's clock says | records of before | lost |"
    );
    println!("|---|---|---|---|---|");
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
        // The password is made once, at the first boot.
        let clerk = match &admin {
            Some(clerk) => clerk,
            None => admin.insert(site.admin(OPEN_LIMIT)?.with_patience(PATIENCE)),
        };
        let lost = count_lost(clerk, &acknowledged)?;
        let says = clock_of(&site)?;
        println!(
            "| {shows} | {:.0} | {says} | {} | {lost} |",
            opened.as_secs_f64(),
            acknowledged.len()
        );
        ensure!(
            lost == 0,
            "{shows}: {lost} acknowledged records are missing"
        );
        if clock.is_none() {
            // What an earlier boot took for the time is forgotten.
            let off_s = unix_seconds(&says)?.abs_diff(unix_seconds("now")?);
            ensure!(off_s <= RIGHT_S, "the box's clock is wrong: {says}");
        }
        for _ in 0..RECORDS_A_BOOT {
            acknowledged.push(clerk.add_patient()?);
        }
        // Ends by a power cut: what was acknowledged in a wrong year is looked for in the next boot.
        machine.power_off()?;
    }
    Ok(())
}
