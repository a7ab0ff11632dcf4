//! Why an export did not become whole.

use std::path::PathBuf;

use crate::box_key::BoxKeyError;
use crate::recovery::RecoveryError;
use crate::snapshot::prove::NotProven;
use crate::snapshot::shelf::ShelfError;
use crate::system::durable::DurableError;

/// The snapshot is untouched in any case.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The shelf.
    #[error("{0}")]
    Shelf(#[from] ShelfError),
    /// Not proven.
    #[error("{0}; --accept-unproven copies it as it is")]
    NotProven(#[from] NotProven),
    /// The box's key.
    #[error("{0}")]
    Key(#[from] BoxKeyError),
    /// The recovery identity.
    #[error("{0}")]
    Recovery(#[from] RecoveryError),
    /// The programme's key cannot be used.
    #[error("programme.age_recipient = '{0}' is no age key; nothing was copied")]
    Programme(String),
    /// age.
    #[error("the copy could not be encrypted: {0}")]
    Age(#[from] age::EncryptError),
    /// Another export is under way.
    #[error("another copy is being made; try again when it is done")]
    Busy,
    /// The snapshot could not be read.
    #[error(
        "{path} could not be read: {source}; the copy is not whole; prove the snapshot ('posto snapshot verify')"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// More files than any snapshot has.
    #[error("{0}: more or deeper files than a snapshot has; nothing was copied")]
    TooMany(PathBuf),
    /// More pieces than have names.
    #[error("the snapshot is too large for one copy")]
    TooLarge,
    /// The stick or disk.
    #[error(
        "{path}: {source}; the copy is not whole; what is whole of it stays: plug the disk in again and run the same command"
    )]
    Target {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A file or directory.
    #[error("{0}; the copy is not whole; what is whole of it stays: run the same command again")]
    Durable(#[from] DurableError),
    /// Whoever reads the stream.
    #[error("the stream could not be written: {0}; what was written is no whole copy")]
    Stream(std::io::Error),
    /// The medium does not give back what was written.
    #[error("{0} was written and read back otherwise: this disk or stick is bad; take another one")]
    ReadBack(PathBuf),
    /// No room.
    #[error(
        "the copy needs about {needed_bytes} bytes, {free_bytes} are free there; nothing was written; make room or take another disk"
    )]
    NoRoom {
        /// Needed, about.
        needed_bytes: u64,
        /// Free.
        free_bytes: u64,
    },
    /// Something that is not this export bears its name.
    #[error(
        "{0} is there and is damaged or another copy; it was not touched; remove it or take another disk"
    )]
    InTheWay(PathBuf),
    /// The pieces that are there are not what would be packed now.
    #[error("the pieces of the earlier attempt do not fit")]
    Changed,
}

impl ExportError {
    /// What came up through the packers.
    pub(super) fn of_packing(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(source) => Self::Stream(source),
        }
    }
}
