//! Archives opened with bounds: nothing leaves its folder, nothing grows without end.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use crate::place::{self, PlaceError};

/// An archive cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Not a zip archive, or a damaged one.
    #[error("{path} is not a whole zip archive: {source}; get it again")]
    Zip {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: zip::result::ZipError,
    },
    /// Not a tar.gz archive, or a damaged one.
    #[error("{path} is not a whole tar.gz archive: {source}; get it again")]
    Tar {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name that would leave the folder, or too much.
    #[error("{path} is refused: {why}")]
    Refused {
        /// The archive.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// What one archive may unpack to: OpenMRS's WAR has 160 MB in 1,500 files, the largest known distro a few times that.
const LIMIT_BYTES: u64 = 3 << 30;
const LIMIT_FILES: usize = 200_000;

/// Unpacks a zip (WAR, OWA, configuration) into `to`; `rename` gives each file its place, or none to leave it out.
///
/// # Errors
/// When it is damaged, too large, or has names that leave the folder.
pub fn zip(
    archive: &Path,
    to: &Path,
    rename: impl Fn(&Path) -> Option<PathBuf>,
) -> Result<(), UnpackError> {
    let wrong = |source| UnpackError::Zip {
        path: archive.to_path_buf(),
        source,
    };
    let refused = |why: String| UnpackError::Refused {
        path: archive.to_path_buf(),
        why,
    };
    let file = File::open(archive).map_err(place::at("cannot read", archive))?;
    let mut zip = zip::ZipArchive::new(io::BufReader::new(file)).map_err(wrong)?;
    if zip.len() > LIMIT_FILES {
        return Err(refused(format!(
            "it holds {} files, more than {LIMIT_FILES}",
            zip.len()
        )));
    }
    let mut left_bytes = LIMIT_BYTES;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(wrong)?;
        if entry.is_dir() {
            continue;
        }
        let name = entry
            .enclosed_name()
            .ok_or_else(|| refused(format!("the name of file {index} leaves its folder")))?;
        if let Some(name) = rename(&name) {
            write(&mut entry, &to.join(name), &mut left_bytes).map_err(|source| match source {
                Writing::Place(error) => error.into(),
                Writing::Read(error) => wrong(zip::result::ZipError::Io(error)),
                Writing::TooMuch => refused(format!("it unpacks to more than {LIMIT_BYTES} bytes")),
            })?;
        }
    }
    Ok(())
}

/// Unpacks a tar.gz into `to` without its first folder; only plain files, and only those that `wanted` takes.
///
/// # Errors
/// As [`zip`].
pub fn tar_gz(
    archive: &Path,
    to: &Path,
    wanted: impl Fn(&Path) -> bool,
) -> Result<(), UnpackError> {
    let wrong = |source| UnpackError::Tar {
        path: archive.to_path_buf(),
        source,
    };
    let refused = |why: String| UnpackError::Refused {
        path: archive.to_path_buf(),
        why,
    };
    let file = File::open(archive).map_err(place::at("cannot read", archive))?;
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(io::BufReader::new(file)));
    let mut left_bytes = LIMIT_BYTES;
    for (count, entry) in tar.entries().map_err(wrong)?.enumerate() {
        let mut entry = entry.map_err(wrong)?;
        if count > LIMIT_FILES {
            return Err(refused(format!("it holds more than {LIMIT_FILES} files")));
        }
        let name: PathBuf = entry.path().map_err(wrong)?.components().skip(1).collect();
        if !entry.header().entry_type().is_file() || !wanted(&name) {
            continue;
        }
        if name
            .components()
            .any(|part| !matches!(part, Component::Normal(_)))
        {
            return Err(refused(format!(
                "the name {} leaves its folder",
                name.display()
            )));
        }
        write(&mut entry, &to.join(&name), &mut left_bytes).map_err(|source| match source {
            Writing::Place(error) => error.into(),
            Writing::Read(error) => wrong(error),
            Writing::TooMuch => refused(format!("it unpacks to more than {LIMIT_BYTES} bytes")),
        })?;
    }
    Ok(())
}

enum Writing {
    Place(PlaceError),
    Read(io::Error),
    TooMuch,
}

fn write(from: &mut impl Read, to: &Path, left_bytes: &mut u64) -> Result<(), Writing> {
    if let Some(parent) = to.parent() {
        place::folder(parent).map_err(Writing::Place)?;
    }
    let mut file =
        File::create(to).map_err(|error| Writing::Place(place::at("cannot write", to)(error)))?;
    let written = io::copy(&mut from.take(*left_bytes + 1), &mut file).map_err(Writing::Read)?;
    *left_bytes = left_bytes.checked_sub(written).ok_or(Writing::TooMuch)?;
    // Readable for the service's own user: Tomcat's archive has 0640.
    place::set_mode(to, 0o644).map_err(Writing::Place)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn archive(path: &Path, names: &[&str]) {
        let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
        for name in names {
            zip.start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn a_zip_is_unpacked_and_one_that_would_leave_its_folder_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        archive(&path, &["a/b.txt", "c"]);
        zip(&path, &dir.path().join("to"), |name| {
            (name != Path::new("c")).then(|| name.to_path_buf())
        })
        .unwrap();
        assert!(dir.path().join("to/a/b.txt").exists() && !dir.path().join("to/c").exists());
        archive(&path, &["../evil"]);
        assert!(matches!(
            zip(&path, &dir.path().join("to"), |n| Some(n.to_path_buf())),
            Err(UnpackError::Refused { .. })
        ));
    }

    #[test]
    fn a_truncated_archive_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        archive(&path, &["a"]);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(20)
            .unwrap();
        let error = zip(&path, dir.path(), |n| Some(n.to_path_buf()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a.zip") && error.contains("get it again"),
            "{error}"
        );
    }
}
