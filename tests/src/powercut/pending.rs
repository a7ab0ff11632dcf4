//! What a disk has accepted and not yet made durable: its volatile cache, in the order of arrival.

use std::collections::{BTreeMap, VecDeque};

use thiserror::Error;

/// The unit that a disk writes whole or not at all, bytes.
pub const SECTOR_BYTES: usize = 512;

/// Bytes for a place of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Bytes from the disk's start, a multiple of a sector.
    pub at: u64,
    /// Whole sectors.
    pub bytes: Vec<u8>,
}

/// No disk writes parts of sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a write of {length} bytes at {at} is not made of whole sectors of {SECTOR_BYTES} bytes")]
pub struct Unaligned {
    at: u64,
    length: usize,
}

/// Writes since the last flush.
#[derive(Debug, Default)]
pub struct Pending {
    log: VecDeque<Write>,
    /// Number of the first write in the log, counted since the beginning.
    first: u64,
    /// Sector number -> number of the last write to it.
    newest: BTreeMap<u64, u64>,
    bytes: usize,
}

impl Pending {
    /// Takes a write.
    ///
    /// # Errors
    /// When it is not made of whole sectors; then nothing was taken.
    pub fn accept(&mut self, write: Write) -> Result<(), Unaligned> {
        let length = write.bytes.len();
        if !length.is_multiple_of(SECTOR_BYTES) || !write.at.is_multiple_of(SECTOR_BYTES as u64) {
            return Err(Unaligned {
                at: write.at,
                length,
            });
        }
        let number = self.first + self.log.len() as u64;
        for sector in sectors(&write) {
            self.newest.insert(sector, number);
        }
        self.bytes += length;
        self.log.push_back(write);
        Ok(())
    }

    /// How many writes are pending.
    #[must_use]
    pub fn count(&self) -> usize {
        self.log.len()
    }

    /// Lays the newest accepted bytes over `bytes`, which were read from what is durable `at` that place.
    pub fn overlay(&self, at: u64, bytes: &mut [u8]) {
        let size = SECTOR_BYTES as u64;
        let end = at + bytes.len() as u64;
        for (sector, number) in self.newest.range(at / size..end.div_ceil(size)) {
            let write = &self.log[index(number - self.first)];
            let start = sector * size;
            let (from, to) = (start.max(at), (start + size).min(end));
            let source = &write.bytes[index(from - write.at)..index(to - write.at)];
            bytes[index(from - at)..index(to - at)].copy_from_slice(source);
        }
    }

    /// Everything, in the order of arrival: what a flush makes durable.
    pub fn take_all(&mut self) -> Vec<Write> {
        self.first += self.log.len() as u64;
        self.newest.clear();
        self.bytes = 0;
        self.log.drain(..).collect()
    }

    /// The oldest writes, until at most `bound_bytes` are pending: a disk's cache is bounded, and it writes out by itself.
    pub fn take_surplus(&mut self, bound_bytes: usize) -> Vec<Write> {
        let mut surplus = Vec::new();
        while self.bytes > bound_bytes {
            let Some(write) = self.log.pop_front() else {
                break;
            };
            for sector in sectors(&write) {
                if self.newest.get(&sector) == Some(&self.first) {
                    self.newest.remove(&sector);
                }
            }
            self.first += 1;
            self.bytes -= write.bytes.len();
            surplus.push(write);
        }
        surplus
    }
}

fn sectors(write: &Write) -> std::ops::Range<u64> {
    let first = write.at / SECTOR_BYTES as u64;
    first..first + (write.bytes.len() / SECTOR_BYTES) as u64
}

fn index(bytes: u64) -> usize {
    // The test ground runs on 64 bits only.
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DISK_SECTORS: usize = 24;

    fn write() -> impl Strategy<Value = Write> {
        (0..DISK_SECTORS, 1..6usize, any::<u8>()).prop_map(|(at, length, fill)| Write {
            at: (at * SECTOR_BYTES) as u64,
            bytes: vec![fill; length.min(DISK_SECTORS - at) * SECTOR_BYTES],
        })
    }

    fn apply(disk: &mut [u8], writes: &[Write]) {
        for write in writes {
            let at = usize::try_from(write.at).unwrap();
            disk[at..at + write.bytes.len()].copy_from_slice(&write.bytes);
        }
    }

    proptest! {
        #[test]
        fn a_read_sees_every_write_at_once_whether_durable_or_not(
            writes in prop::collection::vec(write(), 0..40), bound in 0..8 * SECTOR_BYTES,
            at in 0..DISK_SECTORS * SECTOR_BYTES, length in 0..3000usize,
        ) {
            let (mut durable, mut plain) = ([vec![0; DISK_SECTORS * SECTOR_BYTES]; 1].concat(), vec![0; DISK_SECTORS * SECTOR_BYTES]);
            let mut pending = Pending::default();
            for (number, write) in writes.into_iter().enumerate() {
                apply(&mut plain, std::slice::from_ref(&write));
                pending.accept(write).unwrap();
                if number % 3 == 0 {
                    apply(&mut durable, &pending.take_surplus(bound));
                    prop_assert!(pending.bytes <= bound);
                }
            }
            let end = (at + length).min(plain.len());
            let mut read = durable[at..end].to_vec();
            pending.overlay(at as u64, &mut read);
            prop_assert_eq!(&read, &plain[at..end]);
            apply(&mut durable, &pending.take_all());
            prop_assert_eq!(durable, plain);
        }
    }

    #[test]
    fn parts_of_sectors_are_refused_and_change_nothing() {
        let mut pending = Pending::default();
        for (at, length) in [(1, 512), (512, 511)] {
            let bytes = vec![7; length];
            assert!(pending.accept(Write { at, bytes }).is_err());
        }
        assert!(pending.take_all().is_empty());
    }
}
