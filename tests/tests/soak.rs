//! Thirty clerks at once on a small box, for an hour: no record lost, no memory that grows, nothing restarted.
//! `POSTO_SOAK_MINUTES` (60) makes it shorter. The stand-in carries its ballast: what a server with 25 modules weighs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use posto_tests::container::{Container, Limits};
use posto_tests::faults::{OPEN_BOUND, happenings, lost, open_box, since_boot_ms, starts};
use posto_tests::standin::{Added, Clinic};
use posto_tests::wait;

const CLERKS: u64 = 30;
const MARKS: u32 = 6;
const MEMORY_BYTES: u64 = 4 << 30;
/// A clerk types and reads between two clicks; milliseconds, at least and at most.
const THINKING_MS: (u64, u64) = (500, 1500);
/// What posto-generator gives a 4 GB box (`appliance/src/sizing.rs`). In a container it sees this machine's memory instead.
const SIZES: [(&str, &str); 2] = [
    (
        "mariadb.service",
        "Environment=POOL=--innodb-buffer-pool-size=512M",
    ),
    (
        "openmrs.service",
        "Environment=\"JAVA_SIZE=-Xmx1024m -XX:MaxMetaspaceSize=384m\"",
    ),
];
const UNITS: [&str; 4] = [
    "openmrs.service",
    "mariadb.service",
    "posto.service",
    "nginx.service",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Click {
    Write,
    Read,
    LoginPage,
    Count,
}

#[derive(Debug, Default)]
struct Seen {
    took: BTreeMap<Click, Vec<Duration>>,
    added: Vec<Added>,
    refused: Vec<String>,
}

#[test]
fn thirty_clerks_for_an_hour_lose_nothing_and_leave_no_mark_in_memory() -> Result<()> {
    let minutes = wait::minutes("POSTO_SOAK_MINUTES", 60)?;
    let limits = Limits {
        memory_bytes: Some(MEMORY_BYTES),
        iops: None,
    };
    let mut opened = open_box("soak", limits, &["standin.ballast=on"])?;
    size_as_a_box_of_4_gb(&mut opened.container)?;
    let clerk = opened.clerk()?.with_patience(Duration::from_secs(30));
    let container = &opened.container;
    let group = PathBuf::from(format!("/sys/fs/cgroup/memory/{}", container.name()));
    let starts_before = count(container)?;
    let (begun, begun_ms) = (Instant::now(), since_boot_ms()?);
    let whole = Duration::from_secs(60 * minutes);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let clerks: Vec<_> = (0..CLERKS)
        .map(|number| {
            let (clerk, seen, stop) = (clerk.clone(), Arc::clone(&seen), Arc::clone(&stop));
            std::thread::spawn(move || work(&clerk, number, &seen, &stop))
        })
        .collect();

    println!(
        "| minute | java, MB | mariadbd, MB | posto, MB | group in use, MB | limit hit | killed | load of this machine |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let marked = (0..=MARKS).try_for_each(|mark| {
        let until = whole * mark / MARKS;
        wait::pause(until.saturating_sub(begun.elapsed()));
        print_mark(container, &group, until)
    });
    stop.store(true, Ordering::Relaxed);
    for clerk in clerks {
        clerk.join().ok();
    }
    marked?;

    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    println!("| click | number | p50, ms | p99, ms | longest, ms |");
    println!("|---|---|---|---|---|");
    for (click, mut took) in seen.took {
        took.sort_unstable();
        let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1e3;
        println!(
            "| {click:?} | {} | {:.0} | {:.0} | {:.0} |",
            took.len(),
            at(50),
            at(99),
            at(100)
        );
    }
    let lost = lost(container, &seen.added)?;
    println!(
        "{minutes} minutes, {CLERKS} clerks: {} entries acknowledged, {} records lost, {} clicks refused",
        seen.added.len(),
        lost.len(),
        seen.refused.len()
    );
    for refused in seen.refused.iter().take(5) {
        println!("refused: {refused}");
    }
    for event in happenings(container, begun_ms)? {
        println!("event {}: {}", event.name, event.words);
    }
    let killed = number(&group.join("memory.oom_control"), "oom_kill")?;
    ensure!(lost.is_empty(), "lost: {:?}", lost.first());
    ensure!(
        killed == 0,
        "the kernel killed {killed} processes for memory"
    );
    ensure!(
        count(container)? == starts_before,
        "a service was started again: {:?} before, {:?} now",
        starts_before,
        count(container)?
    );
    ensure!(seen.refused.is_empty(), "clicks were refused");
    opened.container.stop()
}

