//! Makes the stamped slot the one that boots, after it was proven to hold the stamped release, whole.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use posto_release::layout;
use posto_release::slot::{BootState, Slot};
use posto_release::slot_disk::{SlotDisk, SlotDiskError};
use posto_release::slot_env::{SLOT_ENV, SLOT_ENV_BYTES, SlotEnv, SlotEnvError};
use posto_release::verity::{self, VerityError};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::stamp::Stamp;
use crate::system::block::{Disk, DiskError};

/// Where the slot's boot partition is looked at.
const LOOK: &str = "/run/posto/slot";

/// Why the slot is not made the one that boots. The boot state was written only where [`RepairError::State`] says so.
#[derive(Debug, thiserror::Error)]
pub(super) enum RepairError {
    /// A partition is missing.
    #[error("{0}")]
    Disk(#[from] DiskError),
    /// The boot partition cannot be read.
    #[error("its boot partition {path} cannot be read: {source}")]
    Boot {
        /// The device.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// No release in it.
    #[error("{0}")]
    SlotEnv(#[from] SlotEnvError),
    /// Another release in it.
    #[error("it holds release {0}, not the one of the data")]
    OtherRelease(String),
    /// The root cannot be opened.
    #[error("its root partition {path} cannot be read: {source}")]
    Root {
        /// The device.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The root is damaged.
    #[error("{0}")]
    Verity(#[from] VerityError),
    /// The boot state.
    #[error("{0}")]
    State(#[from] SlotDiskError),
}

/// Proves that the slot holds the stamped release, whole. Reads all of its root: 4 GiB take minutes on an old disk.
pub(super) fn prove(disk: &Disk, slot: Slot, stamp: &Stamp) -> Result<(), RepairError> {
    let boot = disk.partition(layout::boot(slot))?;
    let slot_env = read_slot_env(&boot).map_err(|source| RepairError::Boot {
        path: boot.clone(),
        source,
    })?;
    let found = SlotEnv::parse(&slot_env)?;
    if stamp.root_hash.as_deref() != Some(hex::encode(found.verity.root_hash).as_str()) {
        return Err(RepairError::OtherRelease(
            found.release.as_str().to_string(),
        ));
    }
    let root = disk.partition(layout::root(slot))?;
    let image = File::open(&root).map_err(|source| RepairError::Root {
        path: root.clone(),
        source,
    })?;
    Ok(verity::verify(&image, &found.verity)?)
}

/// Commits the slot in the boot state.
pub(super) fn commit(disk: &Disk, slot: Slot) -> Result<(), RepairError> {
    let state = SlotDisk::open(&disk.partition(&layout::STATE)?, 0)?;
    Ok(state.write(&BootState::commit(slot))?)
}

fn read_slot_env(boot: &Path) -> std::io::Result<Vec<u8>> {
    let look = Path::new(LOOK);
    std::fs::create_dir_all(look)?;
    let flags = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(boot, look, "vfat", flags, None)?;
    let read = File::open(look.join(SLOT_ENV)).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(SLOT_ENV_BYTES as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    unmount(look, UnmountFlags::DETACH)?;
    read
}
