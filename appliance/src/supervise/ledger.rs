//! What the ladder has spent, by uptime: the wall clock of a box with a dead RTC jumps, and a power cut every night must not
//! fill the budgets. `/data/posto/ledger.json`, written before the act.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

const LIMIT_BYTES: u64 = 64 * 1024;
/// The sum of all budgets is smaller.
const ENTRIES_MAX: usize = 128;
/// Budgets are per day of uptime.
pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// One rung's act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// SIGCONT to OpenMRS.
    ContinueOpenmrs,
    /// SIGCONT to the database.
    ContinueDatabase,
    /// Connections that sleep are ended.
    FreeConnections,
    /// OpenMRS anew.
    RestartOpenmrs,
    /// The database anew; OpenMRS heals by itself.
    RestartDatabase,
    /// The database, then OpenMRS.
    RestartBoth,
    /// The box.
    Reboot,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ContinueOpenmrs,
        Self::ContinueDatabase,
        Self::FreeConnections,
        Self::RestartOpenmrs,
        Self::RestartDatabase,
        Self::RestartBoth,
        Self::Reboot,
    ];

    /// How often in a day of uptime.
    #[must_use]
    pub const fn budget(self) -> usize {
        match self {
            Self::ContinueOpenmrs | Self::ContinueDatabase | Self::FreeConnections => 12,
            Self::RestartOpenmrs => 8,
            Self::RestartDatabase => 4,
            Self::RestartBoth => 3,
            Self::Reboot => 2,
        }
    }

    /// Whether it takes the clinic down.
    #[must_use]
    pub const fn interrupts(self) -> bool {
        matches!(
            self,
            Self::RestartOpenmrs | Self::RestartDatabase | Self::RestartBoth | Self::Reboot
        )
    }
}

/// One act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub step: Step,
    /// At this uptime, seconds over all boots.
    pub at_s: u64,
}

/// Uptime and what was spent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Seconds of uptime over all boots, as of the last write.
    pub uptime_s: u64,
    /// The last day's acts, oldest first.
    pub entries: Vec<Entry>,
}

/// How the ledger was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// As it was left, or none yet.
    Whole,
    /// Damaged: everything counts as spent.
    Damaged,
}

impl Ledger {
    /// Reads it. A damaged one says that every budget is spent now.
    #[must_use]
    pub fn read(places: &Places) -> (Self, Found) {
        let damaged = || {
            let mut ledger = Self::default();
            for step in Step::ALL {
                for _ in 0..step.budget() {
                    ledger.entries.push(Entry { step, at_s: 0 });
                }
            }
            (ledger, Found::Damaged)
        };
        match durable::read(&places.ledger(), LIMIT_BYTES) {
            Ok(None) => (Self::default(), Found::Whole),
            Ok(Some(bytes)) => match serde_json::from_slice::<Self>(&bytes) {
                Ok(ledger) if ledger.is_sound() => (ledger, Found::Whole),
                _ => damaged(),
            },
            Err(_) => damaged(),
        }
    }

    fn is_sound(&self) -> bool {
        self.entries.len() <= ENTRIES_MAX
            && self.entries.iter().all(|entry| entry.at_s <= self.uptime_s)
    }

    /// Puts it on the disk.
    ///
    /// # Errors
    /// [`DurableError::Write`]: nothing may be done that this was to record.
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.ledger(), &text, Owner::mode(0o644))
    }

    /// The same, later.
    #[must_use]
    pub fn at(&self, uptime: Duration) -> Self {
        let uptime_s = uptime.as_secs().max(self.uptime_s);
        let mut entries = self.entries.clone();
        entries.retain(|entry| uptime_s.saturating_sub(entry.at_s) < DAY.as_secs());
        Self { uptime_s, entries }
    }

    /// With one more act at its present uptime.
    #[must_use]
    pub fn with(&self, step: Step) -> Self {
        let mut ledger = self.clone();
        ledger.entries.push(Entry {
            step,
            at_s: self.uptime_s,
        });
        let over = ledger.entries.len().saturating_sub(ENTRIES_MAX);
        ledger.entries.drain(..over);
        ledger
    }

    /// How often within the last `span` of uptime.
    #[must_use]
    pub fn count(&self, step: Step, span: Duration) -> usize {
        self.entries
            .iter()
            .filter(|entry| {
                entry.step == step && self.uptime_s.saturating_sub(entry.at_s) < span.as_secs()
            })
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.posto()).unwrap();
        (dir, places)
    }

    #[test]
    fn what_was_spent_survives_and_is_forgotten_after_a_day_of_uptime() {
        let (_dir, places) = places();
        let ledger = Ledger::default()
            .at(Duration::from_secs(100))
            .with(Step::Reboot);
        ledger.write(&places).unwrap();
        let (read, found) = Ledger::read(&places);
        assert_eq!((&read, found), (&ledger, Found::Whole));
        assert_eq!(read.at(DAY).count(Step::Reboot, DAY), 1);
        assert_eq!(
            read.at(DAY + Duration::from_secs(100))
                .count(Step::Reboot, DAY),
            0
        );
    }

    #[test]
    fn a_damaged_ledger_says_that_everything_is_spent() {
        let (_dir, places) = places();
        for bytes in [
            &b""[..],
            b"{",
            br#"{"uptime_s":5,"entries":[{"step":"reboot","at_s":9}]}"#,
        ] {
            durable::write(&places.ledger(), bytes, Owner::mode(0o644)).unwrap();
            let (ledger, found) = Ledger::read(&places);
            assert_eq!(found, Found::Damaged);
            for step in Step::ALL {
                assert!(ledger.count(step, DAY) >= step.budget());
            }
            assert!(ledger.is_sound());
        }
    }
}
