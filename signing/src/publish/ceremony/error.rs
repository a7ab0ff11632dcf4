//! Why a ceremony ended.

use std::path::PathBuf;

use super::MOST_KEYS;
use crate::durable::FileError;
use crate::publish::document::DocumentError;
use crate::publish::key_file::KeyFileError;
use crate::publish::keys::SigningError;
use crate::publish::passphrase::PassphraseError;
use crate::publish::signer::SignerError;
use crate::workflow::Refusal;

/// Why a ceremony ended.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// There is a root already.
    #[error("{0} has a root already: `posto-sign root rotate` makes the next one")]
    Begun(PathBuf),
    /// There is none.
    #[error("{0} has no root/1.root.json: `posto-sign init` makes it")]
    NotBegun(PathBuf),
    /// A threshold that cannot be reached, or no key.
    #[error(
        "{role}: {threshold} of {keys} keys cannot be (1 to {MOST_KEYS} keys, a threshold of at most as many)"
    )]
    Threshold {
        /// Which role.
        role: String,
        /// Keys.
        keys: u64,
        /// Wanted of them.
        threshold: u64,
    },
    /// No such key in the root.
    #[error("{0} is no key of the present root (keys are called root-1, targets-1, ...)")]
    NoSuchKey(String),
    /// A root that does not follow from the first.
    #[error("{path}: {why}")]
    Root {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: Refusal,
    },
    /// A root that cannot be read.
    #[error("{0}: not readable")]
    Unreadable(PathBuf),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A key.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The metadata.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The signatures.
    #[error(transparent)]
    Signing(#[from] SigningError),
}
