//! Everything on a disk of 120 operations a second: a clinic that enters little, as at night.

use std::time::{Duration, Instant};

use posto::database::rebuild::act;
use posto::database::rebuild::decide::Table;
use posto::snapshot::proof::Depth;

use crate::clinic_box::Box;
use crate::feeling::writers;
use crate::ground::mariadb::block_on;
use crate::throttle::Throttle;
use crate::{ageing, proving, restoring};

const OPERATIONS: u32 = 120;

pub(crate) fn measure(clinic: &mut Box, days: u64) {
    // A day's entries, more or less, wait in memory.
    let writers = writers(clinic);
    writers.wait_for(150);
    writers.stop();
    let Some(throttle) = Throttle::new(&clinic.xfs.path(), OPERATIONS) else {
        return;
    };
    let begun = Instant::now();
    let id = clinic.snapshot();
    let manifest = clinic.listed(id).manifest;
    eprintln!(
        "120 IOPS: snapshot taken in {:.1} s, commits held {:.0} ms",
        begun.elapsed().as_secs_f64(),
        manifest.held_us as f64 / 1e3
    );
    for depth in [Depth::Quick, Depth::Full] {
        let (words, _) = proving::prove(&clinic.places, &clinic.listed(id), depth);
        eprintln!("120 IOPS: {} proof {words}", depth.code());
    }
    restoring::measure(clinic, "120 IOPS", 10);
    drop(throttle);
    scans(clinic, "new");

    clinic.stop();
    let mut random = ageing::Random(7);
    for _ in 0..days {
        ageing::pass(clinic, &mut random);
    }
    scans(clinic, "aged");
    clinic.start();
    let throttle = Throttle::new(&clinic.xfs.path(), OPERATIONS);
    let begun = Instant::now();
    let id = clinic.snapshot();
    eprintln!(
        "120 IOPS, aged ({} extents): snapshot taken in {:.1} s, commits held {:.0} ms",
        ageing::extents(clinic),
        begun.elapsed().as_secs_f64(),
        clinic.listed(id).manifest.held_us as f64 / 1e3
    );
    let (words, _) = proving::prove(&clinic.places, &clinic.listed(id), Depth::Full);
    eprintln!("120 IOPS, aged: full proof {words}");
    rebuild(clinic);
    drop(throttle);
    scans(clinic, "rebuilt");
}

fn rebuild(clinic: &Box) {
    let table = Table {
        schema: "openmrs".into(),
        name: "obs".into(),
        bytes: 0,
        extents: 0,
    };
    let socket = clinic.places.database_socket();
    let outcome = block_on(act::rebuild(&socket, &table, &mut || None)).unwrap();
    eprintln!("120 IOPS: rebuild of obs: {outcome:?}");
}

/// From end to end, with the throttle and without.
fn scans(clinic: &Box, age: &str) {
    let file = ageing::table(clinic);
    let bytes = std::fs::metadata(&file).unwrap().len();
    let free = ageing::scan(&file);
    let throttle = Throttle::new(&clinic.xfs.path(), OPERATIONS);
    let slow = ageing::scan(&file);
    drop(throttle);
    let rate = |took: Duration| bytes as f64 / 1e6 / took.as_secs_f64();
    eprintln!(
        "{age} obs ({} MB, {} extents) read whole, cold: {:.1} s ({:.0} MB/s); at 120 IOPS {:.1} s ({:.1} MB/s)",
        bytes / 1_000_000,
        ageing::extents(clinic),
        free.as_secs_f64(),
        rate(free),
        slow.as_secs_f64(),
        rate(slow)
    );
}
