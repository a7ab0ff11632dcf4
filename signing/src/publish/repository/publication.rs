//! What is going to be published, and in which order it is written.

use std::path::Path;

use super::RepositoryError;
use crate::durable::{self, FileError};
use crate::publish::release::Copy;

/// What is going to be published.
#[derive(Debug)]
pub struct Publication {
    /// Target files, first.
    pub copies: Vec<Copy>,
    /// Metadata files by name, in the order in which they are written; the timestamp last.
    pub metadata: Vec<(String, Vec<u8>)>,
}

impl Publication {
    /// Bytes of the target files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.copies.iter().map(|copy| copy.file.length).sum()
    }

    /// Writes it into a repository's folder: target files, then metadata, the timestamp last. Cut at any point,
    /// clients see the edition before. `progress` is told the target files' bytes as they go.
    ///
    /// # Errors
    /// When a file is not what it must be, or the disk refuses.
    pub fn execute(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), RepositoryError> {
        let metadata = folder.join("metadata");
        durable::directory(&metadata)?;
        let _lock = lock(folder, &metadata)?;
        for copy in &self.copies {
            copy.execute(&folder.join("targets"), progress)?;
        }
        for (name, file) in &self.metadata {
            let path = metadata.join(name);
            // What is there already (roots) stays as it is.
            let there = durable::read(&path, file.len() as u64).ok().flatten();
            if there.as_ref() != Some(file) {
                durable::write(&path, file, 0o644)?;
            }
        }
        Ok(())
    }
}

fn lock(folder: &Path, metadata: &Path) -> Result<std::fs::File, RepositoryError> {
    let handle = std::fs::File::open(metadata).map_err(|source| FileError {
        path: metadata.to_path_buf(),
        doing: "could not open",
        source,
    })?;
    let exclusively = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    rustix::fs::flock(&handle, exclusively)
        .map_err(|_| RepositoryError::Busy(folder.to_path_buf()))?;
    Ok(handle)
}
