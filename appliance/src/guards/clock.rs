//! The wall clock: wrong after a dead battery, later set by the network. Nothing on the box is ordered or expired by it;
//! what people read in logs is, so they are told. Pure.

use std::time::Duration;

/// Slower corrections are slewing and daylight, not jumps.
const JUMP_S: u64 = 60;
/// A box this much older than its release has been replaced, or its clock is wrong.
const LATEST_S: u64 = 15 * 366 * 86_400;
/// The build's date is the archive's, which may be a day ahead of a time zone's.
const EARLY_S: u64 = 2 * 86_400;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Wall clock, seconds since 1970.
    pub(super) unix_s: u64,
    /// Time since boot.
    pub(super) since_boot: Duration,
}

/// The wall clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jump {
    /// What it would say had nobody set it, seconds since 1970.
    pub(super) from_unix_s: u64,
    /// What it says.
    pub(super) to_unix_s: u64,
}

/// Whether somebody set the wall clock between two readings.
pub(super) fn jumped(before: Reading, now: Reading) -> Option<Jump> {
    let passed = now.since_boot.saturating_sub(before.since_boot);
    let expected = before.unix_s.saturating_add(passed.as_secs());
    (expected.abs_diff(now.unix_s) > JUMP_S).then_some(Jump {
        from_unix_s: expected,
        to_unix_s: now.unix_s,
    })
}

/// Whether the wall clock cannot be right for a release built then.
pub(crate) fn wrong(unix_s: u64, built_unix_s: u64) -> bool {
    unix_s.saturating_add(EARLY_S) < built_unix_s || unix_s > built_unix_s.saturating_add(LATEST_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reading(unix_s: u64, since_boot_s: u64) -> Reading {
        Reading {
            unix_s,
            since_boot: Duration::from_secs(since_boot_s),
        }
    }

    #[test]
    fn a_clock_set_by_the_network_is_noticed_in_both_directions() {
        let jump = jumped(reading(100, 10), reading(1_795_000_000, 15)).unwrap();
        assert_eq!((jump.from_unix_s, jump.to_unix_s), (105, 1_795_000_000));
        assert!(jumped(reading(4_000_000_000, 10), reading(1_795_000_000, 15)).is_some());
    }

    #[test]
    fn nineteen_seventy_and_twenty_ninety_nine_are_wrong_and_today_is_not() {
        let built = 1_795_227_046;
        assert!(wrong(0, built) && wrong(4_070_908_800, built));
        assert!(!wrong(built - 3600, built) && !wrong(built + 5 * 365 * 86_400, built));
    }

    proptest! {
        #[test]
        fn time_that_only_passes_is_no_jump(unix in 0u64..5_000_000_000, boot in 0u64..1_000_000_000, passed in 0u64..10_000_000, drift in -60i64..=60) {
            let then = (unix + passed).saturating_add_signed(drift);
            prop_assert_eq!(jumped(reading(unix, boot), reading(then, boot + passed)), None);
        }
    }
}
