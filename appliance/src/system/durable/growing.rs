//! Files too large for memory, on media that know neither owner nor mode (FAT): they grow under a temporary name and get their
//! own when they are whole.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{DurableError, beside, step, sync_parent};

/// What a growing file is called until it is whole.
const ENDING: &str = ".new";

/// A file that is being written. Dropping it unfinished leaves the temporary file; the next [`Growing::begin`] of the same name
/// takes its place.
#[derive(Debug)]
pub struct Growing {
    file: File,
    path: PathBuf,
}

impl Growing {
    /// Begins the file that will be called `path`. Owner and mode are the medium's (0600 where it knows modes).
    ///
    /// # Errors
    /// [`DurableError::Write`].
    pub fn begin(path: &Path) -> Result<Self, DurableError> {
        let begun = step().and_then(|()| {
            File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(beside(path, ENDING))
        });
        let file = begun.map_err(|source| DurableError::Write {
            path: path.to_path_buf(),
            source,
        })?;
        let path = path.to_path_buf();
        Ok(Self { file, path })
    }

    /// Flushes it and gives it its name, durably.
    ///
    /// # Errors
    /// [`DurableError::Write`]: a file of that name is as it was before.
    pub fn finish(self) -> Result<(), DurableError> {
        let failed = |source| DurableError::Write {
            path: self.path.clone(),
            source,
        };
        self.file.sync_all().map_err(failed)?;
        super::rename(&beside(&self.path, ENDING), &self.path)
    }

    /// Gives it up.
    ///
    /// # Errors
    /// [`DurableError::Remove`].
    pub fn discard(self) -> Result<(), DurableError> {
        super::remove(&beside(&self.path, ENDING))
    }
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Makes the directory `path` (its parent must exist) as the medium makes directories, and makes its name last. One that is there
/// is fine.
///
/// # Errors
/// [`DurableError::Directory`].
pub fn medium_directory(path: &Path) -> Result<(), DurableError> {
    let made = step().and_then(|()| match std::fs::create_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    });
    made.and_then(|()| File::open(path)?.sync_all())
        .and_then(|()| sync_parent(path))
        .map_err(|source| DurableError::Directory {
            path: path.to_path_buf(),
            source,
        })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("piece");
        std::fs::write(&path, b"before").unwrap();
        let mut growing = Growing::begin(&path).unwrap();
        growing.write_all(b"half").unwrap();
        drop(growing);
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        let mut growing = Growing::begin(&path).unwrap();
        growing.write_all(b"all").unwrap();
        growing.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"all");
        Growing::begin(&path).unwrap().discard().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
