//! Room on the data partition: logs are thinned early, and the clinic is closed in order before the database is caught
//! by a full disk in the middle of a write. Pure.

pub(super) mod act;

const MIB: u64 = 1024 * 1024;
/// What `/data/posto/reserve` holds back: enough for MariaDB to write out its pages' doublewrite, binlog and pool list.
pub(super) const RESERVE_BYTES: u64 = 128 * MIB;
/// Below this much free space the reserve is given back: the database is about to wait for room.
const GIVE_BACK_BYTES: u64 = 64 * MIB;

/// The data partition's space, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    /// Of the whole file system.
    pub(super) size_bytes: u64,
    /// Free for use.
    pub(super) free_bytes: u64,
    /// Whether the reserve is held back.
    pub(super) reserve: bool,
}

impl Space {
    /// Free space with the reserve: giving the reserve back must not look like new room.
    pub(super) fn room_bytes(self) -> u64 {
        let held = if self.reserve { RESERVE_BYTES } else { 0 };
        self.free_bytes.saturating_add(held)
    }
}

/// How the data disk stands, for those who keep what may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of the whole file system, bytes.
    pub size_bytes: u64,
    /// Free, with the reserve, bytes.
    pub room_bytes: u64,
}

impl Room {
    /// Beyond the high-water mark: old snapshots go early, well before somebody must be told that the disk is low.
    #[must_use]
    pub fn is_tight(self) -> bool {
        self.room_bytes < marks(self.size_bytes).low_bytes / 2 * 3
    }

    /// Room enough that nothing need go early.
    #[must_use]
    pub fn is_ample(self) -> bool {
        self.room_bytes >= marks(self.size_bytes).low_bytes.saturating_mul(2)
    }

    /// Somebody is told.
    #[must_use]
    pub fn is_low(self) -> bool {
        self.room_bytes < marks(self.size_bytes).low_bytes
    }
}

pub use act::room;

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Room enough.
    Ample,
    /// Somebody should look.
    Low,
    /// The clinic must be closed in order, now.
    Full,
}

/// Below which room a level begins, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    low_bytes: u64,
    full_bytes: u64,
}

/// A tenth and a fiftieth, but never less than a round of the daemon (5 s) can take from a fast disk's small partition, and
/// never so much that a large disk alarms with gigabytes to spare.
fn marks(size_bytes: u64) -> Marks {
    Marks {
        low_bytes: (size_bytes / 10).clamp(512 * MIB, 4096 * MIB) + RESERVE_BYTES,
        full_bytes: (size_bytes / 50).clamp(192 * MIB, 1024 * MIB) + RESERVE_BYTES,
    }
}

/// The level now. A level is left only at a higher mark than it was entered at, so that it does not come and go.
pub(super) fn level(before: Option<Level>, space: Space) -> Level {
    let marks = marks(space.size_bytes);
    let room = space.room_bytes();
    let full = match before {
        Some(Level::Full) => marks.full_bytes / 2 * 3,
        _ => marks.full_bytes,
    };
    let low = match before {
        Some(Level::Full | Level::Low) => marks.low_bytes / 4 * 5,
        _ => marks.low_bytes,
    };
    if room < full {
        Level::Full
    } else if room < low {
        Level::Low
    } else {
        Level::Ample
    }
}

/// What to do with the reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserve {
    Make,
    GiveBack,
}

/// What the reserve needs at this level.
pub(super) fn reserve(level: Level, space: Space) -> Option<Reserve> {
    match level {
        Level::Ample if !space.reserve => Some(Reserve::Make),
        Level::Full if space.reserve && space.free_bytes < GIVE_BACK_BYTES => {
            Some(Reserve::GiveBack)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn space(size_mib: u64, free_mib: u64, reserve: bool) -> Space {
        Space {
            size_bytes: size_mib * MIB,
            free_bytes: free_mib * MIB,
            reserve,
        }
    }

    #[test]
    fn marks_on_a_real_disk_and_on_a_small_one() {
        let disk = |free| level(None, space(240_000, free, true));
        assert_eq!(disk(5000), Level::Ample);
        assert_eq!(disk(3900), Level::Low);
        assert_eq!(disk(1100), Level::Low);
        assert_eq!(disk(1000), Level::Full);
        let small = |free| level(None, space(4096, free, true));
        assert_eq!(small(600), Level::Ample);
        assert_eq!(small(400), Level::Low);
        assert_eq!(small(150), Level::Full);
    }

    #[test]
    fn a_closed_clinic_stays_closed_until_there_is_clearly_more_room() {
        let now = space(4096, 200, true);
        assert_eq!(level(Some(Level::Low), now), Level::Low);
        assert_eq!(level(Some(Level::Full), now), Level::Full);
        assert_eq!(level(Some(Level::Full), space(4096, 360, true)), Level::Low);
    }

    #[test]
    fn snapshots_are_thinned_before_the_disk_is_low() {
        for size_mib in [4096, 60_000, 240_000, 4_000_000] {
            let room = |mib| Room {
                size_bytes: size_mib * MIB,
                room_bytes: mib * MIB,
            };
            let low = marks(size_mib * MIB).low_bytes / MIB;
            assert!(room(low + 200).is_tight() && !room(low + 200).is_low());
            assert!(!room(low * 2 - 1).is_ample() && !room(low * 2 - 1).is_tight());
            assert!(room(low * 2).is_ample());
        }
    }

    #[test]
    fn the_reserve_is_made_with_ample_room_and_given_back_when_the_disk_is_really_full() {
        assert_eq!(
            reserve(Level::Ample, space(4096, 2000, false)),
            Some(Reserve::Make)
        );
        assert_eq!(reserve(Level::Low, space(4096, 500, false)), None);
        assert_eq!(reserve(Level::Full, space(4096, 100, true)), None);
        assert_eq!(
            reserve(Level::Full, space(4096, 10, true)),
            Some(Reserve::GiveBack)
        );
    }

    proptest! {
        /// Otherwise the hold would end because the guard itself let 128 MiB go.
        #[test]
        fn giving_the_reserve_back_or_making_it_never_changes_the_level(size in 1u64..1_000_000, free in 128u64..1_000_000) {
            let with = space(size, free - 128, true);
            let without = space(size, free, false);
            for before in [None, Some(Level::Ample), Some(Level::Low), Some(Level::Full)] {
                prop_assert_eq!(level(before, with), level(before, without));
            }
        }

        #[test]
        fn less_room_is_never_a_better_level_and_a_level_once_reached_is_kept_by_the_same_space(size in 1u64..1_000_000, free in 0u64..1_000_000, less in 0u64..1000) {
            let (now, then) = (space(size, free, true), space(size, free.saturating_sub(less), true));
            for before in [None, Some(Level::Ample), Some(Level::Low), Some(Level::Full)] {
                prop_assert!(level(before, then) >= level(before, now));
                let once = level(before, now);
                prop_assert_eq!(level(Some(once), now), once);
            }
        }
    }
}
