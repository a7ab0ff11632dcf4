//! What writers feel of snapshots, with few and with many of them held:
//! `cargo run -p posto --example snapshot_latency -- [OBSERVATIONS] [HELD...]` (300000 and 1 10 60). Needs root, mariadbd, loop devices.
//! Figures, not a test: on a busy machine seconds are rough, ratios and the time that commits were held better.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example speaks, and stops where it fails"
)]

#[path = "../tests/ground/mod.rs"]
mod ground;

use std::fs::File;
use std::time::{Duration, Instant};

use ground::clinic::{Ack, Writers};
use ground::site::{Never, Site};
use posto::system::reflink::{exclusive_bytes, extents};

/// Transactions measured before, and snapshots measured at each count.
const TRANSACTIONS: usize = 400;
const MEASURED: usize = 5;

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let rows = numbers.first().copied().unwrap_or(300_000);
    let counts = numbers
        .get(1..)
        .filter(|rest| !rest.is_empty())
        .map_or(vec![1, 10, 60], <[u64]>::to_vec);
    let Some(site) = Site::new(rows, 96) else {
        return;
    };
    let writers = Writers::start(site.server().socket(), 2, rows);
    println!(
        "held | extents of obs | before: p50 p99 max gap ms | during: p50 p99 max gap ms | commits held ms: median max | whole ms"
    );
    let mut held = 0;
    for wanted in counts {
        while held < wanted {
            writers.wait_for(10);
            site.take(&Never, &mut |_| {}).unwrap();
            held += 1;
        }
        measure(&site, &writers, held);
        held += MEASURED as u64;
    }
    let snapshots = site.places.snapshots();
    println!(
        "all snapshots together hold {} MB of their own",
        exclusive_bytes(&snapshots).unwrap() >> 20
    );
    writers.stop();
}

fn measure(site: &Site, writers: &Writers, held: u64) {
    let start = Instant::now();
    writers.wait_for(TRANSACTIONS);
    let before = (start, Instant::now());
    let (mut during, mut commits, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..MEASURED {
        writers.wait_for(40);
        let began = Instant::now();
        let manifest = site.take(&Never, &mut |_| {}).unwrap();
        during.push((began, Instant::now()));
        commits.push(manifest.held_us as f64 / 1e3);
        whole.push(began.elapsed().as_secs_f64() * 1e3);
    }
    writers.wait_for(10);
    let acks = writers.acks();
    let table = File::open(site.places.database().join("openmrs/obs.ibd")).unwrap();
    println!(
        "{held:4} | {:6} | {} | {} | {:.1} {:.1} | {:.0}",
        extents(&table).unwrap(),
        words(&acks, &[before]),
        words(&acks, &during),
        at(&mut commits, 0.5),
        at(&mut commits, 1.0),
        at(&mut whole, 0.5),
    );
}

/// Median, 99th, longest transaction, and longest time without an acknowledgement, over these stretches.
fn words(acks: &[Ack], stretches: &[(Instant, Instant)]) -> String {
    let (mut latencies, mut gap) = (Vec::new(), Duration::ZERO);
    for (from, to) in stretches {
        let inside = acks
            .iter()
            .filter(|ack| ack.ended >= *from && ack.began <= *to);
        latencies.extend(inside.map(|ack| (ack.ended - ack.began).as_secs_f64() * 1e3));
        let mut ends: Vec<Instant> = acks
            .iter()
            .map(|ack| ack.ended)
            .filter(|end| (from..=to).contains(&end))
            .collect();
        ends.extend([*from, *to]);
        ends.sort();
        let longest = ends
            .iter()
            .zip(ends.iter().skip(1))
            .map(|(one, next)| *next - *one)
            .max();
        gap = gap.max(longest.unwrap_or_default());
    }
    format!(
        "{:.0} {:.0} {:.0} {:.0}",
        at(&mut latencies, 0.5),
        at(&mut latencies, 0.99),
        at(&mut latencies, 1.0),
        gap.as_secs_f64() * 1e3
    )
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index"
)]
fn at(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len().saturating_sub(1) as f64 * share) as usize;
    values.get(index).copied().unwrap_or(0.0)
}
