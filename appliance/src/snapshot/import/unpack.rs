//! The tar stream into a fresh directory: only regular files, directories and links that stay inside, only under the names that a
//! snapshot has, never more than the bill says. Links are made when all else is there: no file is ever written through one.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, FileTimes};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown, lchown, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tar::{Archive, Entry, EntryType};

use super::ImportError;
use crate::database::server::{MYSQL_ID, OPENMRS_ID};
use crate::snapshot::export::bill::Bill;
use crate::snapshot::export::links;
use crate::snapshot::manifest;

const DEPTH_LIMIT: usize = 66;
const PATH_LIMIT_BYTES: usize = 4096;
const BUFFER_BYTES: usize = 64 * 1024;

/// Unpacks all of `from` into the directory `to`.
///
/// # Errors
/// [`ImportError`]; `to` may hold a part.
pub(super) fn unpack(from: impl Read, to: &Path, bill: &Bill) -> Result<(), ImportError> {
    let mut archive = Archive::new(from);
    let (mut bytes_left, mut entries_left) = (bill.content_bytes, bill.entries);
    let mut links = Vec::new();
    let more = || ImportError::Contents("there is more in it than was signed".to_string());
    for entry in archive.entries().map_err(ImportError::of_reading)? {
        let mut entry = entry.map_err(ImportError::of_reading)?;
        entries_left = entries_left.checked_sub(1).ok_or_else(more)?;
        let path = checked(&entry.path_bytes())?;
        let owner = owner(&path)?;
        match entry.header().entry_type() {
            EntryType::Directory => make_directory(&to.join(&path), owner)?,
            EntryType::Regular => {
                bytes_left = bytes_left.checked_sub(entry.size()).ok_or_else(more)?;
                make_file(&mut entry, &to.join(&path), owner)?;
            }
            EntryType::Symlink => links.push(link(&entry, path, owner)?),
            other => {
                let text = format!(
                    "{}: {other:?} is no file, directory or link",
                    path.display()
                );
                return Err(ImportError::Contents(text));
            }
        }
    }
    if bytes_left > 0 || entries_left > 0 {
        let text = "there is less in it than was signed".to_string();
        return Err(ImportError::Contents(text));
    }
    links.iter().try_for_each(|link| link.make(to))
}

/// A link that is to be made.
struct Link {
    path: PathBuf,
    target: PathBuf,
    owner: u32,
}

fn link(entry: &Entry<'_, impl Read>, path: PathBuf, owner: u32) -> Result<Link, ImportError> {
    let target = entry.link_name_bytes().unwrap_or_default();
    let target = PathBuf::from(OsStr::from_bytes(&target));
    if links::stays_inside(&path, &target) {
        Ok(Link {
            path,
            target,
            owner,
        })
    } else {
        let shown: String = target.to_string_lossy().chars().take(200).collect();
        let text = format!("{}: a link to {shown:?} leads out", path.display());
        Err(ImportError::Contents(text))
    }
}

impl Link {
    /// Below `to`, in a real directory: behind another link `..` would go up from wherever that one leads.
    fn make(&self, to: &Path) -> Result<(), ImportError> {
        let path = to.join(&self.path);
        let real = |directory: &Path| {
            std::fs::symlink_metadata(to.join(directory)).is_ok_and(|found| found.is_dir())
        };
        if !self.path.ancestors().skip(1).all(real) {
            let text = format!("{} lies in no directory", self.path.display());
            return Err(ImportError::Contents(text));
        }
        symlink(&self.target, &path)
            .and_then(|()| lchown(&path, Some(self.owner), Some(self.owner)))
            .map_err(|source| ImportError::Write { path, source })
    }
}

