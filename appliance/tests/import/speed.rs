//! A measurement.

use std::path::PathBuf;

use crate::ground::{FakeServices, Ground};

/// Not a test of behaviour: `POSTO_BIG_DUMP=big.sql cargo test -p posto --test import -- --ignored --nocapture`, with a
/// file made by the example `dump`, prints the import's speed and this process's peak memory.
#[test]
#[ignore = "a measurement: ./check bench runs it on a dump that it makes (POSTO_BIG_DUMP)"]
fn measure_a_big_import() {
    let dump = std::env::var_os("POSTO_BIG_DUMP").expect("POSTO_BIG_DUMP names a made dump");
    let dump = PathBuf::from(dump);
    let ground = Ground::new();
    let before = std::time::Instant::now();
    let report = ground.import(&dump, &FakeServices::default()).unwrap();
    let seconds = before.elapsed().as_secs_f64();
    let megabytes = report.bytes as f64 / 1e6;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap()
        .to_string();
    let size = posto::system::process::Invocation::new("du")
        .args(["-sm"])
        .arg(ground.places.database());
    let size = size.run(std::time::Duration::from_secs(60)).unwrap();
    eprintln!(
        "{megabytes:.1} MB, {} rows in {seconds:.1} s: {:.1} MB/s; {peak}; data directory {}",
        report.rows,
        megabytes / seconds,
        String::from_utf8_lossy(&size)
    );
}
