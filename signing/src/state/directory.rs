//! Trusted state as plain files: `root.json`, `timestamp.json`, ..., and every root under `root_history/`.

use std::path::{Path, PathBuf};

use super::{StateError, TrustedState};
use crate::bounds::Bounds;
use crate::durable;
use crate::role::{self, RoleName};
use crate::workflow::{Change, Stored};

/// A directory of metadata files. It is only as safe as its files: nothing says that one is older than it should be.
#[derive(Debug)]
pub struct DirectoryState {
    path: PathBuf,
}

impl DirectoryState {
    /// The state in this directory, which must be there.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    fn file(&self, role: &RoleName) -> PathBuf {
        self.path.join(format!("{}.json", role.encoded()))
    }
}

impl TrustedState for DirectoryState {
    fn load(&self, bounds: &Bounds) -> Result<Stored, StateError> {
        let listed = |source| StateError::List {
            path: self.path.clone(),
            source,
        };
        let mut stored = Stored::default();
        for entry in std::fs::read_dir(&self.path).map_err(listed)? {
            let name = entry.map_err(listed)?.file_name();
            let Some(role) = name
                .to_str()
                .and_then(|name| name.strip_suffix(".json"))
                .and_then(RoleName::decode)
            else {
                continue;
            };
            let longest = bounds.targets_bytes.max(bounds.root_bytes);
            let Some(file) = durable::read(&self.file(&role), longest)? else {
                continue;
            };
            if role.as_str() == role::ROOT {
                stored.root = Some(file);
            } else if stored.roles.len() < bounds.stored_roles {
                stored.roles.insert(role, file);
            } else {
                return Err(StateError::TooMany(bounds.stored_roles));
            }
        }
        Ok(stored)
    }

    fn apply(&mut self, changes: &[Change]) -> Result<(), StateError> {
        for change in changes {
            match change {
                Change::Root { version, file } => {
                    let history = self.path.join("root_history");
                    durable::directory(&history)?;
                    durable::write(&history.join(format!("{version}.root.json")), file, 0o644)?;
                    durable::write(&self.file(&RoleName::new(role::ROOT)), file, 0o644)?;
                }
                Change::Role { role, file } => durable::write(&self.file(role), file, 0o644)?,
                Change::Forget(role) => durable::remove(&self.file(role))?,
                // Who keeps plain files has a clock.
                Change::SignedTime(_) => {}
            }
        }
        Ok(())
    }
}
