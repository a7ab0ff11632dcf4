//! What the clinic is told.

use serde::{Deserialize, Serialize};

use crate::guards::Hold;
use crate::maintenance::Kind;

/// What the clinic is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Situation {
    /// OpenMRS is open.
    Serving,
    /// On its way up.
    Starting,
    /// First installation under way.
    Installing,
    /// The database does not answer.
    DatabaseAway,
    /// OpenMRS answers wrongly, or not.
    Unavailable,
    /// Maintenance.
    Maintenance {
        /// Of this kind.
        kind: Kind,
        /// Per cent done.
        percent: Option<u8>,
    },
    /// A guard keeps it down.
    Held {
        /// Why.
        hold: Hold,
    },
    /// Stopped by hand.
    Stopped,
    /// Only the door is shut, by hand.
    DoorClosed,
    /// Nothing that posto may do helped; it tries again later.
    GaveUp,
    /// An alarm keeps it down.
    Refused {
        /// The alarm's code.
        code: String,
    },
}
