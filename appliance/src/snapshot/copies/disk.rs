//! The disk for copies: found by its label or stable name, never the data's own, mounted for the copy alone.

use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use super::CopiesError;
use crate::facility::Target;
use crate::places::Places;
use crate::system::block::Disk;
use crate::system::medium::{self, whole_disk};

/// Of a disk for copies. FAT takes eleven letters, in capitals; dashes and small letters elsewhere are fine.
pub const LABEL: &str = "POSTOCOPIES";
/// Whether a file system's label, as udev writes it, is that of a disk for copies.
fn is_label(name: &str) -> bool {
    medium::is_label(name, LABEL)
}

/// The device of the disk for copies.
///
/// # Errors
/// [`CopiesError::NotAttached`], [`CopiesError::SameDisk`].
pub fn find(places: &Places, target: &Target) -> Result<PathBuf, CopiesError> {
    let not_attached = || CopiesError::NotAttached(target.to_string());
    let named = match target {
        Target::Device(path) => places.disks().join(path.trim_start_matches("/dev/disk/")),
        Target::Labelled => std::fs::read_dir(places.disks().join("by-label"))
            .map_err(|_| not_attached())?
            .filter_map(Result::ok)
            .find(|entry| entry.file_name().to_str().is_some_and(is_label))
            .ok_or_else(not_attached)?
            .path(),
    };
    let device = std::fs::canonicalize(named).map_err(|_| not_attached())?;
    let is_block =
        std::fs::metadata(&device).is_ok_and(|found| found.file_type().is_block_device());
    if !is_block {
        return Err(not_attached());
    }
    let data = Disk::of(&places.data()).ok().map(|disk| disk.device());
    if data.is_some() && data == whole_disk(&device) {
        return Err(CopiesError::SameDisk(device));
    }
    Ok(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_counts_however_its_file_system_writes_it() {
        for right in [
            "POSTOCOPIES",
            "posto-copies",
            "posto_copies",
            "posto\\x2dcopies",
        ] {
            assert!(is_label(right), "{right}");
        }
        for wrong in ["", "posto-data", "POSTOCOPIE", "MYPOSTOCOPIES"] {
            assert!(!is_label(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_disk_that_is_not_there_or_is_no_disk_is_not_attached() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        let by_label = places.disks().join("by-label");
        for target in ["usb", "/dev/disk/by-id/x"] {
            let target = target.parse().unwrap();
            let found = find(&places, &target);
            assert!(matches!(found, Err(CopiesError::NotAttached(_))));
        }
        std::fs::create_dir_all(&by_label).unwrap();
        std::os::unix::fs::symlink("/dev/null", by_label.join(LABEL)).unwrap();
        let found = find(&places, &Target::Labelled);
        assert!(matches!(found, Err(CopiesError::NotAttached(_))));
    }
}
