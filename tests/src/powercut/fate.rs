//! What becomes of pending writes when the power goes, decided by a seed.
//!
//! A disk writes its cache out in any order, so any subset may have reached the medium; a write of several sectors may have
//! reached it in part. It never lets older bytes of a sector replace newer ones, so the order among the kept stays.

use fastrand::Rng;

use super::pending::{SECTOR_BYTES, Write};

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing that was not flushed is there.
    AllLost,
    /// Everything is there, as after a kill of the program alone.
    AllKept,
    /// The disk wrote in order up to some moment.
    LaterLost,
    /// Each write is there or not.
    WritesLost,
    /// Each sector is there or not: writes are torn.
    SectorsLost,
}

impl Fate {
    /// The fate that a seed means.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let fates = [
            Self::SectorsLost,
            Self::AllLost,
            Self::WritesLost,
            Self::SectorsLost,
            Self::WritesLost,
            Self::AllLost,
            Self::LaterLost,
            Self::AllKept,
        ];
        fates[Rng::with_seed(seed).usize(..fates.len())]
    }
}

/// How much a cut took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// What was decided.
    pub fate: Fate,
    /// Writes that were pending.
    pub pending_writes: usize,
    /// Their sectors.
    pub pending_sectors: usize,
    /// Sectors of them that are gone.
    pub lost_sectors: usize,
    /// Writes of which a part is there and a part is not.
    pub torn_writes: usize,
}

/// What of `pending` is on the medium after the cut, in order.
#[must_use]
pub fn survivors(pending: Vec<Write>, fate: Fate, seed: u64) -> (Vec<Write>, Loss) {
    let mut rng = Rng::with_seed(seed ^ 0x5EED);
    let kept_until = rng.usize(..=pending.len());
    let kept_percent = [10, 50, 90][rng.usize(..3)];
    let mut loss = Loss {
        fate,
        pending_writes: pending.len(),
        pending_sectors: 0,
        lost_sectors: 0,
        torn_writes: 0,
    };
    let mut kept = Vec::new();
    for (number, write) in pending.into_iter().enumerate() {
        let count = write.bytes.len() / SECTOR_BYTES;
        let whole = match fate {
            Fate::AllLost => Some(false),
            Fate::AllKept => Some(true),
            Fate::LaterLost => Some(number < kept_until),
            Fate::WritesLost => Some(rng.u32(..100) < kept_percent),
            Fate::SectorsLost => None,
        };
        let there: Vec<bool> = (0..count)
            .map(|_| whole.unwrap_or_else(|| rng.u32(..100) < kept_percent))
            .collect();
        let lost = there.iter().filter(|there| !**there).count();
        loss.pending_sectors += count;
        loss.lost_sectors += lost;
        loss.torn_writes += usize::from(lost > 0 && lost < count);
        kept.extend(pieces(&write, &there));
    }
    (kept, loss)
}

/// The sectors of `write` that are there, neighbours together.
fn pieces(write: &Write, there: &[bool]) -> Vec<Write> {
    let mut pieces: Vec<Write> = Vec::new();
    let sectors = write.bytes.chunks(SECTOR_BYTES).zip(there).enumerate();
    for (number, (bytes, _)) in sectors.filter(|(_, (_, there))| **there) {
        let at = write.at + (number * SECTOR_BYTES) as u64;
        match pieces.last_mut() {
            Some(last) if last.at + last.bytes.len() as u64 == at => {
                last.bytes.extend_from_slice(bytes);
            }
            _ => pieces.push(Write {
                at,
                bytes: bytes.to_vec(),
            }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DISK_SECTORS: usize = 16;

    fn pending() -> impl Strategy<Value = Vec<Write>> {
        let write = (0..DISK_SECTORS, 1..5usize);
        prop::collection::vec(write, 0..30).prop_map(|places| {
            // Every write has bytes of its own, so that what is found says where it came from.
            let write = |(number, (at, length)): (usize, (usize, usize))| Write {
                at: (at * SECTOR_BYTES) as u64,
                bytes: vec![number as u8 + 1; length.min(DISK_SECTORS - at) * SECTOR_BYTES],
            };
            places.into_iter().enumerate().map(write).collect()
        })
    }

    /// The number of the write that each sector shows, 0: none.
    fn medium(writes: &[Write]) -> Vec<u8> {
        let mut disk = vec![0; DISK_SECTORS * SECTOR_BYTES];
        for write in writes {
            let at = usize::try_from(write.at).unwrap();
            disk[at..at + write.bytes.len()].copy_from_slice(&write.bytes);
        }
        disk.chunks(SECTOR_BYTES).map(|sector| sector[0]).collect()
    }

    proptest! {
        #[test]
        fn every_sector_is_as_it_was_or_as_one_of_the_writes_left_it(writes in pending(), seed: u64) {
            let (kept, loss) = survivors(writes.clone(), Fate::of(seed), seed);
            for (sector, shown) in medium(&kept).into_iter().enumerate() {
                let wrote = shown == 0 || {
                    let write = &writes[usize::from(shown) - 1];
                    let first = usize::try_from(write.at).unwrap() / SECTOR_BYTES;
                    (first..first + write.bytes.len() / SECTOR_BYTES).contains(&sector)
                };
                prop_assert!(wrote);
            }
            let there: usize = kept.iter().map(|write| write.bytes.len() / SECTOR_BYTES).sum();
            prop_assert_eq!(loss.pending_sectors - loss.lost_sectors, there);
        }

        #[test]
        fn the_same_seed_takes_the_same(writes in pending(), seed: u64) {
            let fate = Fate::of(seed);
            prop_assert_eq!(survivors(writes.clone(), fate, seed), survivors(writes, fate, seed));
        }

        #[test]
        fn all_lost_leaves_the_medium_alone_and_all_kept_is_a_flush(writes in pending(), seed: u64) {
            prop_assert!(survivors(writes.clone(), Fate::AllLost, seed).0.is_empty());
            let (kept, loss) = survivors(writes.clone(), Fate::AllKept, seed);
            prop_assert_eq!(medium(&kept), medium(&writes));
            prop_assert_eq!(loss.lost_sectors, 0);
        }

        #[test]
        fn later_lost_keeps_a_beginning(writes in pending(), seed: u64) {
            let (kept, _) = survivors(writes.clone(), Fate::LaterLost, seed);
            prop_assert!(writes.starts_with(&kept));
        }

        #[test]
        fn only_lost_sectors_tear(writes in pending(), seed: u64) {
            for fate in [Fate::AllLost, Fate::AllKept, Fate::LaterLost, Fate::WritesLost] {
                prop_assert_eq!(survivors(writes.clone(), fate, seed).1.torn_writes, 0);
            }
        }
    }

    #[test]
    fn twenty_seeds_bring_every_fate_and_torn_writes() {
        let write = |number: u64| Write {
            at: number * 4096,
            bytes: vec![1; 4096],
        };
        let fates: Vec<Fate> = (1..=20).map(Fate::of).collect();
        for fate in [
            Fate::AllLost,
            Fate::AllKept,
            Fate::LaterLost,
            Fate::WritesLost,
            Fate::SectorsLost,
        ] {
            assert!(fates.contains(&fate), "{fate:?} in {fates:?}");
        }
        let (_, loss) = survivors((0..50).map(write).collect(), Fate::SectorsLost, 1);
        assert!(loss.torn_writes > 10, "{loss:?}");
    }
}
