//! What can take a box down slowly: disk, memory, heat, clocks. Guards look and tell; `supervise` acts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::places::Places;

/// Why the clinic must be down until it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// The data disk is so full that the database would be caught in the middle of a write.
    DiskFull,
}

/// What the guards saw in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Why the clinic must be down, if it must.
    pub hold: Option<Hold>,
}

/// The guards between two rounds.
#[derive(Debug, Default)]
pub struct Guards {}

impl Guards {
    /// Looks, does what no clerk notices (thins logs, stops background work), records events, and tells what the clinic
    /// must know. `now` is time since boot.
    pub async fn round(&mut self, _places: &Places, _now: Duration) -> Seen {
        Seen::default()
    }
}
