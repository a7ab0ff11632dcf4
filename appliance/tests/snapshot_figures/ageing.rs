//! Facility days on the disk: a clone a day is held, and pages chosen at random over the whole table file are written again with
//! what they hold, through O_DIRECT, as InnoDB writes them. The server is stopped meanwhile: only where the bytes lie changes.
//! A day of the measured facility touches 7,000 pages of a 1.1 GB file; another size gets as large a part of it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use posto::system::reflink::{self, PIECE_BYTES, clone_file};

use crate::clinic_box::Box;
use crate::feeling::give_back;

const PAGE: usize = 16 << 10;
/// Of the file's pages, one in so many is written a day: 7,000 of 67,000.
const ONE_IN: u64 = 10;
/// open(2), x86-64.
const O_DIRECT: i32 = 0o40_000;

pub(crate) fn table(clinic: &Box) -> PathBuf {
    clinic.places.database().join("openmrs/obs.ibd")
}

pub(crate) fn extents(clinic: &Box) -> u64 {
    reflink::extents(&File::open(table(clinic)).unwrap()).unwrap()
}

/// Lets so many days pass; tells how the file lies at some of them.
pub(crate) fn measure(clinic: &Box, days: u64) {
    // From the beginning: the snapshots before have scattered it.
    clinic.run(&["ALTER TABLE openmrs.obs FORCE"]);
    clinic.stop();
    eprintln!(
        "| day | extents of obs | KB an extent | read whole, cold cache, s | MB/s | cloned in, ms |\n|---|---|---|---|---|---|"
    );
    let mut random = Random(7);
    for day in 0..=days {
        if matches!(day, 0 | 1 | 2 | 4 | 8 | 15 | 30) || day == days {
            line(clinic, day);
        }
        if day < days {
            pass(clinic, &mut random);
        }
        if day % 10 == 9 {
            give_back(clinic);
        }
    }
    clinic.start();
}

fn line(clinic: &Box, day: u64) {
    let bytes = std::fs::metadata(table(clinic)).unwrap().len();
    let extents = extents(clinic);
    let clone = (0..3).map(|_| clone_time(&table(clinic))).min().unwrap();
    let read = scan(&table(clinic));
    eprintln!(
        "| {day} | {extents} | {:.0} | {:.2} | {:.0} | {:.0} |",
        bytes as f64 / 1e3 / extents as f64,
        read.as_secs_f64(),
        bytes as f64 / 1e6 / read.as_secs_f64(),
        clone.as_secs_f64() * 1e3
    );
}

/// One day.
pub(crate) fn pass(clinic: &Box, random: &mut Random) {
    let file = table(clinic);
    let held = clinic.places.data().join("yesterday");
    let _ = std::fs::remove_file(&held);
    clone_file(
        &File::open(&file).unwrap(),
        &File::create(&held).unwrap(),
        PIECE_BYTES,
    )
    .unwrap();
    let open = File::options()
        .read(true)
        .write(true)
        .custom_flags(O_DIRECT)
        .open(&file)
        .unwrap();
    let pages = open.metadata().unwrap().len() / PAGE as u64;
    let mut memory = vec![0; 2 * PAGE];
    // O_DIRECT wants aligned memory.
    let from = memory.as_ptr().align_offset(4096);
    let page = &mut memory[from..from + PAGE];
    for _ in 0..pages / ONE_IN {
        let at = random.next() % pages * PAGE as u64;
        open.read_exact_at(page, at).unwrap();
        open.write_all_at(page, at).unwrap();
    }
    open.sync_all().unwrap();
}

/// xorshift: the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn clone_time(file: &Path) -> Duration {
    let to = file.with_extension("clone");
    let made = File::create(&to).unwrap();
    let began = Instant::now();
    clone_file(&File::open(file).unwrap(), &made, PIECE_BYTES).unwrap();
    let took = began.elapsed();
    std::fs::remove_file(&to).unwrap();
    took
}

/// Reads the file from end to end; nothing of it is in memory before.
pub(crate) fn scan(file: &Path) -> Duration {
    std::fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    let mut open = File::open(file).unwrap();
    let mut memory = vec![0; 1 << 20];
    let began = Instant::now();
    while open.read(&mut memory).unwrap() > 0 {}
    began.elapsed()
}
