//! What the worker trusts, kept as a repository's own files: the same folder is what root reads and verifies again, like a stick.
//!
//! `metadata/N.root.json` (each one that came: root may need them all), `timestamp.json`, `N.snapshot.json`, `N.targets.json`;
//! `signed-time` beside them. A file that is lost or damaged costs fetching it again.

use std::path::{Path, PathBuf};

use posto_signing::bounds::Bounds;
use posto_signing::durable::{self, FileError};
use posto_signing::role::{RoleName, SNAPSHOT, TARGETS, TIMESTAMP};
use posto_signing::state::{StateError, TrustedState};
use posto_signing::workflow::{Change, Stored};
use serde::Deserialize;

/// More names are not looked at.
const NAMES_LIMIT: usize = 4096;

/// The folder of metadata.
#[derive(Debug)]
pub struct Mirrored {
    metadata: PathBuf,
    signed_time: PathBuf,
}

impl Mirrored {
    /// The repository in `folder`, which is made.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(folder: &Path) -> Result<Self, FileError> {
        let metadata = folder.join("metadata");
        durable::directory(&metadata)?;
        durable::directory(&folder.join("targets"))?;
        Ok(Self {
            metadata,
            signed_time: folder.join("signed-time"),
        })
    }

    /// The newest signed time that was accepted, unix seconds.
    #[must_use]
    pub fn signed_time_s(&self) -> Option<i64> {
        let text = durable::read(&self.signed_time, 32).ok()??;
        std::str::from_utf8(&text).ok()?.trim().parse().ok()
    }

    /// The versions that there are of a role, the newest first.
    fn versions(&self, role: &str) -> Vec<(u64, PathBuf)> {
        let ending = format!(".{role}.json");
        let Ok(entries) = std::fs::read_dir(&self.metadata) else {
            return Vec::new();
        };
        let mut found: Vec<(u64, PathBuf)> = entries
            .take(NAMES_LIMIT)
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let version = path.file_name()?.to_str()?.strip_suffix(&ending)?;
                Some((version.parse().ok()?, path))
            })
            .collect();
        found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        found
    }

    fn newest(&self, role: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, FileError> {
        match self.versions(role).first() {
            Some((_, path)) => durable::read(path, max_bytes),
            None => Ok(None),
        }
    }

    fn keep(&self, role: &RoleName, file: &[u8]) -> Result<(), FileError> {
        if role.as_str() == TIMESTAMP {
            return durable::write(&self.metadata.join("timestamp.json"), file, 0o644);
        }
        let version = version_of(file);
        let name = format!("{version}.{}.json", role.encoded());
        durable::write(&self.metadata.join(name), file, 0o644)?;
        for (other, path) in self.versions(&role.encoded()) {
            if other != version {
                durable::remove(&path)?;
            }
        }
        Ok(())
    }

    fn forget(&self, role: &RoleName) -> Result<(), FileError> {
        if role.as_str() == TIMESTAMP {
            return durable::remove(&self.metadata.join("timestamp.json"));
        }
        for (_, path) in self.versions(&role.encoded()) {
            durable::remove(&path)?;
        }
        Ok(())
    }
}

/// The version that verified metadata says.
fn version_of(file: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Signed {
        version: u64,
    }
    #[derive(Deserialize)]
    struct Envelope {
        signed: Signed,
    }
    serde_json::from_slice::<Envelope>(file).map_or(0, |envelope| envelope.signed.version)
}

impl TrustedState for Mirrored {
    fn load(&self, bounds: &Bounds) -> Result<Stored, StateError> {
        let mut stored = Stored {
            root: self.newest("root", bounds.root_bytes)?,
            ..Stored::default()
        };
        for (role, max_bytes) in [
            (SNAPSHOT, bounds.snapshot_bytes),
            (TARGETS, bounds.targets_bytes),
        ] {
            if let Some(file) = self.newest(role, max_bytes)? {
                stored.roles.insert(RoleName::new(role), file);
            }
        }
        let timestamp = self.metadata.join("timestamp.json");
        if let Some(file) = durable::read(&timestamp, bounds.timestamp_bytes)? {
            stored.roles.insert(RoleName::new(TIMESTAMP), file);
        }
        Ok(stored)
    }

    fn apply(&mut self, changes: &[Change]) -> Result<(), StateError> {
        for change in changes {
            match change {
                Change::Root { version, file } => {
                    let path = self.metadata.join(format!("{version}.root.json"));
                    durable::write(&path, file, 0o644)?;
                }
                Change::Role { role, file } => self.keep(role, file)?,
                Change::Forget(role) => self.forget(role)?,
                Change::SignedTime(time_s) => {
                    if self.signed_time_s().is_none_or(|known_s| known_s < *time_s) {
                        durable::write(&self.signed_time, time_s.to_string().as_bytes(), 0o644)?;
                    }
                }
            }
        }
        Ok(())
    }
}
