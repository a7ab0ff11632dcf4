//! The disk for copies: found by its label or stable name, never the data's own, mounted for the copy alone.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::CopiesError;
use crate::facility::Target;
use crate::places::Places;
use crate::system::block::Disk;
use crate::system::durable::{self, Owner};

/// Of a disk for copies. FAT takes eleven letters, in capitals; dashes and small letters elsewhere are fine.
pub const LABEL: &str = "POSTOCOPIES";
/// Where superblocks tell what they are.
const HEAD_BYTES: u64 = 4096;

/// A file system that a disk for copies may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// FAT32 or FAT16.
    Vfat,
    /// exFAT.
    Exfat,
    /// ext4 (ext2, ext3 by the same driver).
    Ext4,
    /// XFS.
    Xfs,
}

impl Kind {
    /// By the superblock's own words, so that the kernel's other parsers never see a foreign disk. `head` is the first 4 KiB.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let at = |offset: usize, words: &[u8]| {
            head.get(offset..)
                .is_some_and(|rest| rest.starts_with(words))
        };
        if at(0, b"XFSB") {
            Some(Self::Xfs)
        } else if at(1080, &[0x53, 0xEF]) {
            Some(Self::Ext4)
        } else if at(3, b"EXFAT   ") {
            Some(Self::Exfat)
        } else if at(510, &[0x55, 0xAA]) && (at(82, b"FAT32   ") || at(54, b"FAT16   ")) {
            Some(Self::Vfat)
        } else {
            None
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Vfat => "vfat",
            Self::Exfat => "exfat",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    /// Patients' data, encrypted or not, is for root.
    const fn options(self) -> &'static str {
        match self {
            Self::Vfat => "umask=0077,errors=remount-ro",
            Self::Exfat => "umask=0077",
            Self::Ext4 => "errors=remount-ro",
            Self::Xfs => "nouuid",
        }
    }
}

/// Whether a file system's label, as udev writes it, is that of a disk for copies.
fn is_label(name: &str) -> bool {
    name.replace("\\x2d", "")
        .replace(['-', '_'], "")
        .eq_ignore_ascii_case(LABEL)
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

/// The disk that a partition lies on, or the device itself.
fn whole_disk(device: &Path) -> Option<PathBuf> {
    let class = Path::new("/sys/class/block").join(device.file_name()?);
    let sysfs = std::fs::canonicalize(class).ok()?;
    let disk = if sysfs.join("partition").exists() {
        sysfs.parent()?.to_path_buf()
    } else {
        sysfs
    };
    Some(Path::new("/dev").join(disk.file_name()?))
}

/// A mounted disk for copies. Dropping it takes it off.
#[derive(Debug)]
pub struct Mounted {
    at: PathBuf,
    ended: bool,
}

impl Mounted {
    /// Mounts `device` at the directory `at`, which is made. Nothing on it is run, no device or set-uid bit counts.
    ///
    /// # Errors
    /// [`CopiesError::FileSystem`], [`CopiesError::Disk`].
    pub fn at(device: &Path, at: &Path) -> Result<Self, CopiesError> {
        let failed = |source| CopiesError::Disk {
            path: device.to_path_buf(),
            source,
        };
        let mut head = Vec::new();
        File::open(device)
            .and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head))
            .map_err(failed)?;
        let kind = Kind::of(&head).ok_or_else(|| CopiesError::FileSystem(device.to_path_buf()))?;
        durable::directory(at, Owner::mode(0o700))?;
        let flags =
            MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        let options = CString::new(kind.options()).unwrap_or_default();
        mount(device, at, kind.name(), flags, options.as_c_str()).map_err(|error| match error {
            // The kernel mounts a device that it may not write to only for reading.
            Errno::ACCESS | Errno::ROFS => CopiesError::Protected(device.to_path_buf()),
            other => failed(other.into()),
        })?;
        Ok(Self {
            at: at.to_path_buf(),
            ended: false,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Takes it off, when all is written.
    ///
    /// # Errors
    /// [`CopiesError::Disk`].
    pub fn end(mut self) -> Result<(), CopiesError> {
        unmount(&self.at, UnmountFlags::empty()).map_err(|error| CopiesError::Disk {
            path: self.at.clone(),
            source: error.into(),
        })?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if !self.ended {
            // A pulled disk cannot be flushed any more.
            let _ = unmount(&self.at, UnmountFlags::DETACH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn no_head_breaks_the_look(head in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = Kind::of(&head);
        }
    }
}
