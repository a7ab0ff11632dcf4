//! A site's usual rhythm, and when its silence is worth a look. Pure: the time is an argument.
//!
//! Some sites are on day and night, some are switched off each evening, some from Friday to Monday. What happened three times in four
//! weeks is usual: the third longest of the daily longest gaps is a site's usual gap. One or two bad days change nothing.

use serde::{Deserialize, Serialize};

/// What a box does unasked, seconds.
pub const ROUTINE_S: u64 = 15 * 60;
const DAY_S: u64 = 24 * 3600;
/// Four weeks: weekends come three times in any case.
const DAYS: usize = 28;
/// How often a gap must have been to be usual.
const TIMES: usize = 3;
/// A usual gap may be a quarter longer, and a bit: two routine frames may be lost on the way.
const SLACK_S: u64 = 2 * ROUTINE_S;
/// Longer silence is always told of: a long weekend.
const LIMIT_S: u64 = 4 * DAY_S;

/// What is kept of a site's rhythm: bounded, 28 numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rhythm {
    /// When the hub last heard of the site, by the hub's clock.
    last_s: Option<u64>,
    /// Which day the newest of `longest_s` is.
    day: u64,
    /// The longest gap that ended on a day, seconds; the newest last.
    longest_s: Vec<u32>,
}

impl Rhythm {
    /// The site was heard. A clock that went back counts as no gap.
    pub fn heard(&mut self, now_s: u64) {
        let Some(last_s) = self.last_s.replace(now_s) else {
            self.day = now_s / DAY_S;
            return;
        };
        let gap_s = u32::try_from(now_s.saturating_sub(last_s)).unwrap_or(u32::MAX);
        let day = now_s / DAY_S;
        match self.longest_s.last_mut() {
            Some(longest) if day <= self.day => *longest = gap_s.max(*longest),
            _ => {
                self.longest_s.push(gap_s);
                if self.longest_s.len() > DAYS {
                    self.longest_s.remove(0);
                }
            }
        }
        self.day = day.max(self.day);
    }

    /// When the site was last heard, seconds since 1970 by the hub's clock.
    #[must_use]
    pub fn last_s(&self) -> Option<u64> {
        self.last_s
    }

    /// The longest gap that is usual here, seconds.
    #[must_use]
    pub fn usual_s(&self) -> u64 {
        let mut sorted = self.longest_s.clone();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let usual = sorted.get(TIMES - 1).copied().map_or(0, u64::from);
        usual.max(ROUTINE_S)
    }

    /// How long the site may be silent before that is told of, seconds.
    #[must_use]
    pub fn allowed_s(&self) -> u64 {
        let usual_s = self.usual_s();
        (usual_s + usual_s / 4 + SLACK_S).min(LIMIT_S)
    }

    /// Whether the site has been silent for longer than it usually is. One never heard is not silent: it waits.
    #[must_use]
    pub fn is_silent(&self, now_s: u64) -> bool {
        self.last_s
            .is_some_and(|last_s| now_s.saturating_sub(last_s) > self.allowed_s())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Heard every quarter of an hour while `on(day, hour)`; the last time.
    fn weeks(on: impl Fn(u64, u64) -> bool) -> (Rhythm, u64) {
        let mut rhythm = Rhythm::default();
        let mut last = 0;
        for quarter in 0..28 * 96 {
            if on(quarter / 96, quarter % 96 / 4) {
                last = quarter * ROUTINE_S;
                rhythm.heard(last);
            }
        }
        (rhythm, last)
    }

    #[test]
    fn a_site_that_is_always_on_is_missed_within_the_hour() {
        let (rhythm, last) = weeks(|_, _| true);
        assert!(!rhythm.is_silent(last + 48 * 60));
        assert!(rhythm.is_silent(last + 50 * 60));
    }

    #[test]
    fn a_site_that_is_off_each_night_is_missed_the_next_morning_not_each_evening() {
        let (rhythm, last) = weeks(|_, hour| (7..18).contains(&hour));
        assert!(!rhythm.is_silent(last + 13 * 3600));
        assert!(rhythm.is_silent(last + 18 * 3600));
    }

    #[test]
    fn weekends_off_are_usual_after_three_of_them() {
        let (rhythm, last) = weeks(|day, hour| day % 7 < 5 && (7..18).contains(&hour));
        assert!(!rhythm.is_silent(last + 62 * 3600));
        assert!(rhythm.is_silent(last + 97 * 3600));
    }

    #[test]
    fn two_bad_days_do_not_make_long_silence_usual() {
        let (rhythm, last) = weeks(|day, hour| !(day == 9 || day == 20) || hour < 2);
        assert!(rhythm.is_silent(last + 50 * 60));
    }

    #[test]
    fn a_site_never_heard_is_not_silent_and_a_clock_gone_back_is_no_gap() {
        let mut rhythm = Rhythm::default();
        assert!(!rhythm.is_silent(u64::MAX));
        rhythm.heard(1_000_000);
        rhythm.heard(10);
        assert_eq!(rhythm.usual_s(), ROUTINE_S);
        assert_eq!(rhythm.last_s(), Some(10));
    }

    proptest! {
        #[test]
        fn whatever_is_heard_the_bounds_hold(times in prop::collection::vec(any::<u64>(), 0..200)) {
            let mut rhythm = Rhythm::default();
            for time in times {
                rhythm.heard(time);
            }
            prop_assert!(rhythm.longest_s.len() <= DAYS);
            prop_assert!((ROUTINE_S..=LIMIT_S).contains(&rhythm.allowed_s()));
        }
    }
}
