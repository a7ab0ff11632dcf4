//! The clone that a proof works on, below `/data/staging`: the snapshot itself is only ever read.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::ProveError;
use crate::places::Places;
use crate::snapshot::shelf::Snapshot;
use crate::system::durable::{self, Owner};
use crate::system::log::log;
use crate::system::reflink::clone_tree;

const PREFIX: &str = "proof-";

/// One proof at a time on a box; what a killed one left is gone.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: File,
}

impl Turn {
    /// # Errors
    /// [`ProveError::Busy`] while somebody else proves; [`ProveError::Durable`], [`ProveError::Read`].
    pub(super) fn take(places: &Places) -> Result<Self, ProveError> {
        durable::directory(&places.run(), Owner::mode(0o755))?;
        let path = places.run().join("proof.lock");
        let failed = |source| ProveError::Read {
            path: path.clone(),
            source,
        };
        let lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| ProveError::Busy)?;
        // The server runs as another user and must pass through to its own directories.
        durable::directory(&places.staging(), Owner::mode(0o711))?;
        for entry in std::fs::read_dir(places.staging())
            .map_err(failed)?
            .flatten()
        {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                durable::remove(&entry.path())?;
            }
        }
        Ok(Self { _lock: lock })
    }
}

/// The clone of a snapshot's database. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Clone {
    directory: PathBuf,
}

impl Clone {
    /// Clones the snapshot's database: seconds at most, no data are read.
    ///
    /// # Errors
    /// [`ProveError::Clone`], [`ProveError::Durable`]; nothing stays.
    pub(super) fn make(places: &Places, snapshot: &Snapshot) -> Result<Self, ProveError> {
        let name = format!("{PREFIX}{}", snapshot.manifest.id.directory());
        let clone = Self {
            directory: places.staging().join(name),
        };
        durable::directory(&clone.directory, Owner::mode(0o711))?;
        clone_tree(&source(snapshot), &clone.data(), &|_| false)?;
        Ok(clone)
    }

    /// `proof-<id>`, which holds the data directory and the server's own.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.directory.join("database")
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        // What stays is removed by the next proof or the next boot.
        if let Err(error) = durable::remove(&self.directory) {
            log(&format!("a proof's clone: {error}"));
        }
    }
}

/// The snapshot's database.
pub(super) fn source(snapshot: &Snapshot) -> PathBuf {
    snapshot.directory.join("database")
}
