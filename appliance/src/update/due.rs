//! When the daemon starts the worker, and when root stages: decided from what is known, without I/O.

use super::said::{Found, Said, Step};

const HOUR_S: u64 = 3600;
/// Lists are asked for once a day: some 3 KB.
const CHECK_EVERY_S: u64 = 24 * HOUR_S;
/// A fetch that ended early goes on after this long; the first time.
const AGAIN_S: u64 = 15 * 60;
/// At the latest after this long: the link may be there in the evening only.
const AGAIN_MAX_S: u64 = 4 * HOUR_S;
/// After a start of the box the clinic comes first.
const SETTLED_S: u64 = 15 * 60;
/// Failed tries in a row that lengthen the wait.
const DOUBLINGS_MAX: u32 = 4;
/// Staging that failed is tried again after this long.
const STAGE_AGAIN_S: u64 = HOUR_S;

/// What is known.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Mirrors are named and the image has a trusted root.
    pub may_ask: bool,
    /// Others work on the data, or the clinic is in trouble.
    pub hands_off: bool,
    /// A unit of updates runs.
    pub running: bool,
    /// Since the box started, seconds.
    pub up_s: u64,
    /// Since the worker was last started by us; `None`: not since the box started.
    pub since_work_s: Option<u64>,
    /// Its tries in a row that brought nothing.
    pub failed: u32,
    /// Since staging was last started by us.
    pub since_stage_s: Option<u64>,
    /// The worker's last words.
    pub said: &'a Said,
    /// The release that stands in the other slot, as far as is known.
    pub staged: Option<&'a str>,
    /// 0 to 99: spreads the sites over an hour.
    pub spread: u8,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The worker asks and fetches.
    Work,
    /// Root looks at what is here.
    Stage,
}

/// Decides.
#[must_use]
pub fn due(seen: &Seen<'_>) -> Option<Due> {
    if seen.running || seen.hands_off || seen.up_s < SETTLED_S {
        return None;
    }
    let fetched = seen.said.fetched();
    let waits = |since: Option<u64>, length: u64| since.is_some_and(|since| since < length);
    if let Some(release) = fetched
        && seen.staged != Some(release)
        && !waits(seen.since_stage_s, STAGE_AGAIN_S)
    {
        return Some(Due::Stage);
    }
    if !seen.may_ask {
        return None;
    }
    // Boxes that came up together after a power cut of the district do not come together to the mirror.
    let spread_s = u64::from(seen.spread) * HOUR_S / 100;
    let unfinished = matches!(seen.said.found, Found::Offered { .. }) && fetched.is_none();
    let every_s = match seen.said.step {
        Step::Failed => (AGAIN_S << seen.failed.min(DOUBLINGS_MAX)).min(AGAIN_MAX_S),
        _ if unfinished => AGAIN_S,
        _ => CHECK_EVERY_S,
    };
    match seen.since_work_s {
        None => (seen.up_s >= SETTLED_S + spread_s).then_some(Due::Work),
        Some(since) => (since >= every_s + spread_s.min(every_s / 10)).then_some(Due::Work),
    }
}

#[cfg(test)]
mod tests {
    use posto_signing::rollout::{Rollout, Standing};
    use proptest::prelude::*;

    use super::*;

    fn offered() -> Found {
        let release = Rollout {
            release: "b".into(),
            built_s: 1,
            channel: "stable".into(),
            not_before: None,
            percent: 100,
            minimum_memory_mib: 0,
            minimum_disk_bytes: 0,
            standing: Standing::Offered,
        };
        Found::Offered {
            release,
            bytes: 9,
            patch: true,
        }
    }

    fn said(step: Step, found: Found) -> Said {
        Said {
            step,
            found,
            ..Said::default()
        }
    }

    fn seen(said: &Said) -> Seen<'_> {
        Seen {
            may_ask: true,
            hands_off: false,
            running: false,
            up_s: 100 * HOUR_S,
            since_work_s: Some(HOUR_S),
            failed: 0,
            since_stage_s: None,
            said,
            staged: None,
            spread: 0,
        }
    }

    #[test]
    fn a_box_asks_once_a_day_goes_on_soon_and_stages_what_is_here() {
        let quiet = said(Step::Rest, Found::UpToDate);
        assert_eq!(due(&seen(&quiet)), None);
        let day = Seen {
            since_work_s: Some(CHECK_EVERY_S),
            ..seen(&quiet)
        };
        assert_eq!(due(&day), Some(Due::Work));
        let broken = said(Step::Failed, offered());
        assert_eq!(due(&seen(&broken)), Some(Due::Work));
        let again = Seen {
            failed: 9,
            ..seen(&broken)
        };
        assert_eq!(
            due(&again),
            None,
            "a dead link is not asked every quarter of an hour"
        );
        let here = said(Step::Fetched, offered());
        assert_eq!(due(&seen(&here)), Some(Due::Stage));
        let stands = Seen {
            staged: Some("b"),
            ..seen(&here)
        };
        assert_eq!(due(&stands), None);
        let tried = Seen {
            since_stage_s: Some(60),
            ..seen(&here)
        };
        assert_eq!(due(&tried), None);
    }

    proptest! {
        #[test]
        fn nothing_begins_beside_other_work_or_in_the_first_minutes(
            up_s in 0..100_000_u64, hands_off: bool, running: bool, failed in 0..99_u32,
            since in proptest::option::of(0..1_000_000_u64), spread in 0..100_u8, may_ask: bool,
        ) {
            let said = said(Step::Failed, offered());
            let seen = Seen { up_s, hands_off, running, failed, since_work_s: since, spread, may_ask, ..seen(&said) };
            let due = due(&seen);
            if hands_off || running || up_s < SETTLED_S || !may_ask {
                prop_assert_eq!(due, None);
            }
        }
    }
}
