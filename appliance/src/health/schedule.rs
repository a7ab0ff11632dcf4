//! When a box pings and when it sends. Pure; times are since boot.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// The first ping of a boot comes within so long: power comes back to a whole district at once.
const FIRST_WITHIN: Duration = Duration::from_secs(240);
/// And not before: the servers are on their way up.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// Pings about alarms, at most, in a row; one more each [`ALARM_EVERY`].
const ALARMS_IN_A_ROW: u32 = 6;
/// An alarm that comes and goes costs 6 pings an hour in the long run.
const ALARM_EVERY: Duration = Duration::from_secs(600);
/// The first pause after a try that reached nobody; it doubles.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause: a link of two minutes a day must be met.
const PAUSE_LIMIT: Duration = Duration::from_secs(600);
/// A hub that says "wait" is asked after [`PAUSE`], which doubles up to this: an officer may be on the telephone with whoever set the
/// box up, or not come before tomorrow.
const PATIENT: Duration = Duration::from_secs(3600);

/// One facility's rhythm: 1,232 boxes do not arrive together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    every: Duration,
    phase: Duration,
    first: Duration,
}

impl Rhythm {
    /// Of the facility with this id, which pings once in `every`.
    #[must_use]
    pub fn new(facility: &str, every: Duration) -> Self {
        let digest = Sha256::new()
            .chain_update(b"posto ping\0")
            .chain_update(facility)
            .finalize();
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(digest) {
            *to = from;
        }
        let random = u64::from_be_bytes(word);
        let within = |length: Duration| {
            let ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX).max(1);
            Duration::from_millis(random % ms)
        };
        Self {
            every: every.max(Duration::from_secs(60)),
            phase: within(every),
            first: FIRST_AFTER + within(FIRST_WITHIN),
        }
    }

    /// Whether a routine ping is due; `last`: when the last one was made in this boot.
    #[must_use]
    pub fn is_due(&self, last: Option<Duration>, now: Duration) -> bool {
        let Some(last) = last else {
            return now >= self.first;
        };
        self.slot(now) > self.slot(last)
    }

    fn slot(&self, at: Duration) -> u128 {
        (at + self.every).saturating_sub(self.phase).as_millis() / self.every.as_millis().max(1)
    }
}

/// Pings about alarms: at once, but not without bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmGate {
    /// The numbers that were told last, rising.
    told: Vec<u8>,
    /// Pings that may still be made in a row.
    left: u32,
    filled: Duration,
}

impl Default for AlarmGate {
    fn default() -> Self {
        Self {
            told: Vec::new(),
            left: ALARMS_IN_A_ROW,
            filled: Duration::ZERO,
        }
    }
}

impl AlarmGate {
    /// The gate after a look at the standing alarms, and whether a ping is to be made about them. What may not be told
    /// yet is told as soon as it may.
    #[must_use]
    pub fn look(mut self, standing: &[u8], now: Duration) -> (Self, bool) {
        let mut standing = standing.to_vec();
        standing.sort_unstable();
        standing.dedup();
        let filled = now.saturating_sub(self.filled).as_secs() / ALARM_EVERY.as_secs();
        let filled = u32::try_from(filled).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(filled).min(ALARMS_IN_A_ROW);
        self.filled = if self.left == ALARMS_IN_A_ROW {
            now
        } else {
            self.filled + ALARM_EVERY.saturating_mul(filled)
        };
        let tell = standing != self.told && self.left > 0;
        if tell {
            self.told = standing;
            self.left -= 1;
        }
        (self, tell)
    }
}

/// What came of a try to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The hub has taken something.
    Taken,
    /// It answered, but keeps nothing yet.
    Waiting,
    /// Nobody answered.
    Silence,
}

/// The sender's patience between two tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sending {
    failures: u32,
    waits: u32,
    not_before: Duration,
}

/// What waits in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Hellos and pings about alarms.
    pub urgent: u64,
    /// Routine pings.
    pub routine: u64,
}

impl Sending {
    /// Whether to try now. `news`: something urgent was put into the spool since the last try. `thrifty`: the month's budget
    /// is spent, only what is urgent goes.
    #[must_use]
    pub fn is_due(&self, waiting: Waiting, news: bool, thrifty: bool, now: Duration) -> bool {
        let wanted = waiting.urgent > 0 || (!thrifty && waiting.routine > 0);
        wanted && (now >= self.not_before || news)
    }

