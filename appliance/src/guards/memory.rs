//! Memory pressure (kernel documentation, accounting/psi): background work stands still before the clinic suffers. Pure,
//! but for the look at the end.

use std::time::Duration;

/// Share of time, in hundredths of a percent over the last 10 s, in which tasks waited for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pressure {
    /// At least one task waited.
    pub(super) some: u32,
    /// All that could have run waited.
    pub(super) full: u32,
}

impl Pressure {
    /// People notice.
    pub(super) fn is_hard(self) -> bool {
        self.some >= HARD.some || self.full >= HARD.full
    }
}

/// Reads `/proc/pressure/memory`.
pub(super) fn parse(text: &str) -> Option<Pressure> {
    let line = |kind: &str| -> Option<u32> {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '))?;
        let share = line
            .split(' ')
            .find_map(|word| word.strip_prefix("avg10="))?;
        let (whole, hundredths) = share.split_once('.')?;
        if hundredths.len() != 2 {
            return None;
        }
        let whole: u32 = whole.parse().ok()?;
        let hundredths: u32 = hundredths.parse().ok()?;
        (whole <= 100).then(|| whole * 100 + hundredths)
    };
    Some(Pressure {
        some: line("some")?,
        full: line("full")?,
    })
}

/// A fifth of the time somebody waits, or a tenth nobody runs: people notice.
const HARD: Pressure = Pressure {
    some: 2000,
    full: 1000,
};
/// Below this for [`CALM_FOR`] the background goes on.
const CALM: u32 = 500;
const CALM_FOR: Duration = Duration::from_secs(60);

/// Whether the background stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    still: bool,
    calm_since: Option<Duration>,
}

/// What to do with the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Freeze,
    Thaw,
}

/// Decides; `now` is time since boot.
pub(super) fn decide(state: State, seen: Pressure, now: Duration) -> (State, Option<Act>) {
    if seen.is_hard() {
        let next = State {
            still: true,
            calm_since: None,
        };
        return (next, (!state.still).then_some(Act::Freeze));
    }
    if !state.still {
        return (State::default(), None);
    }
    if seen.some >= CALM {
        let next = State {
            calm_since: None,
            ..state
        };
        return (next, None);
    }
    let since = state.calm_since.unwrap_or(now);
    if now.saturating_sub(since) >= CALM_FOR {
        (State::default(), Some(Act::Thaw))
    } else {
        let next = State {
            calm_since: Some(since),
            ..state
        };
        (next, None)
    }
}

/// Processes that the kernel killed for memory since boot: `oom_kill` of `/proc/vmstat`.
pub(super) fn killed(vmstat: &str) -> Option<u64> {
    vmstat
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn pressure(some: u32, full: u32) -> Pressure {
        Pressure { some, full }
    }

    #[test]
    fn the_kernels_text_is_read() {
        let text = "some avg10=12.34 avg60=0.02 avg300=0.15 total=35728859\nfull avg10=0.05 avg60=0.01 avg300=0.12 total=1\n";
        assert_eq!(parse(text), Some(pressure(1234, 5)));
        assert_eq!(parse("some avg10=1 avg60=0"), None);
        assert_eq!(killed("pgfault 3\noom_kill 7\n"), Some(7));
        assert_eq!(killed("oom_killer 7\n"), None);
    }

    #[test]
    fn the_background_stands_still_under_pressure_and_goes_on_after_a_calm_minute() {
        let (state, act) = decide(State::default(), pressure(2500, 0), S(10));
        assert_eq!(act, Some(Act::Freeze));
        let (state, act) = decide(state, pressure(2500, 0), S(20));
        assert_eq!(act, None, "not twice");
        let (state, act) = decide(state, pressure(100, 0), S(30));
        assert_eq!(act, None);
        let (state, _) = decide(state, pressure(900, 0), S(60));
        let (state, act) = decide(state, pressure(0, 0), S(95));
        assert_eq!(act, None, "the calm began anew");
        let (state, act) = decide(state, pressure(0, 0), S(155));
        assert_eq!((state, act), (State::default(), Some(Act::Thaw)));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,200}", number in "[0-9.]{0,12}") {
            let _ = parse(&text);
            let _ = parse(&format!("some avg10={number} x\nfull avg10={number} x"));
            let _ = killed(&text);
        }

        #[test]
        fn freezes_and_thaws_alternate(seen in proptest::collection::vec((0u32..10_000, 0u32..10_000, 1u64..100), 1..200)) {
            let (mut state, mut frozen, mut now) = (State::default(), false, 0);
            for (some, full, wait) in seen {
                now += wait;
                let (next, act) = decide(state, pressure(some, full.min(some)), S(now));
                match act {
                    Some(Act::Freeze) => { prop_assert!(!frozen); frozen = true; }
                    Some(Act::Thaw) => { prop_assert!(frozen); frozen = false; }
                    None => {}
                }
                state = next;
            }
        }
    }
}
