//! Where the client keeps what it trusts.

use crate::bounds::Bounds;
use crate::durable::FileError;
use crate::workflow::{Change, Stored};

mod database;
mod directory;
mod memory;

pub use database::{DatabaseState, Opened};
pub use directory::DirectoryState;
pub use memory::MemoryState;

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A directory that could not be listed.
    #[error("could not list {path}: {source}")]
    List {
        /// Which.
        path: std::path::PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// More roles than belong there.
    #[error("more than {0} roles are stored: it is not what this client has kept")]
    TooMany(usize),
    /// The database.
    #[error("the trusted state could not be kept: {0}; what was trusted before still is")]
    Database(#[from] rusqlite::Error),
}

/// What is trusted, from one update to the next.
pub trait TrustedState {
    /// All that is kept.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&self, bounds: &Bounds) -> Result<Stored, StateError>;

    /// Keeps the changes: all of them, or on an error those that were kept before.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn apply(&mut self, changes: &[Change]) -> Result<(), StateError>;
}
