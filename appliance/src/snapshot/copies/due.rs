//! When a copy is made, and when its age is an alarm. Pure; times are `effective_s`: the wall clock's where it can be believed, else
//! uptime.

use super::record::Record;
use crate::snapshot::id::Id;

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
/// In the quiet time one a night, also when it begins a little earlier than the night before.
const QUIET_S: u64 = 12 * HOUR_S;
/// A box that is switched off at night, or does not know what time it is, copies in the day.
const ANYWAY_S: u64 = 30 * HOUR_S;
/// The disk may have been attached meanwhile.
const AGAIN_S: u64 = HOUR_S / 2;

/// What the decision needs.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Nothing is begun now.
    pub hands_off: bool,
    /// A copy is being made.
    pub running: bool,
    /// The newest proven snapshot.
    pub newest_proven: Option<Id>,
    /// What was last copied.
    pub record: &'a Record,
    /// Now, `effective_s`.
    pub now_s: u64,
    /// Seconds since the last try of this boot.
    pub since_try_s: Option<u64>,
    /// Whether it is the facility's quiet time; `None`: nobody knows.
    pub quiet: Option<bool>,
}

/// Whether a copy is to be made now.
#[must_use]
pub fn due(seen: &Seen<'_>) -> bool {
    let Some(newest) = seen.newest_proven else {
        return false;
    };
    let tried = seen.since_try_s.is_some_and(|since_s| since_s < AGAIN_S);
    if seen.hands_off || seen.running || tried {
        return false;
    }
    let Some(last) = &seen.record.last else {
        return true;
    };
    let age_s = seen.now_s.saturating_sub(last.copied.effective_s);
    let enough_s = if seen.quiet == Some(true) {
        QUIET_S
    } else {
        ANYWAY_S
    };
    last.id != newest && age_s >= enough_s
}

/// Days that the newest copy's data are old (or that copies have been wanted in vain), where that is too many.
#[must_use]
pub fn too_old_days(record: &Record, now_s: u64, alarm_days: u32) -> Option<u64> {
    let last = record.last.as_ref().map(|last| &last.taken);
    let begun = last.or(record.since.as_ref())?;
    let days = now_s.saturating_sub(begun.effective_s) / DAY_S;
    (days >= u64::from(alarm_days)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::copies::record::Copied;
    use crate::snapshot::shelf::tests::moment;
    use proptest::prelude::*;

    fn record(copied_s: u64) -> Record {
        Record {
            since: Some(moment(0)),
            last: Some(Copied {
                id: Id::new(7).unwrap(),
                name: "x".into(),
                copied: moment(copied_s),
                taken: moment(copied_s),
            }),
        }
    }

    fn seen(record: &Record) -> Seen<'_> {
        Seen {
            hands_off: false,
            running: false,
            newest_proven: Id::new(8),
            record,
            now_s: 100 * DAY_S,
            since_try_s: None,
            quiet: Some(true),
        }
    }

    #[test]
    fn one_copy_a_night_and_in_the_day_only_when_the_night_gave_none() {
        let last = record(100 * DAY_S - 13 * HOUR_S);
        assert!(due(&seen(&last)));
        for quiet in [Some(false), None] {
            let now = Seen {
                quiet,
                ..seen(&last)
            };
            assert!(!due(&now), "{quiet:?}");
            let old = record(100 * DAY_S - 30 * HOUR_S);
            let now = Seen {
                record: &old,
                ..now
            };
            assert!(due(&now), "{quiet:?}");
        }
        let just = record(100 * DAY_S - HOUR_S);
        assert!(!due(&seen(&just)));
        assert!(due(&seen(&Record::default())), "the first one at once");
    }

    #[test]
    fn nothing_is_copied_twice_nor_while_others_work_nor_again_at_once() {
        let last = record(0);
        for no in [
            Seen {
                hands_off: true,
                ..seen(&last)
            },
            Seen {
                running: true,
                ..seen(&last)
            },
            Seen {
                newest_proven: Id::new(7),
                ..seen(&last)
            },
            Seen {
                newest_proven: None,
                ..seen(&last)
            },
            Seen {
                since_try_s: Some(AGAIN_S - 1),
                ..seen(&last)
            },
        ] {
            assert!(!due(&no), "{no:?}");
        }
        let later = Seen {
            since_try_s: Some(AGAIN_S),
            ..seen(&last)
        };
        assert!(due(&later));
    }

    proptest! {
        #[test]
        fn the_alarm_stands_exactly_from_the_day_on_that_the_facility_says(
            taken_s in 0u64..1_000_000_000, age_s in 0u64..100_000_000, alarm_days in 1u32..365, never in any::<bool>()
        ) {
            let mut record = record(taken_s);
            if never {
                record = Record { since: Some(moment(taken_s)), last: None };
            }
            let days = too_old_days(&record, taken_s + age_s, alarm_days);
            prop_assert_eq!(days.is_some(), age_s >= u64::from(alarm_days) * DAY_S);
            prop_assert_eq!(too_old_days(&Record::default(), age_s, alarm_days), None);
        }
    }
}
