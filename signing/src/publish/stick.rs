//! A copy of the repository for a stick: one release, and the metadata that proves it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::release::{Content, Copy};
use super::repository::{Publication, Repository, RepositoryError};
use crate::rollout::{self, Rollout};
use crate::source::TargetPath;

/// The repository's folder on a stick.
pub const FOLDER: &str = "posto-repository";

impl Repository {
    /// The newest release that goes out, or the one of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn release(&self, name: Option<&str>) -> Result<Rollout, RepositoryError> {
        let mut all = self.releases();
        all.retain(|terms| match name {
            Some(name) => terms.release == name,
            None => terms.standing == rollout::Standing::Offered,
        });
        all.pop()
            .ok_or_else(|| RepositoryError::NoSuchRelease(name.unwrap_or("(any)").to_owned()))
    }

    /// What of the repository goes on a stick for `release`: with the patch without a base, which any box can take, and those
    /// from the releases in `from`; with all where it is empty.
    ///
    /// # Errors
    /// When the repository is not in order, or has no such patch.
    pub fn for_a_stick(
        &self,
        release: &str,
        from: &[String],
    ) -> Result<Publication, RepositoryError> {
        let prefix = format!("releases/{release}/");
        let patches = rollout::patches_prefix(release);
        let mut wanted = BTreeSet::new();
        for base in from.iter().map(String::as_str).chain([rollout::WHOLE]) {
            let patch = rollout::patch_path(release, base);
            if base != rollout::WHOLE && !self.targets.contains_key(&patch) {
                return Err(RepositoryError::NoSuchPatch {
                    release: release.to_owned(),
                    from: base.to_owned(),
                });
            }
            wanted.extend([patch, rollout::pieces_path(release, base)]);
        }
        let goes = |path: &String| {
            path.starts_with(&prefix)
                && (from.is_empty() || !path.starts_with(&patches) || wanted.contains(path))
        };
        let mut copies = Vec::new();
        for (path, file) in &self.targets {
            if !goes(path) {
                continue;
            }
            let to = TargetPath::new(path, file.hashes.naming())
                .map_err(super::release::ReleaseError::from)?;
            copies.push(Copy {
                from: Content::File(self.folder().join("targets").join(to.as_str())),
                to,
                file: file.clone(),
            });
        }
        if copies.is_empty() {
            return Err(RepositoryError::NoSuchRelease(release.to_owned()));
        }
        Ok(Publication {
            copies,
            metadata: self.metadata()?,
        })
    }
}

/// Bytes that are free at `path`; `None` when it cannot be said.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let room = rustix::fs::statvfs(path).ok()?;
    room.f_bavail.checked_mul(room.f_frsize)
}

/// Where the copy goes.
#[must_use]
pub fn folder(stick: &Path) -> PathBuf {
    stick.join(FOLDER)
}
