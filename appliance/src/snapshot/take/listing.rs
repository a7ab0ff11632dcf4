//! What lies in MariaDB's data directory, sorted by how it is cloned.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::class::{Class, class};
use super::error::TakeError;

/// Databases lie in the data directory, tables in databases; nothing of the server's lies deeper.
const DEPTH_LIMIT: usize = 3;
/// A facility has some hundred tables.
const FILES_LIMIT: usize = 200_000;

/// The plan of a hot clone: what goes when. Paths are relative to the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Listing {
    /// Directories, outer before inner.
    pub(super) directories: Vec<PathBuf>,
    /// Files by class; those left out are not here.
    pub(super) files: BTreeMap<Class, Vec<PathBuf>>,
    /// Bytes of InnoDB's pages.
    pub(super) pages_bytes: u64,
}

impl Listing {
    /// Looks. `journal` as for [`class`]. Links and sockets are no part of a database that we made.
    pub(super) fn of(database: &Path, journal: Option<&str>) -> Result<Self, TakeError> {
        let mut listing = Self::default();
        let mut pending = vec![PathBuf::new()];
        let mut count = 0usize;
        while let Some(directory) = pending.pop() {
            let failed = |source| TakeError::Look {
                path: database.join(&directory),
                source,
            };
            for entry in std::fs::read_dir(database.join(&directory)).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let path = directory.join(entry.file_name());
                count += 1;
                if count > FILES_LIMIT || path.components().count() > DEPTH_LIMIT {
                    return Err(failed(std::io::ErrorKind::QuotaExceeded.into()));
                }
                let kind = entry.file_type().map_err(failed)?;
                if kind.is_dir() {
                    listing.directories.push(path.clone());
                    pending.push(path);
                } else if kind.is_file() {
                    listing.file(path, journal, || {
                        entry.metadata().map_or(0, |found| found.len())
                    });
                }
            }
        }
        listing.directories.sort();
        Ok(listing)
    }

    /// Files in the data directory itself that belong to a snapshot.
    pub(super) fn of_top(database: &Path) -> Result<Vec<PathBuf>, TakeError> {
        let failed = |source| TakeError::Look {
            path: database.to_path_buf(),
            source,
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(database).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = PathBuf::from(entry.file_name());
            if entry.file_type().map_err(failed)?.is_file() && class(&path, None) != Class::LeftOut
            {
                found.push(path);
            }
        }
        Ok(found)
    }

    fn file(&mut self, path: PathBuf, journal: Option<&str>, bytes: impl Fn() -> u64) {
        let class = class(&path, journal);
        if class == Class::Pages {
            self.pages_bytes += bytes();
        }
        if class != Class::LeftOut {
            self.files.entry(class).or_default().push(path);
        }
    }

    pub(super) fn of_class(&self, class: Class) -> &[PathBuf] {
        self.files.get(&class).map_or(&[], Vec::as_slice)
    }
}
