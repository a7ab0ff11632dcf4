//! Power cuts under steady writers: the disk's cache is lost, kept or torn by a seed, and every acknowledged record is there
//! afterwards, the door open again, no hand needed.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test power_cuts -- --test-threads=1 --nocapture`
//!
//! `POSTO_SEED=<number>` repeats a run's cuts (their moments depend on the machine's speed). Needs root and /dev/fuse.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's steps fail by panicking, with the error in the message"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use fastrand::Rng;
use posto_tests::powercut::lookup::missing;
use posto_tests::powercut::{Drive, Fate, Flushes, Ledger, Writers};
use posto_tests::qemu::site::OPEN_LIMIT;
use posto_tests::qemu::{Machine, Site};
use posto_tests::standin::Clinic;
use posto_tests::{release, wait};

const WRITERS: usize = 4;
/// A commit waits for its flush after one to three writes; more are pending when pages and metadata are written out.
const PENDING_AT_CUT: [usize; 6] = [1, 2, 3, 6, 16, 64];
/// So many are waited for this long; then any write will do.
const PATIENCE: Duration = Duration::from_secs(15);
/// Of records that were found after an earlier cut, so many are looked for again after each cut; at the end all.
const LOOKED_FOR_AGAIN: usize = 40;

/// A box on a disk with a volatile cache, its clerks, and what it acknowledged to them.
struct Ground {
    // Dropped in this order: no file is busy when its folder goes.
    machine: Option<Machine>,
    drive: Drive,
    site: Site,
    ledger: Arc<Ledger>,
    clinic: Clinic,
    checked: usize,
    rng: Rng,
    // Apart, so that how much was acknowledged does not change the next cuts.
    looks: Rng,
    fates: usize,
    begun: Instant,
}

impl Ground {
    /// A fresh box that serves.
    fn new(name: &str, seed: u64) -> Self {
        println!("POSTO_SEED={seed}");
        let image = release::disk_image().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let site = Site::new(&folder, &image).unwrap();
        // Boots that are cut early again and again may end in the other slot, which serves the same.
        site.fill_slot_b(&image).unwrap();
        let drive = Drive::mount(&site.path).unwrap();
        let machine = site.start_from(&drive.path()).unwrap();
        let mut ground = Self {
            ledger: Arc::new(Ledger::new(&folder.join("acknowledged")).unwrap()),
            clinic: Clinic::new(&site.url(), "admin", ""),
            machine: Some(machine),
            drive,
            site,
            checked: 0,
            rng: Rng::with_seed(seed),
            looks: Rng::with_seed(seed),
            fates: 0,
            begun: Instant::now(),
        };
        let start = Instant::now();
        ground.wait_for_open_door();
        ground.say(&format!(
            "first boot: open after {} s",
            start.elapsed().as_secs()
        ));
        ground.clinic = ground.site.admin(OPEN_LIMIT).unwrap();
        ground
    }

    fn say(&self, what: &str) {
        println!("{:5} s: {what}", self.begun.elapsed().as_secs());
    }

    fn switch_on(&mut self) {
        assert!(self.machine.is_none());
        self.machine = Some(self.site.start_from(&self.drive.path()).unwrap());
    }

    fn wait_for_open_door(&mut self) {
        let open = self.site.wait_for_open_door(OPEN_LIMIT);
        let log = self.machine.as_ref().map(|machine| machine.serial.log());
        open.with_context(|| format!("the machine's serial log: {log:?}"))
            .unwrap();
    }

    /// Lets the power go when the disk's cache holds a seeded number of writes, soon from now; `fate` and `seed` say what
    /// becomes of them.
    fn cut(&mut self, fate: Fate, seed: u64) {
        let disk = Arc::clone(&self.drive.disk);
        disk.lose_power_at(self.rng.choice(PENDING_AT_CUT).unwrap());
        if !disk.wait_for_loss(PATIENCE) {
            disk.lose_power_at(1);
            assert!(disk.wait_for_loss(OPEN_LIMIT), "the machine writes nothing");
        }
        let mut machine = self.machine.take().unwrap();
        machine.pull_plug().unwrap();
        disk.switch_off();
        machine.power_off().unwrap();
        let loss = disk.cut(fate, seed).unwrap();
        self.say(&format!(
            "cut: {:?}, {} writes ({} sectors) pending, {} sectors lost, {} writes torn; {} flushes so far",
            loss.fate,
            loss.pending_writes,
            loss.pending_sectors,
            loss.lost_sectors,
            loss.torn_writes,
            disk.flush_count()
        ));
    }

    /// Each fate in turn: a run of few cuts has torn writes, too.
    fn next_fate(&mut self) -> Fate {
        self.fates += 1;
        let fates = [
            Fate::SectorsLost,
            Fate::AllLost,
            Fate::WritesLost,
            Fate::LaterLost,
        ];
        fates.iter().copied().cycle().nth(self.fates - 1).unwrap()
    }

