//! A healthy slow box is never touched. `POSTO_SLOW_MINUTES` (10) makes it shorter.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use posto_tests::command::ending_with_us;
use posto_tests::container::{Limits, enter_prefix};
use posto_tests::faults::{Writer, happenings, lost, open_box, since_boot_ms, starts};
use posto_tests::http;
use posto_tests::wait;

use crate::ground::main_pid;

const BUSY_LOOPS: usize = 8;
const IOPS: u32 = 120;
const UNITS: [&str; 3] = ["openmrs.service", "mariadb.service", "posto.service"];
const CLERK_WAITS: Duration = Duration::from_secs(60);

#[test]
fn a_healthy_slow_box_is_never_touched() -> Result<()> {
    let minutes = wait::minutes("POSTO_SLOW_MINUTES", 10)?;
    let limits = Limits {
        memory_bytes: None,
        iops: Some(IOPS),
    };
    let opened = open_box("slow", limits, &[])?;
    let container = &opened.container;
    let pids =
        || -> Result<Vec<String>> { UNITS.iter().map(|unit| main_pid(container, unit)).collect() };
    let counted =
        || -> Result<Vec<usize>> { UNITS.iter().map(|unit| starts(container, unit)).collect() };
    let (pids_before, starts_before) = (pids()?, counted()?);
    let begun_ms = since_boot_ms()?;
    let begun = Instant::now();
    let mut loops = Vec::new();
    for _ in 0..BUSY_LOOPS {
        let prefix = enter_prefix(container.leader());
        loops.push(
            ending_with_us(&prefix)
                .args([
                    "setpriv",
                    "--pdeathsig",
                    "KILL",
                    // In a session of its own: the scheduler shares the processor out among sessions, not processes.
                    "setsid",
                    "sh",
                    "-c",
                    "while :; do :; done",
                ])
                .stdin(Stdio::null())
                .spawn()?,
        );
    }
    let writer = Writer::start(opened.clerk()?.with_patience(CLERK_WAITS));
    let mut shut = 0;
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        let url = format!("http://{}/openmrs/", container.address());
        // The door's own page has this header; silence under load is no shut door.
        if http::get(&url, CLERK_WAITS).is_ok_and(|page| page.retry_after.is_some()) {
            shut += 1;
        }
        wait::pause(Duration::from_secs(1));
    }
    let load = std::fs::read_to_string("/proc/loadavg")?;
    for child in &mut loops {
        child.kill().ok();
        child.wait().ok();
    }
    let log = writer.stop()?;
    let mut took: Vec<Duration> = log
        .attempts
        .iter()
        .filter(|attempt| attempt.acknowledged)
        .map(|attempt| attempt.ended.duration_since(attempt.begun))
        .collect();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len().saturating_sub(1) * share / 100);
    let lost = lost(container, &log.added)?;
    let events = happenings(container, begun_ms)?;
    println!(
        "healthy but slow, {minutes} min under {BUSY_LOOPS} busy loops and {IOPS} IOPS (load {}): {} entries, {} refused, {} lost; \
         a write took p50 {:?}, p99 {:?}, longest {:?}; door seen shut {shut} times; events {:?}",
        load.split_whitespace().next().unwrap_or("?"),
        log.added.len(),
        log.failures_since(begun),
        lost.len(),
        at(50),
        at(99),
        at(100),
        events
            .iter()
            .map(|event| format!("{}: {}", event.name, event.words))
            .collect::<Vec<_>>()
    );
    ensure!(lost.is_empty(), "lost: {:?}", lost.first());
    ensure!(pids()? == pids_before, "a process was exchanged");
    ensure!(counted()? == starts_before, "a service was started again");
    ensure!(shut == 0, "the door was shut {shut} times");
    ensure!(
        !events
            .iter()
            .any(|event| event.name.contains("door-shut") || event.name.contains("restart")),
        "the box acted on a healthy clinic"
    );
    opened.container.stop()
}
