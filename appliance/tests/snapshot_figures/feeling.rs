//! What writers feel of snapshots: two of them, without a pause between their entries, which is more than thirty clerks enter.

use std::time::{Duration, Instant};

use posto::snapshot::shelf::{Shelf, ShelfError};
use posto::snapshot::take::{Standstill, TakeError};
use posto::system::process::Invocation;
use posto::system::reflink;
use rustix::process::{Pid, Signal, kill_process};

use crate::ageing;
use crate::clinic_box::Box;
use crate::ground::clinic::{Ack, Writers};
use crate::ground::site::Never;
use crate::spread::Spread;

/// Entries measured before, and snapshots measured at each count.
const ENTRIES: usize = 400;
const MEASURED: usize = 6;

/// One stretch of time, or several.
pub(crate) struct Felt {
    pub(crate) commits: Spread,
    pub(crate) entries: Spread,
    pub(crate) gap: Duration,
}

impl Felt {
    pub(crate) fn of(acks: &[Ack], stretches: &[(Instant, Instant)]) -> Self {
        let mut felt = Self {
            commits: Spread::default(),
            entries: Spread::default(),
            gap: Duration::ZERO,
        };
        for (from, to) in stretches {
            let mut last = *from;
            // Acknowledgements stand in the order in which they came.
            for ack in acks {
                if ack.ended < *from || ack.began > *to {
                    continue;
                }
                felt.entries.put(ack.ended - ack.began);
                if ack.committing <= *to {
                    felt.commits.put(ack.ended - ack.committing);
                }
                felt.gap = felt.gap.max(ack.ended.saturating_duration_since(last));
                last = ack.ended;
            }
        }
        felt
    }

    pub(crate) fn words(&self) -> String {
        format!(
            "{} | {} | {:.0}",
            self.commits.words(),
            self.entries.words(),
            self.gap.as_secs_f64() * 1e3
        )
    }
}

/// Snapshots with so many held, and the freeze at the end; then all are thrown away.
pub(crate) fn measure(clinic: &Box, age: &str, counts: &[usize]) {
    eprintln!(
        "| {age}, snapshots held | extents of obs | before: commit p50 / p99, ms | entry p50 / p99 | longest gap | during: commit p50 / p99, ms | entry p50 / p99 | longest gap | entry p99, ratio | commits held: median, p99, ms (of) | whole, ms |\n|---|---|---|---|---|---|---|---|---|---|---|"
    );
    let mut held = 0;
    for &wanted in counts {
        while held < wanted {
            // A few entries, and a server at rest: beside writers that never pause each would first wait for dirty pages.
            let few = writers(clinic);
            few.wait_for(10);
            few.stop();
            take_one(clinic);
            held += 1;
        }
        let writers = writers(clinic);
        line(clinic, &writers, held);
        held += MEASURED;
        writers.stop();
    }
    let writers = writers(clinic);
    freeze(clinic, &writers, age);
    writers.stop();
    throw_all_away(clinic);
}

pub(crate) fn writers(clinic: &Box) -> Writers {
    Writers::start(&clinic.places.database_socket(), 2, clinic.size.rows)
}

/// How long commits were held.
fn take_one(clinic: &Box) -> Duration {
    let answer = Duration::from_secs(120);
    let manifest = clinic.take(answer, &Never, &mut |_| {}).unwrap();
    Duration::from_micros(manifest.held_us)
}

fn line(clinic: &Box, writers: &Writers, held: usize) {
    let before = steady(writers);
    let (mut during, mut commits, mut whole) = (Vec::new(), Spread::default(), Spread::default());
    for _ in 0..MEASURED {
        writers.wait_for(40);
        let began = Instant::now();
        commits.put(take_one(clinic));
        during.push((began, Instant::now()));
        whole.put(began.elapsed());
    }
    writers.wait_for(10);
    let acks = writers.acks();
    let (before, during) = (Felt::of(&acks, &[before]), Felt::of(&acks, &during));
    eprintln!(
        "| {held} | {} | {} | {} | {:.2} | {:.1}, {:.1} ({}) | {:.0} |",
        ageing::extents(clinic),
        before.words(),
        during.words(),
        during.entries.at(990) / before.entries.at(990),
        commits.at(500),
        commits.at(990),
        commits.len(),
        whole.at(500),
    );
}

/// A stretch without anything besides the writers.
pub(crate) fn steady(writers: &Writers) -> (Instant, Instant) {
    let start = Instant::now();
    writers.wait_for(ENTRIES);
    (start, Instant::now())
}

/// But the last proven one, which nobody can.
pub(crate) fn throw_all_away(clinic: &Box) {
    let mut shelf = Shelf::open(&clinic.places).unwrap();
    for snapshot in shelf.snapshots().unwrap() {
        match shelf.throw_away(snapshot.id()) {
            Ok(()) | Err(ShelfError::LastProven(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    give_back(clinic);
}

/// The file behind the loop device shrinks by what was removed.
pub(crate) fn give_back(clinic: &Box) {
    let trim = Invocation::new("/sbin/fstrim").arg(clinic.xfs.path());
    trim.run(Duration::from_secs(300)).unwrap();
}

/// The fallback, as the box does it when the database gives no answer.
fn freeze(clinic: &Box, writers: &Writers, age: &str) {
    let mut held = Vec::new();
    let still = Stopped(clinic.server_id());
    for _ in 0..3 {
        writers.wait_for(40);
        // Nobody answers in no time.
        let taken = clinic.take(Duration::from_nanos(1), &still, &mut |_| {});
        held.push(match taken {
            Ok(manifest) => format!("{:.0} ms", manifest.held_us as f64 / 1e3),
            Err(TakeError::FrozenTooShort(_)) => "given up after 2 s".to_string(),
            Err(error) => panic!("{error}"),
        });
    }
    let whole = reflink::space_of_tree(&clinic.places.database()).unwrap();
    eprintln!(
        "{age}, by freezing: the whole database stood still {} ({} extents)",
        held.join(", "),
        whole.extents
    );
}

/// As the cgroup's freezer, with signals.
struct Stopped(u32);

impl Stopped {
    fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.0).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }
}

impl Standstill for Stopped {
    async fn arm(&self, _: Duration) -> Result<(), String> {
        Ok(())
    }
    async fn freeze(&self) -> Result<bool, String> {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.0);
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            posto::system::clock::pause(Duration::from_millis(1));
        }
        Ok(true)
    }
    async fn thaw(&self) -> Result<(), String> {
        self.signal(Signal::CONT);
        Ok(())
    }
    async fn disarm(&self) -> Result<(), String> {
        Ok(())
    }
}