fn size_as_a_box_of_4_gb(container: &mut Container) -> Result<()> {
    for (unit, line) in SIZES {
        let words = format!(
            "mkdir -p /run/systemd/system/{unit}.d && printf '[Service]\\n%s\\n' '{line}' > /run/systemd/system/{unit}.d/90-size.conf"
        );
        container.run(&["sh", "-c", &words])?;
    }
    container.run(&["systemctl", "daemon-reload"])?;
    container.run(&["systemctl", "stop", "openmrs.service", "mariadb.service"])?;
    container.run(&["systemctl", "start", "mariadb.service", "openmrs.service"])?;
    container.wait_open(OPEN_BOUND)?;
    let java = container.run(&["ps", "-C", "java", "-o", "args="])?;
    ensure!(java.contains("-Xmx1024m"), "not sized: {java}");
    Ok(())
}

fn work(clerk: &Clinic, number: u64, seen: &Mutex<Seen>, stop: &AtomicBool) {
    // Any sequence will do, the same in every run.
    let mut dice = Dice(number + 1);
    let mut mine: Option<String> = None;
    while !stop.load(Ordering::Relaxed) {
        let click = match dice.below(10) {
            0..3 => Click::Write,
            3..8 if mine.is_some() => Click::Read,
            8 => Click::Count,
            _ => Click::LoginPage,
        };
        let begun = Instant::now();
        let mut added = None;
        let said = match (click, &mine) {
            (Click::Write, _) => clerk.add_patient().map(|it| added = Some(it)),
            (Click::Read, Some(uuid)) => clerk.has(uuid).and_then(|there| {
                ensure!(there, "{uuid} was acknowledged and is not there");
                Ok(())
            }),
            (Click::Count, _) => clerk.counts().map(drop),
            _ => clerk.login_page(),
        };
        let took = begun.elapsed();
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            match said {
                Ok(()) => seen.took.entry(click).or_default().push(took),
                Err(error) => seen.refused.push(format!("{click:?}: {error:#}")),
            }
            if let Some(added) = added {
                mine = Some(added.patient.clone());
                seen.added.push(added);
            }
        }
        let (least, most) = THINKING_MS;
        wait::pause(Duration::from_millis(least + dice.below(most - least)));
    }
}

fn print_mark(container: &Container, group: &std::path::Path, at: Duration) -> Result<()> {
    let processes = container.run(&["ps", "-eo", "rss=,comm="])?;
    let rss = |name: &str| -> f64 {
        processes
            .lines()
            .filter_map(|line| line.trim().split_once(' '))
            .filter(|(_, comm)| comm.trim().starts_with(name))
            .filter_map(|(rss, _)| rss.parse::<f64>().ok())
            .sum::<f64>()
            * 1024.0
            / 1e6
    };
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!(
        "| {:.0} | {:.0} | {:.0} | {:.1} | {:.0} | {} | {} | {} |",
        at.as_secs_f64() / 60.0,
        rss("java"),
        rss("mariadbd"),
        rss("posto"),
        number(&group.join("memory.usage_in_bytes"), "")? as f64 / 1e6,
        number(&group.join("memory.failcnt"), "")?,
        number(&group.join("memory.oom_control"), "oom_kill")?,
        load.split_whitespace().next().unwrap_or("?"),
    );
    Ok(())
}

/// The number after `key` in a control file of the kernel; an empty key: the file is the number.
fn number(file: &std::path::Path, key: &str) -> Result<u64> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    text.lines()
        .find_map(|line| {
            let mut words = line.split_whitespace();
            if !key.is_empty() && words.next() != Some(key) {
                return None;
            }
            words.next()?.parse().ok()
        })
        .with_context(|| format!("{} has no {key}", file.display()))
}

fn count(container: &Container) -> Result<Vec<usize>> {
    UNITS.iter().map(|unit| starts(container, unit)).collect()
}

/// xorshift64: a load, not a secret.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
