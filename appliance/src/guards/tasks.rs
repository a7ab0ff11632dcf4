//! Processes and threads of the clinic's units against their limit (`TasksMax=`): a fork bomb or a leak of threads is bounded
//! by the kernel, which tells nobody but its counter. Pure.
//!
//! Kernel documentation, admin-guide/cgroup-v2.rst, "PID": `pids.events` (key `max`: how often the limit was hit),
//! `pids.current`, `pids.max`.

pub(super) mod act;

use std::time::Duration;

/// The trouble is over when no process was refused for so long.
const CALM_FOR: Duration = Duration::from_secs(60);
/// A fork bomb hits the limit thousands of times a second, for hours: one event in so long, with the sum.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A unit's cgroup at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// How often the limit was hit since the cgroup was made.
    pub(super) refused: u64,
    /// Processes and threads in it now.
    pub(super) current: u64,
    /// Its limit, if it has one.
    pub(super) most: Option<u64>,
}

/// What is known of a unit between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    counted: Option<u64>,
    untold: u64,
    grew_at: Option<Duration>,
    told_at: Option<Duration>,
}

/// What a look led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What is known now.
    pub(super) state: State,
    /// Refused since the last event: an event is due.
    pub(super) tell: Option<u64>,
    /// The unit is at its limit, or was within the last minute.
    pub(super) exhausted: bool,
}

/// The count of `max` in the text of `pids.events`.
pub(super) fn refused(events: &str) -> Option<u64> {
    events
        .lines()
        .find_map(|line| line.strip_prefix("max "))?
        .trim()
        .parse()
        .ok()
}

/// The limit in the text of `pids.max`: none for `max`, which is no limit.
pub(super) fn most(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Decides for one unit; `seen` is none where the cgroup is away (the unit does not run) or the kernel counts nothing
/// there, `now` is time since boot.
pub(super) fn decide(state: State, seen: Option<Reading>, now: Duration) -> Outcome {
    let grown = match (state.counted, seen) {
        (Some(before), Some(reading)) if reading.refused >= before => reading.refused - before,
        // Fewer than before: the unit was started anew, and its cgroup counts from 0.
        (Some(_), Some(reading)) => reading.refused,
        // What was counted before the first look is no news.
        (None, _) | (_, None) => 0,
    };
    let untold = state.untold.saturating_add(grown);
    let due = state
        .told_at
        .is_none_or(|told| now.saturating_sub(told) >= TELL_EVERY);
    let tell = (untold > 0 && due).then_some(untold);
    let grew_at = if grown > 0 { Some(now) } else { state.grew_at };
    let at_limit =
        seen.is_some_and(|reading| reading.most.is_some_and(|most| reading.current >= most));
    Outcome {
        state: State {
            counted: seen.map(|reading| reading.refused).or(state.counted),
            untold: if tell.is_some() { 0 } else { untold },
            grew_at,
            told_at: if tell.is_some() {
                Some(now)
            } else {
                state.told_at
            },
        },
        tell,
        exhausted: at_limit || grew_at.is_some_and(|grew| now.saturating_sub(grew) < CALM_FOR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn reading(refused: u64, current: u64) -> Option<Reading> {
        Some(Reading {
            refused,
            current,
            most: Some(1024),
        })
    }

    #[test]
    fn the_kernels_text_is_read() {
        assert_eq!(refused("max 7\n"), Some(7));
        assert_eq!(refused("forks 3\nmax 12\n"), Some(12));
        assert_eq!(refused("maximum 3\n"), None);
        assert_eq!(refused("max -1\n"), None);
        assert_eq!(most("1024\n"), Some(1024));
        assert_eq!(most("max\n"), None);
    }

    #[test]
    fn what_was_refused_before_the_first_look_is_no_news() {
        let first = decide(State::default(), reading(500, 100), S(10));
        assert_eq!((first.tell, first.exhausted), (None, false));
        let next = decide(first.state, reading(503, 100), S(20));
        assert_eq!((next.tell, next.exhausted), (Some(3), true));
    }

    #[test]
    fn the_alarm_stands_at_the_limit_and_for_a_minute_after_the_last_refusal() {
        let first = decide(State::default(), reading(0, 1024), S(10));
        assert_eq!(
            (first.tell, first.exhausted),
            (None, true),
            "full, none refused yet"
        );
        let refused = decide(first.state, reading(9, 1024), S(20));
        assert!(refused.exhausted);
        let fewer = decide(refused.state, reading(9, 80), S(79));
        assert!(fewer.exhausted);
        let calm = decide(fewer.state, reading(9, 80), S(80));
        assert!(!calm.exhausted);
    }

    #[test]
    fn a_unit_started_anew_counts_from_zero() {
        let first = decide(State::default(), reading(500, 10), S(10));
        let away = decide(first.state, None, S(20));
        assert_eq!((away.tell, away.exhausted), (None, false));
        let again = decide(away.state, reading(0, 10), S(30));
        assert_eq!((again.tell, again.exhausted), (None, false));
        let bomb = decide(again.state, reading(4, 1024), S(40));
        assert_eq!(bomb.tell, Some(4));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,200}", number in "[0-9+-]{0,30}") {
            let _ = refused(&text);
            let _ = most(&text);
            prop_assert_eq!(refused(&format!("max {number}\n")), number.parse().ok());
        }

        #[test]
        fn any_count_is_read_back(count: u64, before in "[a-z]{4,9} [0-9]{1,5}\n") {
            prop_assert_eq!(refused(&format!("{before}max {count}\n")), Some(count));
        }

        #[test]
        fn every_refusal_is_told_once_and_not_oftener_than_each_minute(steps in prop::collection::vec((0u64..50, 1u64..40), 1..200)) {
            let (mut state, mut now, mut count, mut told, mut last) = (State::default(), 0, 0, 0, None);
            state = decide(state, reading(0, 1), S(now)).state;
            for (grown, wait) in steps {
                now += wait;
                count += grown;
                let outcome = decide(state, reading(count, 1), S(now));
                if let Some(tell) = outcome.tell {
                    prop_assert!(last.is_none_or(|last| now - last >= 60));
                    last = Some(now);
                    told += tell;
                }
                prop_assert!(grown == 0 || outcome.exhausted);
                state = outcome.state;
            }
            let end = decide(state, reading(count, 1), S(now + 60));
            prop_assert_eq!(told + end.tell.unwrap_or(0), count);
            prop_assert!(!end.exhausted);
        }
    }
}
