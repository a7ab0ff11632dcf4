//! Images, edits and a slot in memory, for all tests of patches.
#![allow(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod layout;

use std::cell::RefCell;
use std::io;

use posto_delta::index::{Hash, Index};
use posto_delta::make::{self, Options, Pair, Source};
use posto_delta::storage::{ReadAt, WriteAt};
use proptest::prelude::*;

/// The smallest frame that the format allows, so that small images have many.
pub(crate) const FRAME: usize = 4096;
pub(crate) const OPTIONS: Options = Options {
    threads: 2,
    level: 3,
    frame_bytes: FRAME as u32,
};

/// A slot in memory; `cut_after` bytes nothing is written any more.
pub(crate) struct Slot {
    pub(crate) bytes: RefCell<Vec<u8>>,
    pub(crate) left: RefCell<usize>,
    pub(crate) writes: RefCell<Vec<u64>>,
}

impl Slot {
    pub(crate) fn new(length: usize) -> Self {
        Self {
            bytes: RefCell::new(vec![0xee; length]),
            left: RefCell::new(usize::MAX),
            writes: RefCell::default(),
        }
    }
}

impl WriteAt for Slot {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.writes.borrow_mut().push(offset);
        let mut left = self.left.borrow_mut();
        let count = bytes.len().min(*left);
        let at = offset as usize;
        self.bytes.borrow_mut()[at..at + count].copy_from_slice(&bytes[..count]);
        *left -= count;
        if count < bytes.len() {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

impl ReadAt for Slot {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.bytes.borrow().read_exact_at(buffer, offset)
    }
}

pub(crate) fn source(data: &[u8], root_hash: Hash) -> Source<'_, [u8]> {
    Source {
        data,
        bytes: data.len() as u64,
        root_hash,
    }
}

/// A patch of one image, as a file.
pub(crate) fn patch(old: Option<&[u8]>, new: &[u8]) -> Vec<u8> {
    let pair = Pair {
        name: "root.erofs",
        old: old.map(|old| source(old, [1; 32])),
        new: source(new, [2; 32]),
    };
    let mut bytes = Vec::new();
    make::patch(&[pair], &OPTIONS)
        .unwrap()
        .write(&mut bytes)
        .unwrap();
    bytes
}

pub(crate) fn index(patch: &[u8]) -> Index {
    Index::read(&mut &*patch).unwrap()
}

/// An old image of a few dozen kilobytes, and a new one made of its pieces, changed bytes and new bytes.
pub(crate) fn images() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let piece = (any::<u16>(), 0_usize..9000, any::<u8>(), 0_usize..200);
    (
        any::<u64>(),
        0_usize..40_000,
        proptest::collection::vec(piece, 0..8),
    )
        .prop_map(|(seed, length, pieces)| {
            let old = noise(seed, length);
            let mut new = Vec::new();
            for (from, length, change, more) in pieces {
                let from = usize::from(from).min(old.len());
                let begin = new.len();
                new.extend_from_slice(&old[from..(from + length).min(old.len())]);
                for byte in new[begin..].iter_mut().step_by(1 + usize::from(change)) {
                    *byte = byte.wrapping_add(change);
                }
                new.extend(noise(seed ^ more as u64, more));
            }
            (old, new)
        })
}

/// Bytes that look like nothing, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
