//! What was last copied off the disk.

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::snapshot::id::Id;
use crate::snapshot::manifest::Moment;
use crate::system::durable::{self, DurableError, Owner};

/// No honest file is larger.
const LIMIT_BYTES: u64 = 16 * 1024;

/// `/data/posto/copied.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Since when copies are wanted.
    #[serde(default)]
    pub since: Option<Moment>,
    /// The newest copy.
    #[serde(default)]
    pub last: Option<Copied>,
}

/// One copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// The snapshot.
    pub id: Id,
    /// Its directory on the disk for copies.
    pub name: String,
    /// When it was copied.
    pub copied: Moment,
    /// When the snapshot was cut.
    pub taken: Moment,
}

impl Record {
    /// What stands there; nothing where it cannot be understood: then a new copy is due.
    #[must_use]
    pub fn read(places: &Places) -> Self {
        let bytes = durable::read(&places.copied(), LIMIT_BYTES).ok().flatten();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Leaves it, durably.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        durable::write(&places.copied(), &text, Owner::mode(0o644))
    }
}