    /// After a try. `random`: any number, so that boxes whose hub was away do not all come back in one moment.
    #[must_use]
    pub fn after(&self, outcome: Outcome, now: Duration, random: u64) -> Self {
        match outcome {
            Outcome::Taken => Self {
                failures: 0,
                waits: 0,
                not_before: now,
            },
            Outcome::Waiting => Self {
                failures: 0,
                waits: self.waits.saturating_add(1),
                not_before: now + PAUSE.saturating_mul(1 << self.waits.min(10)).min(PATIENT),
            },
            Outcome::Silence => {
                let doubled = PAUSE.saturating_mul(1 << self.failures.min(10));
                let pause = doubled.min(PAUSE_LIMIT);
                // Between three quarters and the whole of it.
                let part = pause / 4;
                let ms = u64::try_from(part.as_millis()).unwrap_or(0).max(1);
                Self {
                    failures: self.failures.saturating_add(1),
                    waits: self.waits,
                    not_before: now + (pause - part) + Duration::from_millis(random % ms),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVERY: Duration = Duration::from_secs(900);
    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn facilities_do_not_arrive_together_and_each_keeps_its_rhythm() {
        let mut minutes = [0u32; 15];
        for facility in 0..1232 {
            let rhythm = Rhythm::new(&format!("cs-{facility}"), EVERY);
            let mut last = None;
            let mut pings = Vec::new();
            for now in (0..3600 * 6).step_by(10).map(S) {
                if rhythm.is_due(last, now) {
                    last = Some(now);
                    pings.push(now);
                }
            }
            assert!(pings[0] >= FIRST_AFTER && pings[0] <= FIRST_AFTER + FIRST_WITHIN + S(10));
            assert!(
                pings
                    .windows(2)
                    .skip(1)
                    .all(|pair| pair[1] - pair[0] == EVERY)
            );
            assert!(pings[1] - pings[0] <= EVERY);
            minutes[usize::try_from(pings[5].as_secs() / 60 % 15).unwrap()] += 1;
        }
        // 82 a minute on average.
        assert!(
            minutes.iter().all(|count| (50..=120).contains(count)),
            "{minutes:?}"
        );
    }

    #[test]
    fn an_alarm_is_told_at_once_and_so_is_its_end() {
        let (gate, tell) = AlarmGate::default().look(&[7], S(10));
        assert!(tell);
        let (gate, tell) = gate.look(&[7], S(11));
        assert!(!tell);
        let (_, tell) = gate.look(&[], S(12));
        assert!(tell);
    }

    #[test]
    fn an_alarm_that_comes_and_goes_is_bounded_and_its_last_state_is_told_in_the_end() {
        let mut gate = AlarmGate::default();
        let mut told = 0;
        let mut tell;
        for now in 0..3600 {
            let standing: &[u8] = if now % 2 == 0 { &[7] } else { &[] };
            (gate, tell) = gate.look(standing, S(now));
            told += u32::from(tell);
        }
        assert!((11..=13).contains(&told), "{told}");
        let (gate, _) = gate.look(&[7], S(3700));
        let (_, tell) = gate.clone().look(&[7, 31], S(4400));
        assert!(tell, "{gate:?}");
    }

    #[test]
    fn while_nobody_answers_pauses_double_to_ten_minutes_and_an_alarm_does_not_wait() {
        let waiting = Waiting {
            urgent: 0,
            routine: 3,
        };
        let mut sending = Sending::default();
        let mut now = S(0);
        let mut tries = 0;
        while now < S(86_400) {
            if sending.is_due(waiting, false, false, now) {
                tries += 1;
                sending = sending.after(Outcome::Silence, now, 77);
                assert!(!sending.is_due(waiting, false, false, now + S(40)));
                assert!(sending.is_due(waiting, true, false, now + S(1)));
            }
            now += S(5);
        }
        // Every 7.5 to 10 minutes after the first few.
        assert!((144..=200).contains(&tries), "{tries}");
    }

    #[test]
    fn without_a_budget_only_what_is_urgent_goes() {
        let routine = Waiting {
            urgent: 0,
            routine: 3,
        };
        assert!(!Sending::default().is_due(routine, false, true, S(1)));
        let urgent = Waiting {
            urgent: 1,
            routine: 3,
        };
        assert!(Sending::default().is_due(urgent, false, true, S(1)));
    }

    proptest! {
        #[test]
        fn no_times_break_it(a: u32, b: u32, every in 1u64..100_000, random: u64, tries in 0u32..40) {
            let rhythm = Rhythm::new("x", S(every));
            let _ = rhythm.is_due(Some(S(a.into())), S(b.into()));
            let mut sending = Sending::default();
            for _ in 0..tries {
                sending = sending.after(Outcome::Silence, S(a.into()), random);
            }
            prop_assert!(sending.not_before <= S(a.into()) + PAUSE_LIMIT);
            let (gate, _) = AlarmGate::default().look(&[1], S(a.into()));
            let _ = gate.look(&[2], S(b.into()));
        }
    }
}