    /// Lets the clerks work for a while, then cuts the power under their hands.
    fn work_and_cut(&mut self, fate: Option<Fate>) {
        let (before, seed) = (self.ledger.count(), self.rng.u64(..));
        let time = Duration::from_millis(self.rng.u64(5_000..20_000));
        let start = Instant::now();
        let writers = Writers::start(&self.clinic, &self.ledger, WRITERS);
        wait::pause(time);
        let fate = fate.unwrap_or_else(|| self.next_fate());
        self.cut(fate, seed);
        let worked = start.elapsed();
        writers.stop();
        let records = self.ledger.count() - before;
        self.say(&format!(
            "{records} records acknowledged in {:.0} s before it",
            worked.as_secs_f64()
        ));
        assert!(
            records > 0,
            "nothing was acknowledged: the cut shows nothing"
        );
    }

    /// Cuts the power during a boot.
    fn boot_and_cut(&mut self) {
        let seed = self.rng.u64(..);
        self.switch_on();
        let start = Instant::now();
        wait::pause(Duration::from_millis(self.rng.u64(10_000..60_000)));
        let fate = self.next_fate();
        self.cut(fate, seed);
        self.say(&format!(
            "that was {:.0} s after power-on",
            start.elapsed().as_secs_f64()
        ));
    }

    /// Acknowledged records that are not there; `all`: looks for each, not only for the new ones and some of the old.
    fn lost(&mut self, all: bool) -> Vec<String> {
        let acknowledged = self.ledger.since(0);
        let (old, new) = acknowledged.split_at(self.checked);
        let mut asked: Vec<&str> = new.iter().map(String::as_str).collect();
        if all {
            asked.extend(old.iter().map(String::as_str));
        } else {
            let again = self.looks.choose_multiple(old, LOOKED_FOR_AGAIN);
            asked.extend(again.into_iter().map(String::as_str));
        }
        let lost = missing(&self.clinic, &asked, OPEN_LIMIT).unwrap();
        let counts = wait::until("the stand-in's counts", OPEN_LIMIT, || {
            Ok(self.clinic.counts().ok())
        })
        .unwrap();
        self.say(&format!(
            "{} acknowledged in all, {} looked for, {} lost; {counts:?}, {} unanswered",
            acknowledged.len(),
            asked.len(),
            lost.len(),
            self.ledger.unanswered()
        ));
        assert_eq!(
            (counts.encounter, counts.obs),
            (counts.patient, 3 * counts.patient),
            "a record is there whole or not at all"
        );
        let most = acknowledged.len() as u64 + self.ledger.unanswered();
        assert!(counts.patient <= most, "more records than were ever sent");
        if lost.is_empty() {
            assert!(counts.patient >= acknowledged.len() as u64);
        }
        self.checked = acknowledged.len();
        lost
    }

    fn boot_and_check(&mut self, all: bool) {
        self.switch_on();
        let start = Instant::now();
        self.wait_for_open_door();
        self.say(&format!(
            "open again {} s after power-on",
            start.elapsed().as_secs()
        ));
        assert_eq!(self.lost(all), [""; 0], "acknowledged records are lost");
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // A test that ends in the middle of a cut: QEMU must not wait for a disk that never answers.
        self.drive.disk.switch_off();
    }
}

fn seed(otherwise: u64) -> u64 {
    std::env::var("POSTO_SEED").map_or(otherwise, |seed| {
        seed.parse().expect("POSTO_SEED is a number")
    })
}

/// `cuts`: how many, of which every fifth falls into the boot after another one.
fn survive(name: &str, cuts: usize) {
    let mut ground = Ground::new(name, seed(4));
    for number in 1..=cuts {
        ground.say(&format!("cut {number} of {cuts}"));
        if number % 5 == 2 {
            ground.boot_and_cut();
        } else {
            if number > 1 {
                ground.boot_and_check(false);
            }
            ground.work_and_cut(None);
        }
    }
    ground.boot_and_check(true);
    println!(
        "{cuts} cuts, {} acknowledged records, none lost",
        ground.ledger.count()
    );
}

#[test]
fn two_power_cuts_cost_no_acknowledged_record() {
    survive("two-cuts", 2);
}

#[test]
fn twenty_power_cuts_cost_no_acknowledged_record() {
    survive("twenty-cuts", 20);
}

/// Shows that the test above can fail: one flush that is not kept, as if an fsync were missing anywhere between the
/// database and the disk, and acknowledged records are gone.
#[test]
fn a_disk_that_ignores_flushes_loses_acknowledged_records() {
    let mut ground = Ground::new("ignored-flushes", seed(4));
    ground.drive.disk.set_flushes(Flushes::Ignored);
    ground.work_and_cut(Some(Fate::AllLost));
    ground.switch_on();
    ground.wait_for_open_door();
    let lost = ground.lost(true);
    assert!(
        !lost.is_empty(),
        "the cut took nothing: the test above shows nothing"
    );
    println!(
        "{} of {} acknowledged records lost, as they must be",
        lost.len(),
        ground.ledger.count()
    );
}
