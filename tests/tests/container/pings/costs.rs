//! What pings cost the box: memory and processor time of the daemon and the watcher. Figures, not judged here.

use std::time::Duration;

use anyhow::{Context, Result};
use posto_tests::container::Container;
use posto_tests::hub::Hub;
use posto_tests::wait;

use super::{Ground, SENDER};

/// Minutes of the longer measurement; without it one reading is printed.
const MINUTES: &str = "POSTO_PING_MINUTES";
/// sysconf(_SC_CLK_TCK): 100 on x86.
const TICKS_PER_SECOND: f64 = 100.0;

const UNITS: [&str; 2] = ["posto.service", "posto-watch.service"];

/// One process: resident memory, and the processor time since its start.
#[derive(Debug, Clone, Copy)]
struct Reading {
    rss_mb: f64,
    processor_s: f64,
}

fn read(proc: &dyn Fn(&str) -> Result<String>) -> Result<Reading> {
    let status = proc("status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = kib.and_then(|rest| rest.split_whitespace().next());
    let kib: f64 = kib.context("no VmRSS")?.parse()?;
    let stat = proc("stat")?;
    // proc_pid_stat(5): behind the name, which may hold blanks, utime and stime are the 12th and 13th.
    let (_, behind) = stat.rsplit_once(')').context("stat")?;
    let ticks = |at| -> Result<f64> {
        let field = behind.split_whitespace().nth(at).context("stat")?;
        Ok(field.parse()?)
    };
    Ok(Reading {
        rss_mb: kib * 1024.0 / 1e6,
        processor_s: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
    })
}

fn of_unit(container: &Container, unit: &str) -> Result<Reading> {
    let pid = container.property(unit, "MainPID")?;
    read(&|name| container.run(&["cat", &format!("/proc/{pid}/{name}")]))
}

fn of_hub(hub: &Hub) -> Result<Reading> {
    let pid = hub.pid();
    read(&|name| Ok(std::fs::read_to_string(format!("/proc/{pid}/{name}"))?))
}

/// Prints them.
pub(super) fn printed(ground: &Ground, hub: &Hub) -> Result<()> {
    let minutes = wait::minutes(MINUTES, 0)?;
    let container = &ground.container;
    let all = || -> Result<Vec<(&str, Reading)>> {
        let mut all = Vec::new();
        for unit in UNITS {
            all.push((unit, of_unit(container, unit)?));
        }
        all.push(("the hub", of_hub(hub)?));
        Ok(all)
    };
    let (before, kept) = (all()?, ground.kept()?.len());
    for (name, now) in &before {
        println!(
            "{name}: {:.1} MB, {:.2} s of a processor since its start",
            now.rss_mb, now.processor_s
        );
    }
    if minutes == 0 {
        return Ok(());
    }
    wait::pause(Duration::from_secs(minutes * 60));
    println!(
        "{minutes} minutes at rest, {} pings came:",
        ground.kept()?.len() - kept
    );
    for ((name, now), (_, before)) in all()?.into_iter().zip(before) {
        let used = now.processor_s - before.processor_s;
        println!(
            "  {name}: {:.1} MB (before {:.1}), {used:.2} s of a processor: {:.2} %",
            now.rss_mb,
            before.rss_mb,
            used / (minutes as f64 * 60.0) * 100.0
        );
    }
    let since = format!("--since=-{minutes}min");
    let said = container.run(&[
        "journalctl",
        "--unit",
        SENDER,
        "-ocat",
        "--no-pager",
        &since,
    ])?;
    let consumed: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("Consumed"))
        .collect();
    println!("  senders: {} {consumed:?}", consumed.len());
    Ok(())
}
