//! The distro's modules, OWAs, configuration and front end, laid into OpenMRS's data directory.
//!
//! Runs as the user openmrs (`posto unit openmrs-lay`): the directory is OpenMRS's own, and root following a link that
//! somebody placed there would write anywhere. What an earlier release laid and this one lacks is removed; what
//! people put there themselves stays.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::system::durable::{self, DurableError, Owner};

/// In the image, in the data directory.
const FOLDERS: [(&str, &str); 4] = [
    ("openmrs_modules", "modules"),
    ("openmrs_config", "configuration"),
    ("openmrs_owas", "owa"),
    ("openmrs_spa", "frontend"),
];
const LIST: &str = ".posto-distribution.json";
const LIST_LIMIT_BYTES: u64 = 32 * 1024 * 1024;
/// A front end has some thousands.
const FILES_LIMIT: usize = 200_000;

/// What was laid: path in the data directory and size in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct List {
    /// Which release laid it all; `None` while it is being laid.
    release: Option<String>,
    files: BTreeMap<PathBuf, u64>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Laid {
    /// Files copied.
    pub copied: usize,
    /// Files of an earlier release removed.
    pub removed: usize,
}

/// Why the distribution could not be laid. The next start tries again, from the list.
#[derive(Debug, thiserror::Error)]
pub enum LayError {
    /// A file could not be read, copied or removed.
    #[error("could not lay {path}: {source}; OpenMRS is not started with half a distribution")]
    File {
        /// Which.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The list.
    #[error("{0}")]
    List(#[from] DurableError),
    /// Not a distribution.
    #[error("{0} holds more than {FILES_LIMIT} files; it is no distribution")]
    TooMany(PathBuf),
}

/// Lays `distribution` into `data`, unless `release` has done it completely before.
///
/// # Errors
/// [`LayError`].
pub fn lay(distribution: &Path, data: &Path, release: &str) -> Result<Laid, LayError> {
    let wanted = wanted(distribution)?;
    let before = read_list(data)?;
    let complete = |list: &List| {
        list.release.as_deref() == Some(release)
            && list.files.len() == wanted.len()
            && wanted.iter().all(|(target, (_, size))| {
                list.files.get(target) == Some(size)
                    && std::fs::symlink_metadata(data.join(target))
                        .is_ok_and(|found| found.is_file() && found.len() == *size)
            })
    };
    if complete(&before) {
        return Ok(Laid::default());
    }
    let new: BTreeMap<PathBuf, u64> = wanted
        .iter()
        .map(|(target, (_, size))| (target.clone(), *size))
        .collect();
    // Old and new together first: whatever a power cut leaves is on a list and can be told from what people put there.
    let mut both = List {
        release: None,
        files: before.files.clone(),
    };
    both.files.extend(new.clone());
    write_list(data, &both)?;
    let mut laid = Laid::default();
    for (target, (source, _)) in &wanted {
        copy(source, data, target)?;
        laid.copied += 1;
    }
    for gone in before.files.keys().filter(|path| !new.contains_key(*path)) {
        remove(data, gone)?;
        laid.removed += 1;
    }
    let directory = std::fs::File::open(data).map_err(|source| LayError::File {
        path: data.to_path_buf(),
        source,
    })?;
    rustix::fs::syncfs(&directory).map_err(|error| LayError::File {
        path: data.to_path_buf(),
        source: error.into(),
    })?;
    write_list(
        data,
        &List {
            release: Some(release.to_string()),
            files: new,
        },
    )?;
    Ok(laid)
}

/// Paths in `data` that a release laid there, its list included: they belong to the release, not to the site. No list, none.
///
/// # Errors
/// [`LayError::List`] when the list cannot be read.
pub fn laid(data: &Path) -> Result<std::collections::BTreeSet<PathBuf>, LayError> {
    let list = PathBuf::from(LIST);
    // The directory is OpenMRS's own: what it may have put in the list's place is not waited for (a pipe).
    if !std::fs::symlink_metadata(data.join(&list)).is_ok_and(|found| found.is_file()) {
        return Ok(std::collections::BTreeSet::new());
    }
    let files = read_list(data)?.files.into_keys();
    Ok(files.chain([list]).collect())
}

/// Target path (relative), source path and size of every file.
fn wanted(distribution: &Path) -> Result<BTreeMap<PathBuf, (PathBuf, u64)>, LayError> {
    let mut files = BTreeMap::new();
    for (from, to) in FOLDERS {
        let mut pending = vec![(distribution.join(from), PathBuf::from(to))];
        while let Some((source, target)) = pending.pop() {
            let failed = |error| LayError::File {
                path: source.clone(),
                source: error,
            };
            let found = match std::fs::metadata(&source) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.map_err(failed)?,
            };
            if found.is_dir() {
                for entry in std::fs::read_dir(&source).map_err(failed)? {
                    let entry = entry.map_err(failed)?;
                    pending.push((entry.path(), target.join(entry.file_name())));
                }
            } else {
                files.insert(target, (source, found.len()));
            }
            if files.len() + pending.len() > FILES_LIMIT {
                return Err(LayError::TooMany(distribution.to_path_buf()));
            }
        }
    }
    Ok(files)
}

/// A list that cannot be read counts as none: nothing is removed then, everything is laid anew.
fn read_list(data: &Path) -> Result<List, LayError> {
    let bytes = durable::read(&data.join(LIST), LIST_LIMIT_BYTES)?.unwrap_or_default();
    let mut list: List = serde_json::from_slice(&bytes).unwrap_or_default();
    list.files.retain(|path, _| is_ours(path));
    Ok(list)
}

fn write_list(data: &Path, list: &List) -> Result<(), LayError> {
    let text = serde_json::to_vec(list).unwrap_or_default();
    Ok(durable::write(&data.join(LIST), &text, Owner::mode(0o640))?)
}

/// Inside one of the four folders and nowhere else.
fn is_ours(path: &Path) -> bool {
    let mut parts = path.components();
    let folder = parts.next();
    FOLDERS
        .iter()
        .any(|(_, to)| folder == Some(Component::Normal(to.as_ref())))
        && parts.clone().next().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn copy(source: &Path, data: &Path, target: &Path) -> Result<(), LayError> {
    let target = data.join(target);
    let failed = |error| LayError::File {
        path: target.clone(),
        source: error,
    };
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut temporary = target.clone().into_os_string();
    temporary.push(".posto-new");
    std::fs::copy(source, &temporary).map_err(failed)?;
    // Flushed once for all by syncfs; the list says "being laid" until then.
    rustix::fs::rename(&temporary, &target).map_err(|error| failed(error.into()))
}

fn remove(data: &Path, gone: &Path) -> Result<(), LayError> {
    let path = data.join(gone);
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(LayError::File { path, source }),
    }
    // Folders that are empty now; one with something in it stays and ends the walk.
    for folder in gone
        .ancestors()
        .skip(1)
        .filter(|folder| folder.components().count() > 1)
    {
        if std::fs::remove_dir(data.join(folder)).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, content: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn two() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (image, data) = (dir.path().join("image"), dir.path().join("data"));
        std::fs::create_dir(&data).unwrap();
        put(&image, "openmrs_modules/a-1.omod", "a1");
        put(&image, "openmrs_config/globalproperties/x.xml", "x");
        (dir, image, data)
    }

    #[test]
    fn a_second_start_of_the_same_release_copies_nothing() {
        let (_dir, image, data) = two();
        assert_eq!(
            lay(&image, &data, "r1").unwrap(),
            Laid {
                copied: 2,
                removed: 0
            }
        );
        assert_eq!(lay(&image, &data, "r1").unwrap(), Laid::default());
        assert_eq!(
            std::fs::read(data.join("configuration/globalproperties/x.xml")).unwrap(),
            b"x"
        );
    }

    #[test]
    fn a_new_release_replaces_its_own_files_and_leaves_what_people_put_there() {
        let (_dir, image, data) = two();
        lay(&image, &data, "r1").unwrap();
        put(&data, "modules/own.omod", "own");
        std::fs::remove_dir_all(image.join("openmrs_config")).unwrap();
        std::fs::remove_file(image.join("openmrs_modules/a-1.omod")).unwrap();
        put(&image, "openmrs_modules/a-2.omod", "a2");
        assert_eq!(
            lay(&image, &data, "r2").unwrap(),
            Laid {
                copied: 1,
                removed: 2
            }
        );
        let mut modules: Vec<_> = std::fs::read_dir(data.join("modules"))
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        modules.sort();
        assert_eq!(modules, ["a-2.omod", "own.omod"]);
        assert!(!data.join("configuration/globalproperties").exists());
    }

    #[test]
    fn a_torn_or_missing_file_is_laid_again() {
        let (_dir, image, data) = two();
        lay(&image, &data, "r1").unwrap();
        std::fs::write(data.join("modules/a-1.omod"), "").unwrap();
        assert_eq!(lay(&image, &data, "r1").unwrap().copied, 2);
        assert_eq!(std::fs::read(data.join("modules/a-1.omod")).unwrap(), b"a1");
    }

    #[test]
    fn a_lying_list_removes_nothing_outside_the_four_folders() {
        let (dir, image, data) = two();
        std::fs::write(dir.path().join("precious"), "").unwrap();
        put(&data, "complex_obs/scan.png", "scan");
        let files = r#"{"release":"r0","files":{"../precious":0,"modules/../../precious":0,"complex_obs/scan.png":4,"modules":0}}"#;
        std::fs::write(data.join(LIST), files).unwrap();
        assert_eq!(lay(&image, &data, "r1").unwrap().removed, 0);
        assert!(dir.path().join("precious").exists() && data.join("complex_obs/scan.png").exists());
    }
}
