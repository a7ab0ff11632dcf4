//! Putting files where they belong: whole or not at all, and hashes of what lies there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A file or folder could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{what} {path}: {source}")]
pub struct PlaceError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Says for which path an input or output error happened.
pub fn at<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> PlaceError + 'a {
    move |source| PlaceError {
        what,
        path: path.to_path_buf(),
        source,
    }
}

/// Makes a folder and its parents.
///
/// # Errors
/// When it cannot be made.
pub fn folder(path: &Path) -> Result<(), PlaceError> {
    fs::create_dir_all(path).map_err(at("cannot make folder", path))
}

/// Writes a whole file: a name beside it first, then a rename, so that an interrupted build leaves no half file behind.
/// It is not flushed to the disk: a build that a power cut ends is run again, and everything is checked by hash.
///
/// # Errors
/// When it cannot be written.
pub fn whole(path: &Path, bytes: &[u8]) -> Result<(), PlaceError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    folder(parent)?;
    let mut temporary =
        tempfile::NamedTempFile::new_in(parent).map_err(at("cannot write", path))?;
    temporary
        .write_all(bytes)
        .map_err(at("cannot write", path))?;
    set_mode(temporary.path(), 0o644)?;
    temporary
        .persist(path)
        .map_err(|error| at("cannot write", path)(error.error))?;
    Ok(())
}

/// Renames within one file system; what stood there goes.
///
/// # Errors
/// When it cannot be renamed.
#[allow(clippy::disallowed_methods)] // a build's output, see `whole`
pub fn rename(from: &Path, to: &Path) -> Result<(), PlaceError> {
    fs::rename(from, to).map_err(at("cannot put in place", to))
}

/// Removes a file or a folder with all in it; that it was not there is fine.
///
/// # Errors
/// When something of it stays.
pub fn gone(path: &Path) -> Result<(), PlaceError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(at("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Sets permission bits, whatever the caller's umask is.
///
/// # Errors
/// When they cannot be set.
pub fn set_mode(path: &Path, mode: u32) -> Result<(), PlaceError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(at("cannot set the mode of", path))
}

/// Reads a text file of at most `limit_bytes`.
///
/// # Errors
/// When it cannot be read, is longer, or is not UTF-8.
pub fn text(path: &Path, limit_bytes: u64) -> Result<String, PlaceError> {
    let mut text = String::new();
    let file = File::open(path).map_err(at("cannot read", path))?;
    let read = file
        .take(limit_bytes + 1)
        .read_to_string(&mut text)
        .map_err(at("cannot read", path))?;
    if read as u64 > limit_bytes {
        let error = io::Error::other(format!(
            "larger than the {limit_bytes} bytes that it may have"
        ));
        return Err(at("cannot read", path)(error));
    }
    Ok(text)
}

/// Length in bytes and SHA-256 (lower-case hex) of a file.
///
/// # Errors
/// When it cannot be read.
pub fn sha256(path: &Path) -> Result<(u64, String), PlaceError> {
    let mut file = File::open(path).map_err(at("cannot read", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut length_bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(at("cannot read", path))?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            break;
        };
        hash.update(part);
        length_bytes += read as u64;
    }
    Ok((length_bytes, hex::encode(hash.finalize())))
}

/// SHA-256 (lower-case hex) over everything in a folder: names in order, kind, executable bit, link targets, contents.
/// Times, owners and the caller's umask do not count.
///
/// # Errors
/// When something of it cannot be read.
pub fn tree_sha256(root: &Path) -> Result<String, PlaceError> {
    use std::os::unix::fs::PermissionsExt;
    let mut hash = Sha256::new();
    for entry in sorted(root)? {
        let name = entry
            .strip_prefix(root)
            .unwrap_or(&entry)
            .to_string_lossy()
            .into_owned();
        let meta = fs::symlink_metadata(&entry).map_err(at("cannot read", &entry))?;
        let (kind, content) = if meta.is_dir() {
            ('d', String::new())
        } else if meta.file_type().is_symlink() {
            let target = fs::read_link(&entry).map_err(at("cannot read", &entry))?;
            ('l', target.to_string_lossy().into_owned())
        } else if meta.permissions().mode() & 0o100 != 0 {
            ('x', sha256(&entry)?.1)
        } else {
            ('f', sha256(&entry)?.1)
        };
        hash.update(format!(
            "{kind} {} {name} {} {content}\n",
            name.len(),
            content.len()
        ));
    }
    Ok(hex::encode(hash.finalize()))
}

/// Every path below a folder, a parent before what is in it, names in byte order.
///
/// # Errors
/// When a folder cannot be read.
pub fn sorted(root: &Path) -> Result<Vec<PathBuf>, PlaceError> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        match entry {
            Ok(entry) => found.push(entry.into_path()),
            Err(error) => {
                let path = error.path().unwrap_or(root).to_path_buf();
                return Err(at("cannot read", &path)(error.into()));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_tree_sees_names_contents_links_and_the_executable_bit() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        let mut seen = std::collections::BTreeSet::new();
        whole(&file, b"1").unwrap();
        seen.insert(tree_sha256(dir.path()).unwrap());
        set_mode(&file, 0o755).unwrap();
        seen.insert(tree_sha256(dir.path()).unwrap());
        whole(&file, b"2").unwrap();
        seen.insert(tree_sha256(dir.path()).unwrap());
        rename(&file, &dir.path().join("b")).unwrap();
        seen.insert(tree_sha256(dir.path()).unwrap());
        std::os::unix::fs::symlink("b", &file).unwrap();
        seen.insert(tree_sha256(dir.path()).unwrap());
        assert_eq!(seen.len(), 5);
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        whole(&file, b"12345").unwrap();
        assert_eq!(text(&file, 5).unwrap(), "12345");
        assert!(text(&file, 4).unwrap_err().to_string().contains("larger"));
    }
}
