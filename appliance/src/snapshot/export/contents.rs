//! What of a snapshot's directory goes along: manifest, `database/`, `openmrs/`; regular files and directories, in an order that is
//! always the same.

use std::path::{Path, PathBuf};

use super::ExportError;
use crate::snapshot::manifest;

/// The parts of a snapshot that are carried. Proofs are not: they say what this box saw.
pub(super) const PARTS: [&str; 3] = [manifest::FILE, "database", "openmrs"];
/// No snapshot has more files.
pub(super) const COUNT_LIMIT: u64 = 2_000_000;
/// Nor a deeper one.
pub(super) const DEPTH_LIMIT: usize = 64;

/// One file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Inside the snapshot.
    pub(super) path: PathBuf,
    /// `None`: a directory.
    pub(super) bytes: Option<u64>,
}

/// All of them, each directory before what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
    /// Links, sockets, pipes.
    pub(super) left_out: u64,
}

impl Contents {
    /// # Errors
    /// [`ExportError::Read`], [`ExportError::TooMany`].
    pub(super) fn of(directory: &Path) -> Result<Self, ExportError> {
        let mut contents = Self::default();
        for part in PARTS {
            contents.add(directory, PathBuf::from(part), 1)?;
        }
        Ok(contents)
    }

    fn add(&mut self, root: &Path, path: PathBuf, depth: usize) -> Result<(), ExportError> {
        let full = root.join(&path);
        let failed = |source| ExportError::Read {
            path: full.clone(),
            source,
        };
        let found = std::fs::symlink_metadata(&full).map_err(failed)?;
        if self.count() >= COUNT_LIMIT || depth > DEPTH_LIMIT {
            return Err(ExportError::TooMany(full));
        }
        if found.is_file() {
            let bytes = Some(found.len());
            self.entries.push(Entry { path, bytes });
        } else if found.is_dir() {
            let entries = std::fs::read_dir(&full).map_err(failed)?;
            let mut names = entries
                .map(|entry| Ok(entry?.file_name()))
                .collect::<std::io::Result<Vec<_>>>()
                .map_err(failed)?;
            names.sort_unstable();
            self.entries.push(Entry {
                path: path.clone(),
                bytes: None,
            });
            for name in names {
                self.add(root, path.join(name), depth + 1)?;
            }
        } else {
            self.left_out += 1;
        }
        Ok(())
    }

    /// Files and directories.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Files alone.
    pub(super) fn files(&self) -> u64 {
        let files = self.entries.iter().filter(|entry| entry.bytes.is_some());
        u64::try_from(files.count()).unwrap_or(u64::MAX)
    }

    /// Sum of the files' lengths.
    pub(super) fn bytes(&self) -> u64 {
        let lengths = self.entries.iter().filter_map(|entry| entry.bytes);
        lengths.fold(0, u64::saturating_add)
    }
}
