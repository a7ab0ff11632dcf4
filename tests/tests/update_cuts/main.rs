//! Power cuts of an update: what a box trusts, what it has fetched, and the slot it fills, on a real XFS on a disk that records what it
//! is told; then the disk as a cut at many moments could have left it, questioned by the box's own code.
//!
//! `cargo test -p posto-tests --test update_cuts -- --nocapture short` (or `full`: every moment before a flush, every fate)
//!
//! Needs root, /dev/fuse, loop devices, mkfs.xfs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test's steps fail by panicking, with the error in the message"
)]

mod check;
#[path = "../crash/ground.rs"]
#[allow(dead_code, reason = "the database's harness uses more of it")]
mod ground;
#[path = "../../../appliance/src/update/ground.rs"]
#[allow(dead_code, reason = "the slot's own tests use more of it")]
mod ground_of_slots;
#[path = "../../../signing/tests/made/mod.rs"]
mod made;
#[path = "../crash/recorded.rs"]
mod recorded;
mod release;
mod work;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use posto_tests::powercut::record::Entry;
use posto_tests::powercut::{Fate, Rebuilt};

use ground::{Ground, Mounted, Watchdog};
use posto::update::slot;
use recorded::Disk;

const FATES: [Fate; 5] = [
    Fate::AllLost,
    Fate::SectorsLost,
    Fate::WritesLost,
    Fate::LaterLost,
    Fate::AllKept,
];

#[test]
fn no_cut_of_a_short_sample_lets_an_older_state_in_or_calls_a_slot_staged_that_is_not() {
    survive(60, Duration::from_secs(20 * 60));
}

#[test]
fn no_cut_of_a_full_sample_lets_an_older_state_in_or_calls_a_slot_staged_that_is_not() {
    survive(usize::MAX, Duration::from_secs(90 * 60));
}

fn survive(cases: usize, limit: Duration) {
    let begun = Instant::now();
    let ground = Ground::new();
    let watchdog = Watchdog::begin(&ground, limit);
    let base = ground.found();
    let at = ground.base().join("live");
    std::fs::create_dir(&at).unwrap();
    let mounted = Mounted::data(&base, &at).unwrap();
    work::prepare(&at);
    drop(mounted);
    let disk = Disk::serve(&ground, &base, &watchdog);
    let mounted = Mounted::data(&disk.served, &at).unwrap();
    let story = work::work(&at, &disk.record);
    drop(mounted);
    let record = disk.record.clone();
    drop(disk);

    let image = ground.bench().join("rebuilt");
    ground::clone(&base, &image);
    let mut rebuilt = Rebuilt::begin(&image, &record).unwrap();
    let cuts = choose(rebuilt.entries(), story.end, cases);
    let mut tried: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut found, mut complaints) = (check::Found::default(), Vec::new());
    for (number, (position, fate)) in cuts.iter().enumerate() {
        let seed = number as u64;
        let (kept, _) = rebuilt.cut(*position, *fate, seed).unwrap();
        let disk = ground.bench().join("case");
        ground::clone(&image, &disk);
        ground::apply(&disk, &kept);
        let at = ground.base().join("case");
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Mounted::data(&disk, &at).unwrap();
        let phase = story.phase(*position);
        *tried.entry(phase).or_default() += 1;
        for complaint in check::check(&at, &story, *position, &mut found) {
            complaints.push(format!("{phase}, entry {position}, {fate:?}: {complaint}"));
        }
        drop(mounted);
    }
    println!(
        "{} cuts of {} recorded entries in {} s: {tried:?}; {found:?}; {} complaints",
        cuts.len(),
        story.end,
        begun.elapsed().as_secs(),
        complaints.len()
    );
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(found.rollbacks_refused > 10, "too little was shown");
}

/// Moments just before flushes that have something to flush, each with a fate, at most `most` evenly over all of them.
fn choose(entries: &[Entry], end: u64, most: usize) -> Vec<(u64, Fate)> {
    let moments: Vec<u64> = (1..entries.len().min(usize::try_from(end).unwrap()))
        .filter(|at| entries[*at] == Entry::Flush && entries[at - 1] != Entry::Flush)
        .map(|at| at as u64)
        .collect();
    let all: Vec<(u64, Fate)> = moments
        .iter()
        .flat_map(|at| FATES.map(|fate| (*at, fate)))
        .collect();
    // Odd, so that every fate has its turn.
    let step = (all.len() / most.min(all.len())).max(1) | 1;
    let step = if most >= all.len() { 1 } else { step };
    all.into_iter().step_by(step).collect()
}
