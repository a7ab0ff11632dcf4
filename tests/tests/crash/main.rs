//! The crash harness: the box's own code and a real database on a real XFS on a disk that records what it is told; then the
//! disk as a power cut at many moments could have left it is rebuilt, started, and questioned.
//!
//! `cargo test -p posto-tests --test crash -- --nocapture short` (or `full`)
//!
//! `POSTO_SEED=<number>` chooses other cuts (their moments depend on the machine's speed, too); `POSTO_CRASH_CUTS=<number>` how
//! many for each phase, `POSTO_CRASH_PHASE=<name in the table>` only those of one phase. `POSTO_CRASH_SETTINGS="sync_binlog=0 ..."`
//! gives the database other settings, which the harness must notice by what is lost. `POSTO_CRASH_UNSETTLED=1` stops the database
//! without settling it: starts that are refused are then no fault, but each must be mended and lose nothing. Needs root, /dev/fuse, loop devices, mkfs.xfs and mariadbd.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test's steps fail by panicking, with the error in the message"
)]

mod check;
mod clinic;
mod counters;
mod cuts;
mod ground;
mod ledger;
mod live;
mod recorded;
mod story;
mod table;
mod tree;
mod work;

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use posto_tests::powercut::Rebuilt;

use check::Case;
use ground::{Ground, Watchdog};
use table::Table;

/// As many cases at once.
const WORKERS: usize = 2;

#[test]
fn no_power_cut_in_a_short_sample_loses_what_was_acknowledged_or_leaves_a_half_made_snapshot() {
    survive(3, Duration::from_secs(20 * 60));
}

#[test]
fn no_power_cut_in_a_full_sample_loses_what_was_acknowledged_or_leaves_a_half_made_snapshot() {
    survive(30, Duration::from_secs(90 * 60));
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect(variable))
}

/// `each`: cuts for each phase of the work. `limit`: nothing of this is to hang for ever.
fn survive(each: u64, limit: Duration) {
    let (each, seed) = (number("POSTO_CRASH_CUTS", each), number("POSTO_SEED", 4));
    println!("POSTO_SEED={seed}, {each} cuts for each phase");
    let begun = Instant::now();
    let ground = Ground::new();
    let watchdog = Watchdog::begin(&ground, limit);
    let base = ground.found();
    let live = live::Live::begin(&ground, &base, &watchdog);
    let story = Arc::new(work::work(&live));
    let record = live.record().clone();
    drop(live);
    println!(
        "{:4} s: {} acknowledged commits, {} snapshots, {} entries recorded",
        begun.elapsed().as_secs(),
        story.acks.len(),
        story.taken.len(),
        story.end
    );

    let image = ground.bench().join("rebuilt");
    ground::clone(&base, &image);
    let mut rebuilt = Rebuilt::begin(&image, &record).unwrap();
    let cuts = cuts::choose(&story, rebuilt.entries(), each, seed);
    let table = Arc::new(Mutex::new(Table::default()));
    let (send, receive) = sync_channel::<Case>(1);
    let receive = Arc::new(Mutex::new(receive));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (receive, table, story) = (&receive, &table, &story);
            scope.spawn(move || {
                loop {
                    let next = receive.lock().unwrap().recv();
                    let Ok(case) = next else { break };
                    let report = check::check(&case, story);
                    table.lock().unwrap().enter(&case, report);
                }
            });
        }
        for (number, cut) in cuts.into_iter().enumerate() {
            let (kept, loss) = rebuilt.cut(cut.position, cut.fate, cut.seed).unwrap();
            let disk = ground.bench().join(format!("case-{number}"));
            ground::clone(&image, &disk);
            ground::apply(&disk, &kept);
            let root = ground.root(&format!("c{number}"));
            let case = Case {
                cut,
                loss,
                disk,
                root,
            };
            send.send(case).unwrap();
        }
        drop(send);
    });
    let table = table.lock().unwrap();
    table.print(begun.elapsed());
    assert!(table.complaints().is_empty(), "{:#?}", table.complaints());
    assert!(
        story.acks.len() > 50,
        "too little was acknowledged to show anything"
    );
}
