//! Figures for docs/benchmarks.md: `./check bench`. Nothing here passes or fails by a time; ratios side by side count.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use posto_tests::container::{Container, DataFile, Limits, Options, facility_file};
use posto_tests::http;
use posto_tests::wait;

const OPEN_BOUND: Duration = Duration::from_secs(1800);

fn release() -> Result<PathBuf> {
    Ok(PathBuf::from(
        std::env::var_os("POSTO_RELEASE_DIR")
            .context("POSTO_RELEASE_DIR is not set: run ./check bench")?,
    ))
}

/// Seconds from power-on to: the database answering, the open door.
fn boot(data: &DataFile, limits: Limits) -> Result<(f64, f64, Container)> {
    let console = data.path().with_extension("console.log");
    // A power-on finds nothing in memory.
    #[expect(clippy::disallowed_methods, reason = "a kernel control file")]
    std::fs::write("/proc/sys/vm/drop_caches", "3")?;
    let start = Instant::now();
    let container = Container::start(&Options {
        release: release()?,
        data: data.path().to_owned(),
        number: 1,
        limits,
        console: Some(console),
    })?;
    wait::until("the database", OPEN_BOUND, || {
        Ok((container
            .ask(&["systemctl", "is-active", "--quiet", "mariadb.service"])?
            .code
            == 0)
            .then_some(()))
    })?;
    let database = start.elapsed().as_secs_f64();
    let url = format!("http://{}/openmrs/health/started", container.address());
    wait::until("OpenMRS", OPEN_BOUND, || {
        Ok(http::get(&url, Duration::from_secs(5))
            .ok()
            .filter(|answer| answer.status == 200)
            .map(|_| ()))
    })?;
    Ok((database, start.elapsed().as_secs_f64(), container))
}

#[test]
fn boot_to_answer_and_memory_at_rest() -> Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("posto-figures-")
        .tempdir_in(release()?.parent().context("parent")?)?;
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
    for (name, limits, fresh) in [
        ("first boot with installation", box_4_gib, true),
        ("later boot", box_4_gib, false),
        ("later boot, disk at 120 IOPS", hdd, false),
        ("first boot, disk at 120 IOPS", hdd, true),
    ] {
        if fresh || data.is_none() {
            let file = folder
                .path()
                .join(format!("{}.xfs", name.replace([' ', ','], "-")));
            data = Some(DataFile::create(
                &file,
                4 << 30,
                &facility_file(1, "posto-figuras"),
            )?);
        }
        let file = data.as_ref().context("data")?;
        let (database, open, container) = boot(file, limits)?;
        println!("| {name} | {database:.1} | {open:.1} |");
        if name == "later boot" {
            memory(&container)?;
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
