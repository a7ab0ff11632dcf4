//! What of a snapshot's directory goes along: manifest, `database/`, `openmrs/`; regular files, directories, and links that stay
//! inside, in an order that is always the same.

use std::path::{Path, PathBuf};

use super::{ExportError, links};
use crate::snapshot::left_out::LeftOut;
use crate::snapshot::manifest;

/// The parts of a snapshot that are carried. Proofs are not: they say what this box saw.
pub(super) const PARTS: [&str; 3] = [manifest::FILE, "database", "openmrs"];
/// No snapshot has more files.
pub(super) const COUNT_LIMIT: u64 = 2_000_000;
/// Nor a deeper one.
pub(super) const DEPTH_LIMIT: usize = 64;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Inside the snapshot.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// Of so many bytes.
    File(u64),
    /// To there.
    Link(PathBuf),
}

impl Entry {
    /// Of a file, bytes.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self.kind {
            Kind::File(bytes) => Some(bytes),
            Kind::Directory | Kind::Link(_) => None,
        }
    }
}

/// All of them, each directory before what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
    pub(super) left_out: LeftOut,
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
            let kind = Kind::File(found.len());
            self.entries.push(Entry { path, kind });
        } else if found.is_dir() {
            let entries = std::fs::read_dir(&full).map_err(failed)?;
            let mut names = entries
                .map(|entry| Ok(entry?.file_name()))
                .collect::<std::io::Result<Vec<_>>>()
                .map_err(failed)?;
            names.sort_unstable();
            self.entries.push(Entry {
                path: path.clone(),
                kind: Kind::Directory,
            });
            for name in names {
                self.add(root, path.join(name), depth + 1)?;
            }
        } else if found.is_symlink() {
            let target = std::fs::read_link(&full).map_err(failed)?;
            if links::stays_inside(&path, &target) {
                let kind = Kind::Link(target);
                self.entries.push(Entry { path, kind });
            } else {
                self.left_out.add(&path, Some(&target));
            }
        } else {
            self.left_out.add(&path, None);
        }
        Ok(())
    }

    /// Files, directories, links.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Files alone.
    pub(super) fn files(&self) -> u64 {
        let files = self.entries.iter().filter_map(Entry::bytes);
        u64::try_from(files.count()).unwrap_or(u64::MAX)
    }

    /// Sum of the files' lengths.
    pub(super) fn bytes(&self) -> u64 {
        let lengths = self.entries.iter().filter_map(Entry::bytes);
        lengths.fold(0, u64::saturating_add)
    }
}
