//! How long earlier starts of OpenMRS took on this box: what "about N minutes" is learned from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

const LIMIT_BYTES: u64 = 16 * 1024;
const KEPT: usize = 5;
/// Before anything was learned: measured 35-47 s on a fast machine, 82-139 s for the first installation; an old disk
/// takes two to three times that.
const FIRST_GUESS: Duration = Duration::from_secs(120);
const FIRST_GUESS_INSTALL: Duration = Duration::from_secs(300);
/// A start with a migration of a full database may take an hour; anything longer says nothing about the next.
const LONGEST: Duration = Duration::from_secs(2 * 3600);

/// What kind of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// On an existing database.
    Normal,
    /// The first installation.
    Install,
}

/// Starts in seconds, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Starts {
    normal: Vec<u32>,
    install: Vec<u32>,
}

impl Starts {
    /// What was learned; nothing, when it cannot be read.
    #[must_use]
    pub fn read(places: &Places) -> Self {
        let bytes = durable::read(&places.starts(), LIMIT_BYTES)
            .ok()
            .flatten()
            .unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Learns one more start and keeps it.
    ///
    /// # Errors
    /// [`DurableError::Write`]; what was learned before stands.
    pub fn learn(
        &mut self,
        places: &Places,
        kind: Kind,
        took: Duration,
    ) -> Result<(), DurableError> {
        if took > LONGEST {
            return Ok(());
        }
        let starts = self.of_mut(kind);
        starts.push(u32::try_from(took.as_secs()).unwrap_or(u32::MAX));
        let over = starts.len().saturating_sub(KEPT);
        starts.drain(..over);
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.starts(), &text, Owner::mode(0o644))
    }

    /// How long the next start will take: the middle of the last five.
    #[must_use]
    pub fn expected(&self, kind: Kind) -> Duration {
        let (starts, guess) = match kind {
            Kind::Normal => (&self.normal, FIRST_GUESS),
            Kind::Install => (&self.install, FIRST_GUESS_INSTALL),
        };
        let mut sorted = starts.clone();
        sorted.sort_unstable();
        sorted
            .get(sorted.len() / 2)
            .map_or(guess, |seconds| Duration::from_secs(u64::from(*seconds)))
    }

    /// How long the last start took, seconds.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.normal.last().copied()
    }

    fn of_mut(&mut self, kind: Kind) -> &mut Vec<u32> {
        match kind {
            Kind::Normal => &mut self.normal,
            Kind::Install => &mut self.install,
        }
    }
}

/// Minutes left to tell people, at least 1; `None` once it takes longer than expected (with half a minute's mercy).
#[must_use]
pub fn minutes_left(expected: Duration, elapsed: Duration) -> Option<u64> {
    if elapsed > expected + Duration::from_secs(30) {
        return None;
    }
    let left = expected.saturating_sub(elapsed);
    Some(left.as_secs().div_ceil(60).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_last_five_counts_so_that_one_odd_start_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.posto()).unwrap();
        let mut starts = Starts::read(&places);
        assert_eq!(starts.expected(Kind::Normal), FIRST_GUESS);
        for seconds in [900, 40, 41, 42, 600, 43] {
            starts
                .learn(&places, Kind::Normal, Duration::from_secs(seconds))
                .unwrap();
        }
        starts
            .learn(&places, Kind::Normal, Duration::from_secs(100_000))
            .unwrap();
        assert_eq!(Starts::read(&places), starts);
        assert_eq!(starts.expected(Kind::Normal), Duration::from_secs(42));
        assert_eq!(starts.expected(Kind::Install), FIRST_GUESS_INSTALL);
    }

    #[test]
    fn minutes_count_down_to_one_and_then_nobody_promises_anything() {
        let minutes =
            |elapsed| minutes_left(Duration::from_secs(120), Duration::from_secs(elapsed));
        assert_eq!(
            [minutes(0), minutes(61), minutes(140), minutes(151)],
            [Some(2), Some(1), Some(1), None]
        );
    }
}
