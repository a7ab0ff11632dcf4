//! What the daemon last saw, left on tmpfs for `posto status` and the console.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::situation::Situation;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

const LIMIT_BYTES: u64 = 16 * 1024;
/// A daemon silent for longer is not there: systemd's watchdog would have restarted it.
const FRESH: Duration = Duration::from_secs(60);

/// The daemon's last round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Seconds since boot.
    pub at: u64,
    /// Whether the LAN reaches OpenMRS.
    pub door_open: bool,
    /// Whether the database answers.
    pub database_answers: bool,
    /// What the clinic is told.
    #[serde(flatten)]
    pub situation: Situation,
    /// Unix seconds since when the situation is so.
    pub since: u64,
    /// Minutes left of a start, if anybody can say.
    pub minutes: Option<u64>,
}

impl Judgement {
    /// Leaves it for readers.
    ///
    /// # Errors
    /// When tmpfs is full or away.
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.judgement(), &text, Owner::mode(0o644))
    }

    /// The last one, unless it is stale: then the daemon does not answer. `now` is time since boot.
    #[must_use]
    pub fn read(places: &Places, now: Duration) -> Option<Self> {
        let bytes = durable::read(&places.judgement(), LIMIT_BYTES).ok()??;
        let judgement: Self = serde_json::from_slice(&bytes).ok()?;
        (now.saturating_sub(Duration::from_secs(judgement.at)) <= FRESH).then_some(judgement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_judgement_is_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.run()).unwrap();
        let judgement = Judgement {
            at: 100,
            door_open: false,
            database_answers: true,
            situation: Situation::Refused { code: "x".into() },
            since: 7,
            minutes: None,
        };
        judgement.write(&places).unwrap();
        assert_eq!(
            Judgement::read(&places, Duration::from_secs(160)),
            Some(judgement)
        );
        assert_eq!(Judgement::read(&places, Duration::from_secs(162)), None);
    }
}
