//! What the guards keep and hold back. Faults themselves, with their times, are in the fault table (tests/faults).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::container::Limits;
use posto_tests::faults::{happenings, open_box, since_boot_ms};
use posto_tests::installed::OpenBox;
use posto_tests::wait;

use crate::ground::OPEN_BOUND;

/// The heap of a large box (4 GiB) must be filled first, on a machine that others use as well.
const NOTICE_BOUND: Duration = Duration::from_secs(600);

#[test]
fn what_filled_javas_heap_is_kept_and_java_starts_again() -> Result<()> {
    let mut opened = open_box("histogram", Limits::default(), &[])?;
    let begun = since_boot_ms()?;
    let pid = |opened: &OpenBox| opened.container.property("openmrs.service", "MainPID");
    let before = pid(&opened)?;
    let clerk = opened.clerk()?;
    // It does not answer when the heap is gone.
    clerk.cause_fault("oom").ok();
    let event = wait::until("the event heap-exhausted", NOTICE_BOUND, || {
        let found = happenings(&opened.container, begun)?;
        Ok(found
            .into_iter()
            .find(|happening| happening.name == "heap-exhausted"))
    })?;
    println!(
        "{:.1} s after the fault: {}",
        (event.since_boot_ms - begun) as f64 / 1000.0,
        event.words
    );
    let file = event
        .words
        .split_whitespace()
        .find(|word| word.contains("/histograms/"))
        .context("the event names no file")?;
    let file = file.trim_end_matches(['.', ';']);
    let text = opened.container.run(&["cat", file])?;
    println!("{}", text.lines().take(6).collect::<Vec<_>>().join("\n"));
    ensure!(
        text.contains("#instances") && text.contains("[B") && text.lines().count() <= 200,
        "this is not what fills a heap: {text}"
    );
    opened.container.wait_open(OPEN_BOUND)?;
    ensure!(pid(&opened)? != before, "Java was not ended");
    opened.container.stop()
}

#[test]
fn room_is_held_back_for_the_databases_orderly_end() -> Result<()> {
    let opened = open_box("reserve", Limits::default(), &[])?;
    wait::until("the reserve", Duration::from_secs(60), || {
        let size = opened
            .container
            .ask(&["stat", "--format=%b", "/data/posto/reserve"])?;
        let blocks: u64 = size.out.trim().parse().unwrap_or(0);
        Ok((blocks * 512 >= 128 << 20).then_some(()))
    })?;
    opened.container.stop()
}
