//! The disk that carries the data partition, and its other partitions: by number, as the layout fixes them for ever,
//! from sysfs alone (udev may not have run yet, and a second disk may carry the same names).

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use posto_release::layout::Partition;

/// Why a partition was not found.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The data are on no partition.
    #[error("the data at {path} are not on a partition of a disk: {source}")]
    NoPartition {
        /// The data's directory.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A partition with this number is not on the disk.
    #[error("the disk {disk} has no partition {number} ({name})")]
    Missing {
        /// The disk's name.
        disk: String,
        /// Partition number.
        number: u32,
        /// Its name in the layout.
        name: &'static str,
    },
}

/// A disk, by its directory in sysfs.
#[derive(Debug)]
pub struct Disk {
    sysfs: PathBuf,
}

impl Disk {
    /// The disk that the file system of `data` lies on.
    ///
    /// # Errors
    /// [`DiskError::NoPartition`], also for file systems without a disk.
    pub fn of(data: &Path) -> Result<Self, DiskError> {
        let failed = |source| DiskError::NoPartition {
            path: data.to_path_buf(),
            source,
        };
        let device = std::fs::metadata(data).map_err(failed)?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let partition =
            std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).map_err(failed)?;
        if !partition.join("partition").exists() {
            return Err(failed(std::io::ErrorKind::NotFound.into()));
        }
        let sysfs = partition
            .parent()
            .ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?
            .to_path_buf();
        Ok(Self { sysfs })
    }

    /// The disk's own device node.
    #[must_use]
    pub fn device(&self) -> PathBuf {
        Path::new("/dev").join(self.sysfs.file_name().unwrap_or_default())
    }

    /// Whether it has heads that move (`queue/rotational` of Documentation/ABI/stable/sysfs-block); a disk that does not say
    /// has none.
    #[must_use]
    pub fn is_rotational(&self) -> bool {
        std::fs::read_to_string(self.sysfs.join("queue/rotational"))
            .is_ok_and(|text| text.trim() == "1")
    }

    /// Its size in bytes (`size` of Documentation/ABI/stable/sysfs-block: sectors of 512 bytes). `None` where it is not said.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let text = std::fs::read_to_string(self.sysfs.join("size")).ok()?;
        text.trim().parse::<u64>().ok()?.checked_mul(512)
    }

    /// The device node of a partition.
    ///
    /// # Errors
    /// [`DiskError::Missing`].
    pub fn partition(&self, partition: &Partition) -> Result<PathBuf, DiskError> {
        let number = partition.number.to_string();
        std::fs::read_dir(&self.sysfs)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .find(|entry| {
                std::fs::read_to_string(entry.path().join("partition"))
                    .is_ok_and(|text| text.trim() == number)
            })
            .map(|entry| Path::new("/dev").join(entry.file_name()))
            .ok_or_else(|| DiskError::Missing {
                disk: self
                    .sysfs
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                number: partition.number,
                name: partition.name,
            })
    }
}
