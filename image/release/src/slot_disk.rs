//! Reads and writes the boot state on partition 3.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use thiserror::Error;

use crate::layout::STATE_BLOCK_BYTES;
use crate::slot::{Block, BlockWrite, BootState};

/// Why the boot state could not be read or written.
#[derive(Debug, Error)]
pub enum SlotDiskError {
    /// Opening, reading or writing failed.
    #[error("the boot state on {path} cannot be {what}: {source}; the box keeps booting as before")]
    Io {
        /// The device or image.
        path: PathBuf,
        /// `opened`, `read`, `written`.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The disk did not keep what was written.
    #[error(
        "the boot state on {path} does not read back as written (block {block:?}); the disk is failing and should be replaced"
    )]
    ReadBack {
        /// The device or image.
        path: PathBuf,
        /// Which block.
        block: Block,
    },
}

/// O_DIRECT wants the memory aligned as the disk's blocks are.
#[repr(C, align(4096))]
struct Aligned([u8; STATE_BLOCK_BYTES]);

/// Partition 3, opened past the page cache: what is read stands on the disk, what is written is durable on return.
#[derive(Debug)]
pub struct SlotDisk {
    file: File,
    path: PathBuf,
    start: u64,
}

impl SlotDisk {
    /// Opens the state partition, or an image in which it begins at `start` bytes.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, start: u64) -> Result<Self, SlotDiskError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::DSYNC;
        // tmpfs, where tests keep images, has no O_DIRECT; a disk has.
        let fd = rustix::fs::open(path, flags | OFlags::DIRECT, Mode::empty())
            .or_else(|_| rustix::fs::open(path, flags, Mode::empty()))
            .map_err(|error| SlotDiskError::Io {
                path: path.to_owned(),
                what: "opened",
                source: error.into(),
            })?;
        Ok(Self {
            file: File::from(fd),
            path: path.to_owned(),
            start,
        })
    }

    fn read_block(&self, block: Block) -> Result<Box<Aligned>, SlotDiskError> {
        let mut bytes = Box::new(Aligned([0; STATE_BLOCK_BYTES]));
        self.file
            .read_exact_at(&mut bytes.0, self.start + block.offset())
            .map_err(|source| SlotDiskError::Io {
                path: self.path.clone(),
                what: "read",
                source,
            })?;
        Ok(bytes)
    }

    /// Reads the boot state. A block that cannot be read counts as damaged, as it does for GRUB.
    #[must_use]
    pub fn read(&self) -> BootState {
        let block = |block| {
            self.read_block(block)
                .map_or([0; STATE_BLOCK_BYTES], |bytes| bytes.0)
        };
        BootState::decode(
            &block(Block::C1),
            &block(Block::C2),
            &block(Block::T),
            &block(Block::W),
        )
    }

    /// Writes the blocks in this order, each durable and read back before the next.
    ///
    /// # Errors
    /// When a write fails or does not read back; the blocks after it are then not written.
    pub fn write(&self, writes: &[BlockWrite]) -> Result<(), SlotDiskError> {
        for BlockWrite { block, bytes } in writes {
            let aligned = Box::new(Aligned(**bytes));
            self.file
                .write_all_at(&aligned.0, self.start + block.offset())
                .map_err(|source| SlotDiskError::Io {
                    path: self.path.clone(),
                    what: "written",
                    source,
                })?;
            if self.read_block(*block)?.0 != aligned.0 {
                return Err(SlotDiskError::ReadBack {
                    path: self.path.clone(),
                    block: *block,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::slot::Slot;

    #[test]
    fn a_commit_written_to_an_image_is_read_back() {
        let mut image = tempfile::NamedTempFile::new().unwrap();
        image.write_all(&[0; 4096]).unwrap();
        image
            .write_all(&crate::state_partition::at_install())
            .unwrap();
        let disk = SlotDisk::open(image.path(), 4096).unwrap();
        disk.write(&disk.read().arm_trial(Slot::B, 3).unwrap())
            .unwrap();
        assert_eq!(disk.read().next(), Slot::B);
        disk.write(&BootState::commit(Slot::B)).unwrap();
        assert_eq!(
            disk.read(),
            BootState {
                c1: Some(Slot::B),
                c2: Some(Slot::B),
                t: None,
                w: None
            }
        );
    }
}
