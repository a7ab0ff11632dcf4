//! Why a slot was not filled. The running slot and the data are never touched by it.

use std::path::{Path, PathBuf};

use posto_release::kernel_line::KernelLineError;
use posto_release::slot_env::SlotEnvError;
use posto_release::verity::VerityError;

use crate::system::durable::DurableError;

/// Why a slot was not filled: it is not bootable then, and the box goes on with the running release.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// The partition.
    #[error(
        "{path} cannot be {what}: {source}; the new release is not staged, the running one goes on"
    )]
    Io {
        /// Which.
        path: PathBuf,
        /// `opened`, `written`, ...
        what: &'static str,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The boot partition's files.
    #[error("{0}; the new release is not staged, the running one goes on")]
    File(#[from] DurableError),
    /// The release is larger than the slot.
    #[error(
        "the new release needs {needs_bytes} bytes, the slot has {has_bytes}; it is not for this box, and nothing was written"
    )]
    TooSmall {
        /// The slot.
        has_bytes: u64,
        /// Root and tree.
        needs_bytes: u64,
    },
    /// The manifest lacks a file that a slot needs, or gives it a length that no slot has.
    #[error("the new release's manifest has no usable {0}; nothing was written")]
    NoFile(&'static str),
    /// A name that no kernel line carries.
    #[error("the new release cannot be booted: {0}; nothing was written")]
    Name(#[from] KernelLineError),
    /// A description that does not fit.
    #[error("the new release cannot be booted: {0}; nothing was written")]
    Env(#[from] SlotEnvError),
    /// Root or tree are not the release's, or were not kept by the disk.
    #[error(
        "{0}; the new release is not staged, the running one goes on. It is written again at the next try; if that fails, too, the disk is failing"
    )]
    Root(#[from] VerityError),
    /// Kernel or initrd are others.
    #[error(
        "the new release's {0} is not what its manifest says; it is not staged, fetch it again"
    )]
    NotTheManifests(&'static str),
    /// The disk did not keep what was written.
    #[error(
        "{0} does not read back as it was written: the disk is failing and should be replaced; the new release is not staged, the running one goes on"
    )]
    ReadBack(PathBuf),
}

/// What the kernel said about `path`.
pub(super) fn at(path: &Path, what: &'static str) -> impl Fn(std::io::Error) -> SlotError + use<> {
    let path = path.to_path_buf();
    move |source| SlotError::Io {
        path: path.clone(),
        what,
        source,
    }
}
