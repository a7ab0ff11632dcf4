//! Why an export was not brought in. Nothing stands on the shelf then.

use std::path::PathBuf;

use crate::box_key::Fingerprint;
use crate::recovery::RecoveryError;
use crate::snapshot::export::bill::BillError;
use crate::snapshot::manifest::ManifestError;
use crate::snapshot::shelf::ShelfError;
use crate::system::durable::DurableError;

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// No export there.
    #[error(
        "{0} is no whole copy: no export.json and export.sig in it, nor in one directory *.posto in it; nothing was brought in"
    )]
    NoExport(PathBuf),
    /// Several.
    #[error("there are several copies in {0}; name one of the directories *.posto in it")]
    Several(PathBuf),
    /// Only an unfinished one.
    #[error(
        "{0} was not finished (the disk was pulled or full); run the export once more; nothing was brought in"
    )]
    Unfinished(PathBuf),
    /// The bill.
    #[error("{0}")]
    Bill(#[from] BillError),
    /// Nobody knows that box.
    #[error(
        "the copy was signed by a box that this facility does not know ({fingerprint}, of facility '{facility}'); if that is the box it came from, add its key to facility.toml ([[boxes]]) or pass --accept-signer {fingerprint}; nothing was brought in"
    )]
    UnknownSigner {
        /// Whose.
        fingerprint: Fingerprint,
        /// As it says.
        facility: String,
    },
    /// Another import is under way.
    #[error("another copy is being brought in; try again when it is done")]
    Busy,
    /// A piece is away.
    #[error(
        "{0} is missing from the copy; nothing was brought in; copy it once more from where it came"
    )]
    Missing(String),
    /// A piece is damaged.
    #[error(
        "{0} is damaged: it is not what the box signed; nothing was brought in; copy it once more from where it came"
    )]
    Piece(String),
    /// No key fits.
    #[error(
        "none of the keys opens this copy; with its recovery code it can be opened; nothing was brought in"
    )]
    NoKey,
    /// The recovery code or identity.
    #[error("{0}; nothing was brought in")]
    Recovery(#[from] RecoveryError),
    /// What is inside cannot be.
    #[error("the copy's content is not that of a snapshot ({0}); nothing was brought in")]
    Contents(String),
    /// It does not fit.
    #[error(
        "the snapshot needs {needed_bytes} bytes on the data disk, {free_bytes} are free and some must stay free; nothing was brought in"
    )]
    NoRoom {
        /// Needed.
        needed_bytes: u64,
        /// Free.
        free_bytes: u64,
    },
    /// The medium.
    #[error("{path} could not be read: {source}; nothing was brought in")]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The data disk.
    #[error("{path} could not be written: {source}; nothing was brought in")]
    Write {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A file or directory of ours.
    #[error("{0}; nothing was brought in")]
    Durable(#[from] DurableError),
    /// The manifest inside.
    #[error("{0}; nothing was brought in")]
    Manifest(#[from] ManifestError),
    /// The shelf.
    #[error("{0}")]
    Shelf(#[from] ShelfError),
}

impl ImportError {
    /// What came up through the unpackers.
    pub(super) fn of_reading(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(other) => Self::Contents(other.to_string()),
        }
    }
}
