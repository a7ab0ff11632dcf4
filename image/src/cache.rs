//! The content-addressed cache: every stage's result lies under the hash of all that it was made from, so unchanged inputs cost
//! nothing, and only what depends on a change is made again.

use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::place::{self, PlaceError};

/// Results kept of each stage: the present one, the one before, and one of another distro.
const KEPT: usize = 3;

/// The hash of a stage's inputs.
#[derive(Debug, Clone)]
pub struct Key(Sha256);

impl Key {
    /// A key for a stage; `revision` changes when the stage's own code changes what it makes.
    pub fn new(stage: &str, revision: u32) -> Self {
        Self(Sha256::new())
            .with("stage", stage.as_bytes())
            .with("revision", revision.to_string().as_bytes())
    }

    /// One more input.
    #[must_use]
    pub fn with(mut self, name: &str, value: &[u8]) -> Self {
        self.0.update((name.len() as u64).to_be_bytes());
        self.0.update(name);
        self.0.update((value.len() as u64).to_be_bytes());
        self.0.update(value);
        self
    }

    /// The key as 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        let mut hex = hex::encode(self.0.clone().finalize());
        hex.truncate(32);
        hex
    }
}

/// A cache folder, held by this build alone.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    work: tempfile::TempDir,
    _held: File,
}

impl Cache {
    /// Opens the cache in `dir`, waits for another build that holds it (`waiting` is called once then), and clears what a
    /// killed build left.
    ///
    /// # Errors
    /// When the folder cannot be made or locked.
    pub fn open(dir: &Path, waiting: impl FnOnce()) -> Result<Self, PlaceError> {
        use rustix::fs::{FlockOperation, flock};
        place::folder(&dir.join("stages"))?;
        let held_path = dir.join("in-use");
        let held = File::create(&held_path).map_err(place::at("cannot open", &held_path))?;
        if flock(&held, FlockOperation::NonBlockingLockExclusive).is_err() {
            waiting();
            flock(&held, FlockOperation::LockExclusive)
                .map_err(|error| place::at("cannot lock", &held_path)(error.into()))?;
        }
        let works = dir.join("work");
        place::gone(&works)?;
        place::folder(&works)?;
        let work =
            tempfile::tempdir_in(&works).map_err(place::at("cannot make a folder in", &works))?;
        place::set_mode(work.path(), 0o755)?;
        Ok(Self {
            dir: dir.to_path_buf(),
            work,
            _held: held,
        })
    }

    /// The cache's folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// An empty folder for work in progress; it goes with the build.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn work(&self, name: &str) -> Result<PathBuf, PlaceError> {
        let dir = self.work.path().join(name);
        place::gone(&dir)?;
        place::folder(&dir)?;
        place::set_mode(&dir, 0o755)?;
        Ok(dir)
    }

    /// Is the stage's result there already?
    pub fn has(&self, stage: &str, key: &Key) -> Option<PathBuf> {
        let path = self.place_of(stage, key);
        path.is_dir().then_some(path)
    }

    /// The folder with the stage's result: the cached one, or what `make` puts into the empty folder that it is given.
    ///
    /// # Errors
    /// What `make` says, or when the cache cannot be written.
    pub fn stage<E: From<PlaceError>>(
        &self,
        stage: &str,
        key: &Key,
        make: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let path = self.place_of(stage, key);
        if path.is_dir() {
            // Its time of last use decides what is dropped; a failure to set it costs a rebuild at worst.
            drop(
                File::open(&path)
                    .and_then(|dir| dir.set_modified(newest_after(&self.dir.join("stages")))),
            );
            return Ok(path);
        }
        let fresh = self.work(stage)?;
        make(&fresh)?;
        place::rename(&fresh, &path)?;
        self.trim(stage, &path)?;
        Ok(path)
    }

    fn place_of(&self, stage: &str, key: &Key) -> PathBuf {
        self.dir
            .join("stages")
            .join(format!("{stage}-{}", key.hex()))
    }

    fn trim(&self, stage: &str, present: &Path) -> Result<(), PlaceError> {
        let stages = self.dir.join("stages");
        let mut old = Vec::new();
        for entry in std::fs::read_dir(&stages).map_err(place::at("cannot read", &stages))? {
            let path = entry.map_err(place::at("cannot read", &stages))?.path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let ours = name.rsplit_once('-').is_some_and(|(of, _)| of == stage);
            if ours && path != present {
                let modified = path
                    .metadata()
                    .and_then(|meta| meta.modified())
                    .map_err(place::at("cannot read", &path))?;
                old.push((modified, path));
            }
        }
        old.sort();
        let keep_from = old.len().saturating_sub(KEPT - 1);
        for (_, path) in old.into_iter().take(keep_from) {
            place::gone(&path)?;
        }
        Ok(())
    }
}

/// A time later than that of every stage: order of use without reading the clock.
fn newest_after(stages: &Path) -> std::time::SystemTime {
    let newest = std::fs::read_dir(stages)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok())
        .max()
        .unwrap_or(std::time::UNIX_EPOCH);
    newest + std::time::Duration::from_millis(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(cache: &Cache, value: &str) -> bool {
        let mut made = false;
        let key = Key::new("s", 1).with("value", value.as_bytes());
        cache
            .stage::<PlaceError>("s", &key, |dir| {
                made = true;
                place::whole(&dir.join("x"), value.as_bytes())
            })
            .unwrap();
        made
    }

    #[test]
    fn a_stage_is_made_once_for_the_same_inputs_and_again_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), || {}).unwrap();
        assert!(made(&cache, "a"));
        assert!(!made(&cache, "a"));
        assert!(made(&cache, "b"));
    }

    #[test]
    fn only_the_newest_results_of_a_stage_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), || {}).unwrap();
        for value in ["a", "b", "c"] {
            made(&cache, value);
        }
        assert!(!made(&cache, "a"), "used again: the newest now");
        made(&cache, "d");
        assert!(!made(&cache, "a"));
        assert!(made(&cache, "b"), "dropped");
    }

    #[test]
    fn a_stage_that_fails_leaves_nothing_in_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), || {}).unwrap();
        let key = Key::new("s", 1);
        let failed = cache.stage("s", &key, |path| {
            place::whole(&path.join("half"), b"")?;
            Err(place::at("cannot read", path)(std::io::Error::other(
                "broken",
            )))
        });
        assert!(failed.is_err());
        assert!(cache.has("s", &key).is_none());
    }

    #[test]
    fn keys_differ_when_bytes_move_between_inputs() {
        let one = Key::new("s", 1).with("a", b"bc").with("d", b"");
        let two = Key::new("s", 1).with("a", b"b").with("cd", b"");
        assert_ne!(one.hex(), two.hex());
    }
}
