//! A medium out of somebody's pocket: which file system it has, mounted so that nothing on it is run.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::durable::{self, DurableError, Owner};

/// Why it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MediumError {
    /// Not formatted, or in a way that this box does not read.
    #[error("{0} has none of the file systems FAT32, exFAT, ext4, XFS; format it on a computer")]
    FileSystem(PathBuf),
    /// It may not be written.
    #[error("{0} is protected against writing; move the switch at its side, or take another one")]
    Protected(PathBuf),
    /// The kernel's answer.
    #[error("{path}: {source}")]
    Disk {
        /// Which.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The place where it is mounted.
    #[error(transparent)]
    Place(#[from] DurableError),
}

/// Whether a file system's label, as udev writes it, is this one: FAT takes eleven letters, in capitals; dashes and small letters
/// elsewhere are fine.
#[must_use]
pub fn is_label(name: &str, label: &str) -> bool {
    name.replace("\\x2d", "")
        .replace(['-', '_'], "")
        .eq_ignore_ascii_case(label)
}

/// Where superblocks tell what they are.
const HEAD_BYTES: u64 = 4096;

/// What is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Patients' data go there, encrypted or not: only root sees them.
    Write,
    /// Not a byte on it changes, not even by replaying its journal; everybody may read.
    Read,
}

/// A file system that a disk in a pocket may have.
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

    const fn options(self, access: Access) -> &'static str {
        match (self, access) {
            (Self::Vfat, Access::Write) => "umask=0077,errors=remount-ro",
            (Self::Exfat, Access::Write) => "umask=0077",
            (Self::Ext4, Access::Write) => "errors=remount-ro",
            (Self::Xfs, Access::Write) => "nouuid",
            (Self::Vfat | Self::Exfat, Access::Read) => "umask=0022",
            (Self::Ext4, Access::Read) => "noload",
            (Self::Xfs, Access::Read) => "nouuid,norecovery",
        }
    }
}

/// The disk that a partition lies on, or the device itself.
#[must_use]
pub fn whole_disk(device: &Path) -> Option<PathBuf> {
    let class = Path::new("/sys/class/block").join(device.file_name()?);
    let sysfs = std::fs::canonicalize(class).ok()?;
    let disk = if sysfs.join("partition").exists() {
        sysfs.parent()?.to_path_buf()
    } else {
        sysfs
    };
    Some(Path::new("/dev").join(disk.file_name()?))
}

/// A mounted medium. Dropping it takes it off.
#[derive(Debug)]
pub struct Mounted {
    at: PathBuf,
    ended: bool,
}

impl Mounted {
    /// Mounts `device` at the directory `at`, which is made. Nothing on it is run, no device or set-uid bit counts.
    ///
    /// # Errors
    /// [`MediumError::FileSystem`], [`MediumError::Disk`].
    pub fn at(device: &Path, at: &Path, access: Access) -> Result<Self, MediumError> {
        let failed = |source| MediumError::Disk {
            path: device.to_path_buf(),
            source,
        };
        let mut head = Vec::new();
        File::open(device)
            .and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head))
            .map_err(failed)?;
        let kind = Kind::of(&head).ok_or_else(|| MediumError::FileSystem(device.to_path_buf()))?;
        let (mode, read_only) = match access {
            Access::Write => (0o700, MountFlags::empty()),
            Access::Read => (0o755, MountFlags::RDONLY),
        };
        durable::directory(at, Owner::mode(mode))?;
        let flags =
            MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        let flags = flags | read_only;
        let options = CString::new(kind.options(access)).unwrap_or_default();
        mount(device, at, kind.name(), flags, options.as_c_str()).map_err(|error| match error {
            // The kernel mounts a device that it may not write to only for reading.
            Errno::ACCESS | Errno::ROFS => MediumError::Protected(device.to_path_buf()),
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
    /// [`MediumError::Disk`].
    pub fn end(mut self) -> Result<(), MediumError> {
        unmount(&self.at, UnmountFlags::empty()).map_err(|error| MediumError::Disk {
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

    proptest! {
        #[test]
        fn no_head_breaks_the_look(head in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = Kind::of(&head);
        }
    }
}
