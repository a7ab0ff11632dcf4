//! The .debs, kept by hash in a folder that the user names, so that a locked build still works when the mirror has moved on.

use std::path::{Path, PathBuf};

use super::lock::Locked;
use super::mirror::{Mirror, MirrorError};
use crate::place::{self, PlaceError};
use crate::process::{ProcessError, Program};

/// The locked packages could not be brought together.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Something must be downloaded, and no mirror is configured.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// apt's downloader is missing.
    #[error("cannot download packages: {0}")]
    Helper(#[from] ProcessError),
    /// The mirror does not have some of them.
    #[error(
        "the mirror did not give {} of the locked packages:\n{list}\nEither the network is away (try again; what came is kept), or the \
         mirror has moved on: `posto-image build --update-lock` takes today's versions (review the change of packages.lock), or put \
         the files into the pool {pool} as <sha256>.deb.\nThe downloader said: {said}",
        list.lines().count()
    )]
    Gone {
        /// One line a package: name, version, why.
        list: String,
        /// Where the files may be put by hand.
        pool: String,
        /// The end of what the downloader said.
        said: String,
    },
}

/// A folder of .debs named by their SHA-256.
#[derive(Debug, Clone)]
pub struct Pool {
    dir: PathBuf,
}

/// apt's own downloader: knows the machine's proxies, certificates and `Acquire` settings.
const HELPER: &str = "/usr/lib/apt/apt-helper";
/// Packages a call: small enough for steady progress, large enough to keep one connection busy.
const BATCH: usize = 40;

impl Pool {
    /// The pool in this folder, made when absent.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(dir: &Path) -> Result<Self, PlaceError> {
        place::folder(dir)?;
        Ok(Self {
            dir: dir.to_path_buf(),
        })
    }

    /// Where a package lies, or would lie.
    pub fn path(&self, package: &Locked) -> PathBuf {
        self.dir.join(format!("{}.deb", package.sha256))
    }

    /// Downloads what is missing; `progress` is told (bytes there, bytes in all). Every file, also one that was there before,
    /// is checked against the lock.
    ///
    /// # Errors
    /// When a package cannot be had; all missing ones are named.
    pub fn fetch(
        &self,
        packages: &[&Locked],
        mirror: impl FnOnce() -> Result<Mirror, MirrorError>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(), PoolError> {
        let all_bytes: u64 = packages.iter().map(|p| p.length_bytes).sum();
        let mut missing = Vec::new();
        let mut there_bytes = 0;
        for package in packages {
            if self.holds(package)? {
                there_bytes += package.length_bytes;
            } else {
                missing.push(*package);
            }
        }
        progress(there_bytes, all_bytes);
        if missing.is_empty() {
            return Ok(());
        }
        let mirror = mirror()?;
        let mut gone = String::new();
        let mut said = String::new();
        for batch in missing.chunks(BATCH) {
            let mut helper = Program::new(HELPER)
                .args([
                    "-o",
                    "APT::Sandbox::User=root",
                    "-o",
                    "Acquire::Retries=2",
                    "download-file",
                ])
                .env("LC_ALL", "C");
            let mut asked = Vec::new();
            for package in batch {
                let Some(base) = mirror.base(&package.archive) else {
                    gone.push_str(&format!(
                        "  {} {} (no security archive is configured)\n",
                        package.name, package.version
                    ));
                    continue;
                };
                let target = self.dir.join(format!("{}.part", package.sha256));
                place::gone(&target)?;
                let uri = format!("{}/{}", copied(base), encoded(&package.path));
                helper = helper
                    .arg(uri)
                    .arg(&target)
                    .arg(format!("SHA256:{}", package.sha256));
                asked.push((*package, target));
            }
            if !asked.is_empty() {
                let (_, _, stderr) = helper.run_any(|_| {})?;
                said.push_str(&stderr);
            }
            for (package, target) in asked {
                if target.exists()
                    && place::sha256(&target)? == (package.length_bytes, package.sha256.clone())
                {
                    place::rename(&target, &self.path(package))?;
                    there_bytes += package.length_bytes;
                } else {
                    place::gone(&target)?;
                    gone.push_str(&format!(
                        "  {} {} ({})\n",
                        package.name, package.version, package.path
                    ));
                }
            }
            progress(there_bytes, all_bytes);
        }
        if gone.is_empty() {
            return Ok(());
        }
        let said = said.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
        Err(PoolError::Gone {
            list: gone.trim_end().to_owned(),
            pool: self.dir.display().to_string(),
            said,
        })
    }

    /// Is it there, with the right bytes? A wrong file is removed, as if it had never come.
    fn holds(&self, package: &Locked) -> Result<bool, PlaceError> {
        let path = self.path(package);
        if !path.exists() {
            return Ok(false);
        }
        if place::sha256(&path)? == (package.length_bytes, package.sha256.clone()) {
            return Ok(true);
        }
        place::gone(&path)?;
        Ok(false)
    }
}

/// apt's `file:` only points at a file, its `copy:` brings it.
fn copied(base: &str) -> String {
    match base.strip_prefix("file:") {
        Some(path) => format!("copy:/{}", path.trim_start_matches('/')),
        None => base.to_owned(),
    }
}

/// Percent-encodes what apt itself encodes in pool paths.
fn encoded(path: &str) -> String {
    path.replace('%', "%25")
        .replace('~', "%7e")
        .replace('+', "%2b")
        .replace(':', "%3a")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(sha256: &str, length_bytes: u64) -> Locked {
        Locked {
            name: "a".into(),
            version: "1".into(),
            arch: "all".into(),
            length_bytes,
            sha256: sha256.into(),
            archive: "main".into(),
            path: "pool/a.deb".into(),
        }
    }

    #[test]
    fn a_package_comes_from_the_mirror_once_and_then_from_the_pool() {
        let dir = tempfile::tempdir().unwrap();
        place::whole(&dir.path().join("mirror/pool/a.deb"), b"deb").unwrap();
        let (length_bytes, sha256) = place::sha256(&dir.path().join("mirror/pool/a.deb")).unwrap();
        let package = package(&sha256, length_bytes);
        let mirror = Mirror {
            main: format!("file://{}", dir.path().join("mirror").display()),
            security: None,
            signed_by: None,
        };
        let pool = Pool::open(&dir.path().join("pool")).unwrap();
        pool.fetch(&[&package], || Ok(mirror.clone()), |_, _| {})
            .unwrap();
        place::gone(&dir.path().join("mirror")).unwrap();
        pool.fetch(&[&package], || Ok(mirror.clone()), |_, _| {})
            .unwrap();

        place::whole(&pool.path(&package), b"torn").unwrap();
        let error = pool
            .fetch(&[&package], || Ok(mirror.clone()), |_, _| {})
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a 1 (pool/a.deb)") && error.contains("--update-lock"),
            "{error}"
        );
    }
}
