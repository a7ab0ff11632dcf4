//! Why no snapshot was taken. The clinic's data are never touched by a try.

use std::path::PathBuf;
use std::time::Duration;

use crate::database::client::SqlError;
use crate::database::redo::RedoError;
use crate::openmrs::distribution::LayError;
use crate::snapshot::shelf::ShelfError;
use crate::system::durable::DurableError;
use crate::system::process::ProcessError;
use crate::system::reflink::ReflinkError;

/// Why no snapshot was taken: nothing half-made is left, and the clinic's data are untouched.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// No room.
    #[error(
        "no snapshot was taken: it needs {needed_mb} MB free, {free_mb} MB are; 'posto snapshot list' shows what old snapshots hold"
    )]
    Room {
        /// Megabytes that must be free.
        needed_mb: u64,
        /// Megabytes that are.
        free_mb: u64,
    },
    /// The shelf.
    #[error("{0}")]
    Shelf(#[from] ShelfError),
    /// A question to the database.
    #[error("no snapshot was taken: {0}")]
    Sql(#[from] SqlError),
    /// Others held their locks.
    #[error(
        "no snapshot was taken: the database did not come to a point for it within {} s (a change of tables is under way); it is tried again at the next hour",
        .0.as_secs()
    )]
    Blocked(Duration),
    /// The log.
    #[error("no snapshot was taken: {0}")]
    Redo(#[from] RedoError),
    /// The log turned over before it was copied.
    #[error(
        "no snapshot was taken: the database wrote its whole redo log anew while it was copied, {tries} times; try again in a quieter hour"
    )]
    Overrun {
        /// How often it was tried.
        tries: u32,
    },
    /// The log was exchanged under the copy.
    #[error("no snapshot was taken: the database made itself a new redo log meanwhile; try again")]
    OtherLog,
    /// Commits would have been held too long.
    #[error(
        "no snapshot was taken: the disk was too slow for it; commits were let go on after {} ms",
        .0.as_millis()
    )]
    HeldTooLong(Duration),
    /// A setting of the server that the clone is not made for.
    #[error("no snapshot was taken: {setting} is on; switch it off (SET GLOBAL {setting}=OFF)")]
    Setting {
        /// The variable.
        setting: &'static str,
    },
    /// The server's program.
    #[error("no snapshot was taken: {0}")]
    Process(#[from] ProcessError),
    /// The clone.
    #[error("no snapshot was taken: {0}")]
    Reflink(#[from] ReflinkError),
    /// A directory could not be read.
    #[error("no snapshot was taken: could not look at {path}: {source}")]
    Look {
        /// Which.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The copy of the log could not be written or read.
    #[error("no snapshot was taken: could not copy the redo log: {0}")]
    Copy(std::io::Error),
    /// What was half-made could not be removed before another try.
    #[error("no snapshot was taken: {0}")]
    Durable(#[from] DurableError),
    /// What the release laid among OpenMRS's files.
    #[error("no snapshot was taken: {0}")]
    Laid(#[from] LayError),
    /// The database does not run, so nobody can say what state its files are in.
    #[error(
        "no snapshot was taken: the database does not run; start it (posto status says what is wrong), then take the snapshot"
    )]
    NotRunning,
    /// It could be frozen, but not long enough.
    #[error(
        "no snapshot was taken: the database did not answer, and its files could not be cloned within the {} s that it may stand still",
        .0.as_secs()
    )]
    FrozenTooShort(Duration),
    /// systemd.
    #[error("no snapshot was taken: the database did not answer and could not be frozen: {0}")]
    Freeze(String),
}

/// ER_LOCK_DEADLOCK: an ALTER TABLE at its last step wants what our stage holds while we ask for a record of its table. The server
/// sends us away at once; without us the ALTER comes to its end.
const DEADLOCK: u16 = 1213;

impl TakeError {
    /// Whether the database gave no answer (rather than saying no): then it is frozen and cloned as it stands.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Sql(SqlError::TooSlow(_) | SqlError::Connect { .. })
        )
    }

    /// Whether the same may go well at once.
    #[must_use]
    pub(super) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Overrun { .. } | Self::OtherLog | Self::HeldTooLong(_) | Self::Blocked(_) => true,
            Self::Sql(error) => error.code() == Some(DEADLOCK),
            _ => false,
        }
    }
}
