//! Which bytes of a new file follow which bytes of the old one, nearly equal. Colin Percival's way (bsdiff, "Naive differences of
//! executable code", 2003): an alignment is kept through single different bytes, because code that moved differs in its addresses
//! only, and is given up where another place in the old file fits by more than [`BETTER_BYTES`] bytes.

use super::suffixes::{Found, Suffixes, shared};

/// By how many more equal bytes another place must win against the alignment that is kept.
const BETTER_BYTES: usize = 8;
/// Where the present alignment is right for this many bytes, no better place is looked for: it saves nearly all searches.
const SURE_BYTES: usize = 32;

/// Bytes of the new file that follow bytes of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    /// Place in the new file.
    pub new_at: u64,
    /// Place in the old file.
    pub old_at: u64,
    /// How many.
    pub bytes: u64,
}

/// What of `new` follows `old`, in order and without overlap; the rest of `new` is new.
#[must_use]
pub fn follows(old: &Suffixes<'_>, new: &[u8]) -> Vec<Follow> {
    let mut matcher = Matcher {
        old,
        new,
        new_done: 0,
        old_done: 0,
        follows: Vec::new(),
    };
    matcher.run();
    matcher.follows
}

struct Matcher<'a> {
    old: &'a Suffixes<'a>,
    new: &'a [u8],
    /// Where the next bytes of the new file that nothing was decided on begin, and what they follow while the alignment is kept.
    new_done: usize,
    old_done: usize,
    follows: Vec<Follow>,
}

impl Matcher<'_> {
    fn run(&mut self) {
        let end = self.new.len();
        let mut at = 0;
        let mut found = Found::default();
        while at < end {
            at += found.bytes;
            // Of the found bytes, those that the present alignment has right as well, counted up to `counted`.
            let mut kept = 0;
            let mut counted = at;
            while at < end {
                let straight = shared(self.aligned(at), self.new.get(at..).unwrap_or_default());
                if straight >= SURE_BYTES {
                    (found.bytes, kept) = (straight, straight);
                    break;
                }
                found = self.old.longest(self.new.get(at..).unwrap_or_default());
                while counted < at + found.bytes {
                    kept += usize::from(self.is_kept(counted));
                    counted += 1;
                }
                let same_place = found.bytes == kept && kept != 0;
                if same_place || found.bytes > kept + BETTER_BYTES {
                    break;
                }
                // A byte that was not counted (nothing was found) is not taken back.
                if counted > at && self.is_kept(at) {
                    kept -= 1;
                }
                at += 1;
                counted = counted.max(at);
            }
            if found.bytes != kept || at == end {
                self.decide(at, found);
            }
        }
    }

    /// The old file from where the byte `at` of the new one would come from in the present alignment.
    fn aligned(&self, at: usize) -> &[u8] {
        let from = self.old_done + (at - self.new_done);
        self.old.text().get(from..).unwrap_or_default()
    }

    fn is_kept(&self, at: usize) -> bool {
        let old = self.aligned(at).first();
        old.is_some() && old == self.new.get(at)
    }

    /// Ends the present alignment before `at`, where `found` begins: how far it reaches forwards, how far the found place reaches
    /// backwards, and where best to go over from one to the other.
    fn decide(&mut self, at: usize, found: Found) {
        let between = self.new.get(self.new_done..at).unwrap_or_default();
        let old_before = self.old.text().get(self.old_done..).unwrap_or_default();
        let mut forwards = reach(between.iter().zip(old_before));
        let mut backwards = 0;
        if at < self.new.len() {
            let old_found = self.old.text().get(..found.at).unwrap_or_default();
            backwards = reach(between.iter().rev().zip(old_found.iter().rev()));
        }
        let overlap = (forwards + backwards).saturating_sub(between.len());
        if overlap > 0 {
            let from = forwards - overlap;
            let first = old_before.get(from..).unwrap_or_default();
            let second = self
                .old
                .text()
                .get(found.at - backwards..)
                .unwrap_or_default();
            let over = between.get(from..forwards).unwrap_or_default();
            let first_bytes = crossing(over, first, second);
            forwards = from + first_bytes;
            backwards -= first_bytes;
        }
        if forwards > 0 {
            self.follows.push(Follow {
                new_at: self.new_done as u64,
                old_at: self.old_done as u64,
                bytes: forwards as u64,
            });
        }
        self.new_done = at - backwards;
        self.old_done = found.at - backwards;
    }
}

/// How many pairs from the first on belong together: as far as most are equal.
fn reach<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    let (mut balance, mut best, mut bytes) = (0_i64, 0_i64, 0);
    for (number, (new, old)) in pairs.enumerate() {
        balance += if new == old { 1 } else { -1 };
        if balance > best {
            (best, bytes) = (balance, number + 1);
        }
    }
    bytes
}

/// How many bytes of `over` are better taken from `first`, before the rest is taken from `second`.
fn crossing(over: &[u8], first: &[u8], second: &[u8]) -> usize {
    let (mut balance, mut best, mut bytes) = (0_i64, 0_i64, 0);
    for (number, ((new, first), second)) in over.iter().zip(first).zip(second).enumerate() {
        balance += i64::from(new == first) - i64::from(new == second);
        if balance > best {
            (best, bytes) = (balance, number + 1);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn follows_are_in_order_within_both_files(
            old in proptest::collection::vec(0_u8..6, 0..300),
            cuts in proptest::collection::vec((0_usize..300, 0_usize..120, any::<u8>()), 0..6),
        ) {
            let mut new = Vec::new();
            for (from, length, byte) in cuts {
                let from = from.min(old.len());
                new.extend_from_slice(&old[from..(from + length).min(old.len())]);
                new.push(byte);
            }
            let mut done = 0;
            for follow in follows(&Suffixes::of(&old).unwrap(), &new) {
                prop_assert!(follow.new_at >= done && follow.bytes > 0);
                done = follow.new_at + follow.bytes;
                prop_assert!(done <= new.len() as u64);
                prop_assert!(follow.old_at + follow.bytes <= old.len() as u64);
            }
        }
    }

    #[test]
    fn moved_code_with_other_addresses_follows_as_one_piece() {
        let old: Vec<u8> = (0..4000_u32)
            .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
            .collect();
        let mut new = b"something new in front of it".to_vec();
        new.extend(&old);
        for byte in new.iter_mut().skip(100).step_by(50) {
            *byte = byte.wrapping_add(1);
        }
        let follows = follows(&Suffixes::of(&old).unwrap(), &new);
        assert_eq!(follows.len(), 1);
        assert!(follows[0].bytes as usize > old.len() - 50);
    }
}
