//! Changes of files and directories that a power cut cannot leave half-done.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

mod growing;
mod names;
#[cfg(test)]
pub(crate) mod power;

pub use growing::{Growing, medium_directory};
pub use names::names_after;

/// Before each step that lasts: tests cut the power here ([`power`]). On a box it is nothing.
#[cfg(not(test))]
#[inline]
#[allow(clippy::unnecessary_wraps, reason = "the tests' one fails")]
pub(crate) fn step() -> std::io::Result<()> {
    Ok(())
}
#[cfg(test)]
pub(crate) use power::step;

/// What failed, on which path. The state before stands unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The new content could not be written; the old file (if any) is untouched.
    #[error("could not write {path}: {source}; what was there before is unchanged")]
    Write {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The file could not be read.
    #[error("could not read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The file is larger than anything that belongs there.
    #[error(
        "{path} is larger than {limit_bytes} bytes and was not read: it is not what belongs there"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit_bytes: u64,
    },
    /// Two names could not be exchanged or one renamed; both are as before.
    #[error("could not put {from} in the place of {to}: {source}; both are as before")]
    Rename {
        /// The new one.
        from: PathBuf,
        /// The place.
        to: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A directory could not be made, changed or flushed.
    #[error("could not prepare the directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// Something could not be removed; part of it may be gone.
    #[error("could not remove {path}: {source}; part of it may be gone, remove the rest")]
    Remove {
        /// The file or tree.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// Who owns a new file or directory and what its permission bits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User id; `None` leaves the writer's.
    pub uid: Option<u32>,
    /// Group id; `None` leaves the writer's.
    pub gid: Option<u32>,
    /// Permission bits, e.g. 0o644.
    pub mode: u32,
}

impl Owner {
    /// The writer's own ids with these permission bits.
    #[must_use]
    pub const fn mode(mode: u32) -> Self {
        Self {
            uid: None,
            gid: None,
            mode,
        }
    }

    /// This user (uid = gid on the box) with these permission bits.
    #[must_use]
    pub const fn user(id: u32, mode: u32) -> Self {
        Self {
            uid: Some(id),
            gid: Some(id),
            mode,
        }
    }
}

/// Puts `content` at `path` so that after a power cut either the old or the new content is there, whole:
/// temporary file beside it, fsync, rename, fsync of the directory.
///
/// # Errors
/// [`DurableError::Write`]; the old file stands.
pub fn write(path: &Path, content: &[u8], owner: Owner) -> Result<(), DurableError> {
    let failed = |source| DurableError::Write {
        path: path.to_path_buf(),
        source,
    };
    let temporary = beside(path, ".new");
    step().map_err(failed)?;
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(failed)?;
    let written = (|| {
        if owner.uid.is_some() || owner.gid.is_some() {
            fchown(&file, owner.uid, owner.gid)?;
        }
        file.set_permissions(std::fs::Permissions::from_mode(owner.mode))?;
        file.write_all(content)?;
        file.sync_all()?;
        step()?;
        renameat_with(CWD, &temporary, CWD, path, RenameFlags::empty())?;
        // On FAT length and first cluster stand beside the name: see sync_moved.
        file.sync_all()?;
        sync_parent(path)
    })();
    if written.is_err() {
        // Best effort: the left-over is overwritten by the next write anyway.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(failed)
}

/// Changes one byte of a file that another program wrote, in its place, and flushes it. A disk writes whole sectors: after a power
/// cut the old byte is there or the new one, and all else as it was.
///
/// # Errors
/// The kernel's.
pub fn write_byte(file: &File, at: u64, byte: u8) -> std::io::Result<()> {
    step()?;
    file.write_all_at(&[byte], at)?;
    file.sync_data()
}

/// Reads a small file, refusing more than `limit_bytes`. `None` when there is no such file.
///
/// # Errors
/// [`DurableError::Read`], [`DurableError::TooLarge`].
pub fn read(path: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>, DurableError> {
    let failed = |source| DurableError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Vec::new();
    file.take(limit_bytes + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() as u64 > limit_bytes {
        return Err(DurableError::TooLarge {
            path: path.to_path_buf(),
            limit_bytes,
        });
    }
    Ok(Some(content))
}

/// Renames on one file system and makes it last: fsync of both parents.
///
/// # Errors
/// [`DurableError::Rename`].
pub fn rename(from: &Path, to: &Path) -> Result<(), DurableError> {
    rename_with(from, to, RenameFlags::empty())
}

/// Exchanges two names (files or directories) in one step that a power cut cannot split, and makes it last.
/// Doing it again undoes it.
///
/// # Errors
/// [`DurableError::Rename`]: both are as before.
pub fn exchange(one: &Path, other: &Path) -> Result<(), DurableError> {
    rename_with(one, other, RenameFlags::EXCHANGE)
}

fn rename_with(from: &Path, to: &Path, flags: RenameFlags) -> Result<(), DurableError> {
    let failed = |source| DurableError::Rename {
        from: from.to_path_buf(),
        to: to.to_path_buf(),
        source,
    };
    step().map_err(failed)?;
    renameat_with(CWD, from, CWD, to, flags).map_err(|error| failed(error.into()))?;
    sync_moved(to).map_err(failed)?;
    if flags.contains(RenameFlags::EXCHANGE) {
        sync_moved(from).map_err(failed)?;
    }
    sync_parent(from).map_err(failed)?;
    sync_parent(to).map_err(failed)
}

/// Makes the directory (its parents must exist) with exactly this owner and mode, whether it was there or not,
/// and makes its name last.
///
/// # Errors
/// [`DurableError::Directory`].
pub fn directory(path: &Path, owner: Owner) -> Result<(), DurableError> {
    let failed = |source| DurableError::Directory {
        path: path.to_path_buf(),
        source,
    };
    step().map_err(failed)?;
    match std::fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(error) => return Err(failed(error)),
    }
    let handle = File::open(path).map_err(failed)?;
    let now = handle.metadata().map_err(failed)?;
    let (uid, gid) = (
        owner.uid.unwrap_or(now.uid()),
        owner.gid.unwrap_or(now.gid()),
    );
    if (uid, gid) != (now.uid(), now.gid()) {
        fchown(&handle, Some(uid), Some(gid)).map_err(failed)?;
    }
    handle
        .set_permissions(std::fs::Permissions::from_mode(owner.mode))
        .map_err(failed)?;
    handle.sync_all().map_err(failed)?;
    sync_parent(path).map_err(failed)
}

/// Removes a file or a whole tree, and makes that last. Nothing there is fine. Never follows links out of the tree.
///
/// # Errors
/// [`DurableError::Remove`].
pub fn remove(path: &Path) -> Result<(), DurableError> {
    let failed = |source| DurableError::Remove {
        path: path.to_path_buf(),
        source,
    };
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            step().map_err(failed)?;
            #[cfg(test)]
            power::step_within(path).map_err(failed)?;
            std::fs::remove_dir_all(path)
        }
        Ok(_) => step().and_then(|()| std::fs::remove_file(path)),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => sync_parent(path).map_err(failed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Flushes every file and directory under `tree`, and the tree's own name. For trees that another program wrote.
///
/// # Errors
/// [`DurableError::Directory`] with the path that could not be flushed.
pub fn sync_tree(tree: &Path) -> Result<(), DurableError> {
    step().map_err(|source| DurableError::Directory {
        path: tree.to_path_buf(),
        source,
    })?;
    let mut pending = vec![tree.to_path_buf()];
    while let Some(path) = pending.pop() {
        let failed = |source| DurableError::Directory {
            path: path.clone(),
            source,
        };
        let kind = std::fs::symlink_metadata(&path)
            .map_err(failed)?
            .file_type();
        if kind.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(failed)? {
                pending.push(entry.map_err(failed)?.path());
            }
        } else if !kind.is_file() {
            continue;
        }
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(failed)?;
    }
    sync_parent(tree).map_err(|source| DurableError::Directory {
        path: tree.to_path_buf(),
        source,
    })
}

/// Flushes what has a new name. FAT keeps length and first cluster beside the name, and the kernel writes both to the new place only
/// with the file itself: after rename and a flush of the directory alone, a pulled stick showed the file with no content.
fn sync_moved(path: &Path) -> std::io::Result<()> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = File::options()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path);
    match opened {
        Ok(moved) => moved.sync_all(),
        // A link's content is its name's.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)?.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn writing_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, b"first, longer", Owner::mode(0o600)).unwrap();
        write(&path, b"second", Owner::mode(0o644)).unwrap();
        assert_eq!(read(&path, 100).unwrap().unwrap(), b"second");
        assert_eq!(
            path.metadata().unwrap().permissions().mode() & 0o7777,
            0o644
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_cannot_happen_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("there");
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(
            write(&path, b"x", Owner::mode(0o600)),
            Err(DurableError::Write { .. })
        ));
        assert!(path.is_dir());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn reading_refuses_more_than_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"12345").unwrap();
        assert!(matches!(read(&path, 4), Err(DurableError::TooLarge { .. })));
        assert_eq!(read(&path, 5).unwrap().unwrap(), b"12345");
        assert!(read(&dir.path().join("none"), 5).unwrap().is_none());
    }

    #[test]
    fn exchanging_directories_swaps_them_and_again_undoes_it() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        std::fs::create_dir(&one).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::fs::write(one.join("mark"), b"").unwrap();
        exchange(&one, &other).unwrap();
        assert!(other.join("mark").exists() && !one.join("mark").exists());
        exchange(&one, &other).unwrap();
        assert!(one.join("mark").exists());
    }

    #[test]
    fn removing_a_tree_does_not_follow_links_and_nothing_there_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, tree) = (dir.path().join("kept"), dir.path().join("tree"));
        std::fs::create_dir(&kept).unwrap();
        std::fs::write(kept.join("f"), b"").unwrap();
        std::fs::create_dir(&tree).unwrap();
        std::os::unix::fs::symlink(&kept, tree.join("link")).unwrap();
        remove(&tree).unwrap();
        remove(&tree).unwrap();
        assert!(kept.join("f").exists() && !tree.exists());
    }
}
