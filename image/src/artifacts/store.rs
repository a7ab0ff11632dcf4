//! Artifacts kept by hash, and how a missing one is had: from where it was put by hand, else from Maven.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::coordinate::Coordinate;
use super::lock::{ArtifactLock, Pin};
use super::maven::{self, MavenError};
use crate::needs::{self, Missing};
use crate::place::{self, PlaceError};

/// Artifacts could not be brought together.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Maven is not there.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Maven cannot be asked.
    #[error(transparent)]
    Maven(#[from] MavenError),
    /// Some did not come.
    #[error(
        "{} could not be had:\n{list}\nMaven said: {said}\nRepositories asked: the ones of your Maven settings{repositories}.\nWhat to do: \
         check the link (and the repository's address in the distro file), or, without a link, get the files on another machine and \
         put them, under these names, into {by_hand} or into a folder given with --artifacts DIR. Nothing was built, and the \
         stand-in is not put in their place.",
        if list.lines().count() == 1 { "1 artifact".to_owned() } else { format!("{} artifacts", list.lines().count()) }
    )]
    Unreachable {
        /// One line each: coordinate and file name.
        list: String,
        /// Maven's own words.
        said: String,
        /// The distro's repositories, for people.
        repositories: String,
        /// Where files may be put.
        by_hand: String,
    },
    /// Another file than the locked one.
    #[error(
        "{coordinate} is not the file that the lock names: {from} has sha256 {found}, the lock says {locked}. Somebody changed a released \
         artifact, or the download is damaged: nothing was built. If the change is meant, build with --update-lock"
    )]
    Changed {
        /// Which.
        coordinate: String,
        /// Where it came from.
        from: String,
        /// Its hash.
        found: String,
        /// The lock's.
        locked: String,
    },
}

/// The store: `<cache>/artifacts/<sha256>`.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    by_hand: Vec<PathBuf>,
}

impl Store {
    /// The store below `cache`; `artifacts` is the user's own folder of files, looked at first.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(cache: &Path, artifacts: Option<&Path>) -> Result<Self, PlaceError> {
        let dir = cache.join("artifacts");
        place::folder(&dir.join("by-hand"))?;
        let by_hand = artifacts
            .map(Path::to_path_buf)
            .into_iter()
            .chain([dir.join("by-hand")])
            .collect();
        Ok(Self { dir, by_hand })
    }

    /// Where a pinned artifact lies.
    pub fn path(&self, pin: &Pin) -> PathBuf {
        self.dir.join(&pin.sha256)
    }

    /// Brings all of `wanted` into the store and gives back their pins. What `lock` pins must have those bytes; with `update`
    /// the lock does not count.
    ///
    /// # Errors
    /// When one cannot be had (all such are named) or has other bytes than the lock says.
    pub fn bring(
        &self,
        wanted: &[Coordinate],
        lock: &ArtifactLock,
        update: bool,
        repositories: &BTreeMap<String, String>,
        work: &Path,
    ) -> Result<ArtifactLock, StoreError> {
        let mut pins = ArtifactLock::default();
        let mut missing = Vec::new();
        for coordinate in wanted {
            let locked = lock.pins.get(coordinate).filter(|_| !update);
            match locked.filter(|pin| self.holds(pin)) {
                Some(pin) => {
                    pins.pins.insert(coordinate.clone(), pin.clone());
                }
                None => match self.put_by_hand(coordinate) {
                    Some(path) => {
                        pins.pins
                            .insert(coordinate.clone(), self.take(coordinate, &path, locked)?);
                    }
                    None => missing.push(coordinate),
                },
            }
        }
        if missing.is_empty() {
            return Ok(pins);
        }
        needs::check(needs::FOR_ARTIFACTS)?;
        let said = maven::copy(&missing, repositories, work)?;
        let mut list = String::new();
        for coordinate in missing {
            let file = work.join(coordinate.file_name());
            if file.is_file() {
                let locked = lock.pins.get(coordinate).filter(|_| !update);
                pins.pins
                    .insert(coordinate.clone(), self.take(coordinate, &file, locked)?);
            } else {
                list.push_str(&format!(
                    "  {coordinate}  (file {})\n",
                    coordinate.file_name()
                ));
            }
        }
        if list.is_empty() {
            return Ok(pins);
        }
        let repositories: String = repositories
            .values()
            .map(|url| format!(", {url}"))
            .collect();
        Err(StoreError::Unreachable {
            list: list.trim_end().to_owned(),
            said: said.unwrap_or_default(),
            repositories,
            by_hand: self.dir.join("by-hand").display().to_string(),
        })
    }

    fn holds(&self, pin: &Pin) -> bool {
        place::sha256(&self.path(pin))
            .is_ok_and(|(length, sha256)| (length, &sha256) == (pin.length_bytes, &pin.sha256))
    }

    fn put_by_hand(&self, coordinate: &Coordinate) -> Option<PathBuf> {
        let name = coordinate.file_name();
        // Modules are published as .jar and passed around as .omod.
        let omod = format!(
            "{}-{}.omod",
            coordinate.artifact.trim_end_matches("-omod"),
            coordinate.version
        );
        self.by_hand.iter().find_map(|dir| {
            place::sorted(dir).ok()?.into_iter().find(|path| {
                let file = path.file_name().and_then(|file| file.to_str());
                path.is_file()
                    && (file == Some(name.as_str())
                        || (coordinate.artifact.ends_with("-omod") && file == Some(omod.as_str())))
            })
        })
    }

    fn take(
        &self,
        coordinate: &Coordinate,
        file: &Path,
        locked: Option<&Pin>,
    ) -> Result<Pin, StoreError> {
        let (length_bytes, sha256) = place::sha256(file)?;
        let pin = Pin {
            sha256,
            length_bytes,
        };
        if let Some(locked) = locked.filter(|locked| **locked != pin) {
            return Err(StoreError::Changed {
                coordinate: coordinate.to_string(),
                from: file.display().to_string(),
                found: pin.sha256,
                locked: locked.sha256.clone(),
            });
        }
        let target = self.path(&pin);
        let fresh = target.with_extension("part");
        std::fs::copy(file, &fresh).map_err(place::at("cannot copy", file))?;
        place::set_mode(&fresh, 0o644)?;
        place::rename(&fresh, &target)?;
        Ok(pin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_put_by_hand_is_taken_and_one_with_other_bytes_than_the_lock_refused() {
        let dir = tempfile::tempdir().unwrap();
        let hand = dir.path().join("hand");
        place::whole(&hand.join("deep/reporting-1.0.omod"), b"module").unwrap();
        let store = Store::open(&dir.path().join("cache"), Some(&hand)).unwrap();
        let wanted = [Coordinate::parse("org.openmrs.module:reporting-omod:1.0:jar").unwrap()];
        let none = BTreeMap::new();
        let lock = store
            .bring(&wanted, &ArtifactLock::default(), false, &none, dir.path())
            .unwrap();
        assert_eq!(
            std::fs::read(store.path(&lock.pins[&wanted[0]])).unwrap(),
            b"module"
        );

        place::gone(&dir.path().join("cache")).unwrap();
        let store = Store::open(&dir.path().join("cache"), Some(&hand)).unwrap();
        place::whole(&hand.join("deep/reporting-1.0.omod"), b"other").unwrap();
        let error = store
            .bring(&wanted, &lock, false, &none, dir.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("reporting-omod") && error.contains("--update-lock"),
            "{error}"
        );
        assert!(store.bring(&wanted, &lock, true, &none, dir.path()).is_ok());
    }
}
