//! A stick with releases, as `posto-sign stage --to` makes it.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::places::Places;
use crate::system::block::Disk;
use crate::system::medium::{is_label, whole_disk};

/// The label of its file system.
pub const LABEL: &str = "POSTOUPDATE";
/// The folder on it that `posto-sign stage` writes.
const FOLDER: &str = "posto-repository";

/// There is none.
#[derive(Debug, thiserror::Error)]
#[error("no stick with releases is plugged in (its label must be {LABEL}); nothing was changed")]
pub struct NoStick;

/// The stick's device; never the data's own disk.
///
/// # Errors
/// [`NoStick`].
pub fn find(places: &Places) -> Result<PathBuf, NoStick> {
    let data = Disk::of(&places.data()).ok().map(|disk| disk.device());
    std::fs::read_dir(places.disks().join("by-label"))
        .map_err(|_| NoStick)?
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| is_label(name, LABEL))
        })
        .filter_map(|entry| std::fs::canonicalize(entry.path()).ok())
        .find(|device| is_block(device) && (data.is_none() || data != whole_disk(device)))
        .ok_or(NoStick)
}

/// Where on it the repository is: at its top, or in its own folder.
#[must_use]
pub fn repository(stick: &Path) -> PathBuf {
    let folder = stick.join(FOLDER);
    if folder.join("metadata").is_dir() {
        folder
    } else {
        stick.to_path_buf()
    }
}

fn is_block(device: &Path) -> bool {
    std::fs::metadata(device).is_ok_and(|found| found.file_type().is_block_device())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_disk_is_no_stick() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        assert!(find(&places).is_err());
        let by_label = places.disks().join("by-label");
        std::fs::create_dir_all(&by_label).unwrap();
        std::os::unix::fs::symlink("/dev/null", by_label.join(LABEL)).unwrap();
        assert!(find(&places).is_err());
    }

    #[test]
    fn the_repository_is_at_the_top_or_in_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(repository(dir.path()), dir.path());
        std::fs::create_dir_all(dir.path().join(FOLDER).join("metadata")).unwrap();
        assert_eq!(repository(dir.path()), dir.path().join(FOLDER));
    }
}