/// A path inside a snapshot: plain names only.
fn checked(bytes: &[u8]) -> Result<PathBuf, ImportError> {
    let refused = || {
        let shown: String = String::from_utf8_lossy(bytes).chars().take(200).collect();
        ImportError::Contents(format!("the name {shown:?} does not belong there"))
    };
    let path = PathBuf::from(OsStr::from_bytes(bytes));
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let bounded = bytes.len() <= PATH_LIMIT_BYTES && path.components().count() <= DEPTH_LIMIT;
    if !plain || !bounded || bytes.is_empty() || bytes.contains(&0) {
        return Err(refused());
    }
    // Without the tar's own slash after a directory, and never `a//b` or `a/./b`.
    Ok(path.components().collect())
}

/// Owners are this release's, whatever the tar says.
fn owner(path: &Path) -> Result<u32, ImportError> {
    let mut parts = path.components();
    let first = parts.next().map(|part| part.as_os_str().to_os_string());
    match first.as_deref().and_then(OsStr::to_str) {
        Some("database") => Ok(MYSQL_ID),
        Some("openmrs") => Ok(OPENMRS_ID),
        Some(manifest::FILE) if parts.next().is_none() => Ok(0),
        _ => Err(ImportError::Contents(format!(
            "{:?} is no part of a snapshot",
            path.display().to_string()
        ))),
    }
}

fn make_directory(path: &Path, owner: u32) -> Result<(), ImportError> {
    let made = || {
        DirBuilder::new().mode(0o700).create(path)?;
        fchown(File::open(path)?, Some(owner), Some(owner))
    };
    made().map_err(|source| ImportError::Write {
        path: path.to_path_buf(),
        source,
    })
}

fn make_file(entry: &mut Entry<'_, impl Read>, path: &Path, owner: u32) -> Result<(), ImportError> {
    let failed = |source| ImportError::Write {
        path: path.to_path_buf(),
        source,
    };
    let mode = entry.header().mode().unwrap_or(0o600) & 0o777;
    let modified_s = entry.header().mtime().unwrap_or(0).min(u64::from(u32::MAX));
    let bytes = entry.size();
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = full(entry, &mut buffer).map_err(ImportError::of_reading)?;
        let block = buffer.get(..read).unwrap_or_default();
        if block.is_empty() {
            break;
        }
        // The redo log and InnoDB's files are full of holes; they stay holes.
        let done = if block.iter().all(|byte| *byte == 0) {
            let skipped = i64::try_from(read).unwrap_or(0);
            file.seek(SeekFrom::Current(skipped)).map(drop)
        } else {
            file.write_all(block)
        };
        done.map_err(failed)?;
    }
    let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(modified_s));
    file.set_len(bytes)
        .and_then(|()| fchown(&file, Some(owner), Some(owner)))
        .and_then(|()| file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode)))
        .and_then(|()| file.set_times(times))
        .map_err(failed)
}

/// As much as fits the buffer or is there.
fn full(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_lead_elsewhere_or_are_no_part_of_a_snapshot_are_refused() {
        for wrong in [
            "/etc/passwd",
            "../x",
            "database/../../x",
            "database/./..",
            "",
            "proofs.json",
            "manifest.json/x",
            "databases/x",
            ".",
        ] {
            let taken = checked(wrong.as_bytes()).and_then(|path| owner(&path));
            assert!(taken.is_err(), "{wrong}");
        }
        for (right, by) in [
            ("manifest.json", 0),
            ("database/", MYSQL_ID),
            ("database/openmrs/obs.ibd", MYSQL_ID),
            ("openmrs/a", OPENMRS_ID),
        ] {
            let path = checked(right.as_bytes()).unwrap();
            assert_eq!(owner(&path).unwrap(), by);
            assert!(!path.to_string_lossy().ends_with('/'));
        }
    }

    proptest! {
        #[test]
        fn no_name_leads_out(name in "(database|openmrs|\\.\\.|/|\\.|[a-z\\x00]{0,3}){0,9}") {
            if let Ok(path) = checked(name.as_bytes()) {
                prop_assert!(path.is_relative());
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
