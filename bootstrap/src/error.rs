//! Why the initrd could not hand over.

use std::io;

use posto_release::kernel_line::{KernelLineError, PartUuid};
use posto_release::slot_disk::SlotDiskError;
use posto_release::table::TableError;
use posto_release::verity::VerityError;
use thiserror::Error;

/// A failure that ends in a restart. None of them writes to the data partition.
#[derive(Debug, Error)]
pub enum InitError {
    /// A system call or file operation.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried, on what.
        doing: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel line is not GRUB's.
    #[error(transparent)]
    KernelLine(#[from] KernelLineError),
    /// No disk carries the root partition.
    #[error(
        "no disk with the root partition {root} appeared within {seconds} s; disks seen: {seen}. Check the disk's cables, or replace it"
    )]
    NoDisk {
        /// Its GUID.
        root: PartUuid,
        /// How long was waited.
        seconds: u64,
        /// What was there instead.
        seen: String,
    },
    /// The table could not be mended.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The boot state could not be written.
    #[error(transparent)]
    State(#[from] SlotDiskError),
    /// The root does not verify.
    #[error(transparent)]
    Root(#[from] VerityError),
    /// The root's partition is smaller than the release says.
    #[error(
        "the root partition has {partition} bytes and the release in it needs {needed}: the slot holds something else"
    )]
    RootTooLarge {
        /// Bytes of the partition.
        partition: u64,
        /// Bytes of data and tree.
        needed: u64,
    },
    /// A program of the root failed.
    #[error("{program} failed ({status}): {output}")]
    Child {
        /// Which.
        program: String,
        /// How it ended.
        status: String,
        /// Its last words.
        output: String,
    },
}

/// Names what was tried.
pub fn doing<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> InitError {
    let doing = what.into();
    move |source| InitError::Io {
        doing,
        source: source.into(),
    }
}
