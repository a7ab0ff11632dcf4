//! The boot chain's bytes: GRUB for both firmwares, the initrd, a slot's boot partition, the whole disk.

pub mod bootslot;
pub mod disk;
pub mod grub;
pub mod initrd;
mod modules;
mod sparse;

use std::path::PathBuf;

use thiserror::Error;

use crate::tools::ToolError;

/// Why a part of the boot chain could not be built.
#[derive(Debug, Error)]
pub enum BootError {
    /// A tool of the tools root failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file of the build could not be read or written.
    #[error(
        "{path} cannot be {what}: {source}; nothing that was built before is changed, run the build again"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `written`.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something does not fit its place on the disk, which is fixed for ever.
    #[error(
        "{what} has {bytes} bytes and its place on the disk takes {limit}; boxes in the field cannot be repartitioned, so the release is refused: make it smaller"
    )]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The place's size.
        limit: u64,
    },
    /// A kernel module that the initrd needs is not in the root.
    #[error(
        "the kernel module {0}, without which boxes do not find their disk, is neither built in nor among the root's modules; look at the pruning of modules"
    )]
    NoModule(String),
    /// A tool made something unexpected.
    #[error(
        "GRUB's {0} is not what this builder knows ({1}); its version in the tools root has changed: compare with grub-bios-setup before shipping"
    )]
    Grub(&'static str, &'static str),
    /// The slot description does not fit.
    #[error(transparent)]
    SlotEnv(#[from] posto_release::slot_env::SlotEnvError),
    /// The partition table could not be computed.
    #[error(transparent)]
    Table(#[from] posto_release::table::TableError),
}

/// Names the file in an I/O error.
fn io(path: &std::path::Path, what: &'static str) -> impl FnOnce(std::io::Error) -> BootError {
    let path = path.to_owned();
    move |source| BootError::Io { path, what, source }
}
