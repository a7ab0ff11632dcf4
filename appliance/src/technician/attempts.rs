//! Wrong codes, counted over restarts. Time is the kernel's since boot, never the wall clock's: nobody gets in by setting
//! a clock, and a dead one locks nobody out. After a restart the wait begins anew with the boot.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::events::Moment;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// Free attempts.
const FREE: u32 = 5;
const FIRST_WAIT_S: u64 = 60;
const LONGEST_WAIT_S: u64 = 3600;
const LIMIT_BYTES: u64 = 4096;

/// Wrong codes in a row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Attempts {
    wrong: u32,
    boot: String,
    last_ms: u64,
}

impl Attempts {
    /// How long nobody may try.
    pub(super) fn wait(&self, now: &Moment) -> Duration {
        let Some(beyond) = self.wrong.checked_sub(FREE) else {
            return Duration::ZERO;
        };
        let length_s = FIRST_WAIT_S
            .checked_shl(beyond.min(32))
            .map_or(LONGEST_WAIT_S, |length| length.min(LONGEST_WAIT_S));
        let begun_ms = if self.boot == now.boot {
            self.last_ms
        } else {
            0
        };
        let end_ms = begun_ms.saturating_add(length_s * 1000);
        Duration::from_millis(end_ms.saturating_sub(now.since_boot_ms))
            .min(Duration::from_secs(length_s))
    }

    /// With another wrong one.
    pub(super) fn one_more(&self, now: &Moment) -> Self {
        Self {
            wrong: self.wrong.saturating_add(1),
            boot: now.boot.clone(),
            last_ms: now.since_boot_ms,
        }
    }

    /// Attempts before the next wait.
    pub(super) fn left(&self) -> u32 {
        FREE.saturating_sub(self.wrong)
    }
}

/// What is counted, on the disk or, while that cannot be written, on tmpfs. A damaged count is one that ran out.
pub(super) fn read(places: &Places) -> Attempts {
    [
        places.technician_attempts(),
        places.technician_attempts_now(),
    ]
    .iter()
    .filter_map(|path| match durable::read(path, LIMIT_BYTES) {
        Ok(None) => None,
        Ok(Some(bytes)) => serde_json::from_slice(&bytes)
            .ok()
            .or_else(|| Some(ran_out())),
        Err(_) => Some(ran_out()),
    })
    .max_by_key(|attempts: &Attempts| attempts.wrong)
    .unwrap_or_default()
}

fn ran_out() -> Attempts {
    Attempts {
        wrong: FREE,
        ..Attempts::default()
    }
}

pub(super) fn write(places: &Places, attempts: &Attempts) -> Result<(), DurableError> {
    let text = serde_json::to_vec(attempts).unwrap_or_default();
    let owner = Owner::mode(0o600);
    durable::write(&places.technician_attempts(), &text, owner)
        .or_else(|_| durable::write(&places.technician_attempts_now(), &text, owner))
}

pub(super) fn forget(places: &Places) -> Result<(), DurableError> {
    durable::remove(&places.technician_attempts_now())?;
    // A disk that cannot be written keeps an old count; the technician who mends it is in all the same.
    let _ = durable::remove(&places.technician_attempts());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(boot: &str, seconds: u64) -> Moment {
        Moment {
            boot: boot.into(),
            since_boot_ms: seconds * 1000,
            unix_s: 0,
        }
    }

    #[test]
    fn waits_double_from_a_minute_to_an_hour() {
        let mut attempts = Attempts::default();
        let mut waits = Vec::new();
        for _ in 0..14 {
            attempts = attempts.one_more(&at("b", 5));
            waits.push(attempts.wait(&at("b", 5)).as_secs());
        }
        assert_eq!(
            waits,
            [
                0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600
            ]
        );
        attempts.wrong = u32::MAX;
        assert_eq!(
            attempts.one_more(&at("b", 5)).wait(&at("b", 5)).as_secs(),
            3600
        );
    }

    #[test]
    fn a_damaged_count_is_one_that_ran_out() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.posto()).unwrap();
        assert_eq!(read(&places), Attempts::default());
        durable::write(&places.technician_attempts(), b"{", Owner::mode(0o600)).unwrap();
        assert_eq!(read(&places).wait(&at("b", 1)).as_secs(), 59);
        assert!(read(&places).wait(&at("b", 61)).is_zero());
    }

    proptest! {
        #[test]
        fn waiting_long_enough_always_lets_try_again_and_never_before(
            wrong in 0u32..40, made in 0u64..1_000_000, passed in 0u64..10_000, restarted in any::<bool>()
        ) {
            let attempts = Attempts { wrong, boot: "b".into(), last_ms: made * 1000 };
            let now = if restarted { at("c", passed) } else { at("b", made + passed) };
            let wait = attempts.wait(&now).as_secs();
            if passed >= LONGEST_WAIT_S || wrong < FREE {
                prop_assert_eq!(wait, 0);
            }
            if wrong >= FREE && passed < FIRST_WAIT_S {
                prop_assert!(wait > 0);
            }
        }
    }
}
