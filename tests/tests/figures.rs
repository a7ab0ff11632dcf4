//! Figures for docs/benchmarks.md: `./check bench`. Nothing here passes or fails by a time; ratios side by side count.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use posto_tests::command::run;
use posto_tests::container::{Container, DataFile, Limits, Options, facility_file};
use posto_tests::installed::{self, DATA_BYTES};
use posto_tests::release;
use posto_tests::wait;

const OPEN_BOUND: Duration = Duration::from_secs(1800);
/// What makes Java's files ready while the database starts.
const READ_AHEAD: &str = "posto-read-ahead.service";
/// Where posto's programs are.
const OURS: [&str; 2] = ["/usr/bin/posto", "/usr/lib/posto/"];
/// Bytes of a page and of its entry in /proc/PID/pagemap.
const PAGE: u64 = 4096;
const ENTRY: u64 = 8;

/// Seconds from power-on to: the database answering, the open door.
fn boot(data: &DataFile, limits: Limits, masked: &[&str]) -> Result<(f64, f64, Container)> {
    // A power-on finds nothing in memory.
    #[expect(clippy::disallowed_methods, reason = "a kernel control file")]
    std::fs::write("/proc/sys/vm/drop_caches", "3")?;
    let start = Instant::now();
    let options = Options {
        masked: masked.iter().map(|unit| (*unit).to_owned()).collect(),
        ..installed::options(data.path(), limits)?
    };
    let mut container = Container::start(&options)?;
    wait::until("the database", OPEN_BOUND, || {
        Ok(container.is_active("mariadb.service")?.then_some(()))
    })?;
    let database = start.elapsed().as_secs_f64();
    container.wait_open(OPEN_BOUND)?;
    Ok((database, start.elapsed().as_secs_f64(), container))
}

#[test]
fn boot_to_answer_and_memory_at_rest() -> Result<()> {
    let folder = release::scratch()?;
    let box_4_gib = Limits {
        memory_bytes: Some(4 << 30),
        iops: None,
    };
    let hdd = Limits {
        memory_bytes: Some(4 << 30),
        iops: Some(120),
    };
    println!(
        "| boot in a container, cold page cache | database answers, s | OpenMRS through the door, s |"
    );
    println!("|---|---|---|");
    let mut data = None;
    let without: &[&str] = &[READ_AHEAD];
    for (name, limits, fresh, masked) in [
        ("first boot with installation", box_4_gib, true, &[][..]),
        ("later boot", box_4_gib, false, &[]),
        ("later boot, nothing read ahead", box_4_gib, false, without),
        ("later boot, disk at 120 IOPS", hdd, false, &[]),
        (
            "later boot, disk at 120 IOPS, nothing read ahead",
            hdd,
            false,
            without,
        ),
        ("first boot, disk at 120 IOPS", hdd, true, &[]),
    ] {
        if fresh || data.is_none() {
            let file = folder
                .path()
                .join(format!("{}.xfs", name.replace([' ', ','], "-")));
            data = Some(DataFile::create(
                &file,
                DATA_BYTES,
                &facility_file(1, "posto-figuras"),
            )?);
        }
        let file = data.as_ref().context("data")?;
        let (database, open, container) = boot(file, limits, masked)?;
        println!("| {name} | {database:.1} | {open:.1} |");
        if name == "later boot" {
            memory(&container)?;
        }
        if name.starts_with("later") {
            println!(
                "{}",
                container
                    .ask(&[
                        "systemd-analyze",
                        "critical-chain",
                        "--no-pager",
                        "posto.service",
                        "openmrs.service"
                    ])?
                    .out
            );
        }
        container.stop()?;
    }
    Ok(())
}

fn memory(container: &Container) -> Result<()> {
    let pss = |name: &str| -> Result<f64> {
        let pids = container.ask(&["pidof", name])?.out;
        let mut kib = 0.0;
        for pid in pids.split_whitespace() {
            let rollup = container.run(&["cat", &format!("/proc/{pid}/smaps_rollup")])?;
            kib += rollup
                .lines()
                .find_map(|line| {
                    line.strip_prefix("Pss:")?
                        .split_whitespace()
                        .next()?
                        .parse::<f64>()
                        .ok()
                })
                .unwrap_or(0.0);
        }
        Ok(kib * 1024.0 / 1e6)
    };
    for (process, called) in [
        ("java", "Java (stand-in, no ballast)"),
        ("mariadbd", "MariaDB"),
        ("posto", "posto"),
        ("nginx", "nginx"),
    ] {
        println!("memory at rest, PSS: {called}: {:.1} MB", pss(process)?);
    }
    Ok(())
}

/// What a process has used.
#[derive(Debug, Clone, Copy)]
struct Used {
    rss_kib: f64,
    pss_kib: f64,
    processor_s: f64,
}

/// Every process of posto by its id and what it is: `posto daemon`, `posto-watch` ...
fn posto_processes(container: &Container) -> Result<BTreeMap<(String, String), Used>> {
    let ticks: f64 = run(&["getconf", "CLK_TCK"])?.trim().parse()?;
    let mut found = BTreeMap::new();
    for line in container.run(&["ps", "-eo", "pid=,args="])?.lines() {
        let Some((pid, words)) = line.trim().split_once(' ') else {
            continue;
        };
        if !OURS.iter().any(|ours| words.trim().starts_with(ours)) {
            continue;
        }
        let read = |what: &str| container.run(&["cat", &format!("/proc/{pid}/{what}")]);
        let kib = |text: &str, key: &str| {
            text.lines()
                .find_map(|line| {
                    line.strip_prefix(key)?
                        .split_whitespace()
                        .next()?
                        .parse()
                        .ok()
                })
                .unwrap_or(0.0)
        };
        let rollup = read("smaps_rollup")?;
        let stat = read("stat")?;
        // proc(5): after the name in brackets, utime and stime are fields 14 and 15 of the whole line.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .split_whitespace()
            .collect();
        let field = |number: usize| -> Result<f64> {
            Ok(fields
                .get(number - 3)
                .context("/proc/PID/stat is short")?
                .parse()?)
        };
        found.insert(
            (pid.to_owned(), words.trim().to_owned()),
            Used {
                rss_kib: kib(&rollup, "Rss:"),
                pss_kib: kib(&rollup, "Pss:"),
                processor_s: (field(14)? + field(15)?) / ticks,
            },
        );
    }
    Ok(found)
}

/// Pages that posto's processes have in memory. Those of one program are there once and stand in each RSS.
fn pages_counted_once(container: &Container) -> Result<f64> {
    let inside = std::fs::read_link(format!("/proc/{}/ns/pid", container.leader()))?;
    let mut frames = BTreeSet::new();
    for entry in std::fs::read_dir("/proc")? {
        let process = entry?.path();
        let args = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let namespace = std::fs::read_link(process.join("ns/pid")).ok();
        let ours = OURS.iter().any(|ours| args.starts_with(ours.as_bytes()));
        if !ours || namespace.as_ref() != Some(&inside) {
            continue;
        }
        let map = std::fs::File::open(process.join("pagemap"))?;
        for line in std::fs::read_to_string(process.join("maps"))?.lines() {
            let range = line.split_whitespace().next().unwrap_or_default();
            let (from, to) = range.split_once('-').context("/proc/PID/maps")?;
            let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
            for page in from / PAGE..to / PAGE {
                let mut word = [0; 8];
                if map.read_exact_at(&mut word, page * ENTRY).is_err() {
                    // The kernel's own pages at the end of the address space.
                    break;
                }
                // Documentation/admin-guide/mm/pagemap.rst: bit 63 present, bits 0 to 54 the frame.
                let word = u64::from_ne_bytes(word);
                if word >> 63 == 1 {
                    frames.insert(word & ((1 << 55) - 1));
                }
            }
        }
    }
    Ok(frames.len() as f64)
}

/// What posto itself costs while nothing happens. `POSTO_REST_MINUTES` (10) makes it shorter. Goals: 15 MB, 0.1 %.
#[test]
fn posto_at_rest() -> Result<()> {
    let minutes = wait::minutes("POSTO_REST_MINUTES", 10)?;
    let folder = release::scratch()?;
    let data = DataFile::create(
        &folder.path().join("rest.xfs"),
        DATA_BYTES,
        &facility_file(1, "posto-figuras"),
    )?;
    let (_, _, container) = boot(&data, Limits::default(), &[])?;
    // What a boot leaves to do is over.
    wait::pause(Duration::from_secs(60));
    let before = posto_processes(&container)?;
    let begun = Instant::now();
    wait::pause(Duration::from_secs(60 * minutes));
    let seconds = begun.elapsed().as_secs_f64();
    let after = posto_processes(&container)?;
    println!("| posto at rest, {minutes} min | RSS, MB | PSS, MB | processor, % of a core |");
    println!("|---|---|---|---|");
    let mut sum = (0.0, 0.0, 0.0);
    for (process, used) in &after {
        let begun_with = before.get(process).map_or(0.0, |used| used.processor_s);
        let line = (
            used.rss_kib * 1024.0 / 1e6,
            used.pss_kib * 1024.0 / 1e6,
            (used.processor_s - begun_with) / seconds * 100.0,
        );
        println!(
            "| {} | {:.1} | {:.1} | {:.3} |",
            process.1, line.0, line.1, line.2
        );
        sum = (sum.0 + line.0, sum.1 + line.1, sum.2 + line.2);
    }
    println!(
        "| all together | {:.1} | {:.1} | {:.3} |",
        sum.0, sum.1, sum.2
    );
    println!(
        "pages of all of them, each counted once: {:.1} MB",
        pages_counted_once(&container)? * PAGE as f64 / 1e6
    );
    for process in before
        .keys()
        .filter(|process| !after.contains_key(*process))
    {
        println!("ended meanwhile: {process:?}");
    }
    container.stop()
}
