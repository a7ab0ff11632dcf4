//! A slot's boot partition: kernel, initrd, slot.env and the checksums that GRUB checks.

use std::path::Path;

use posto_release::layout::BOOT_A;
use posto_release::slot_env::{self, INITRD, KERNEL, SLOT_ENV, SUMS, SlotEnv};
use sha2::{Digest, Sha256};

use super::{BootError, sparse};
use crate::tools::ToolsRoot;

/// Space that FAT16 needs for itself in a boot partition, bytes, generously.
const FAT_BYTES: u64 = 1024 * 1024;

/// What goes into a boot partition.
#[derive(Debug, Clone, Copy)]
pub struct BootFiles<'a> {
    /// The kernel's bytes.
    pub kernel: &'a [u8],
    /// The initrd's bytes.
    pub initrd: &'a [u8],
    /// The slot's description.
    pub slot_env: &'a [u8],
}

impl BootFiles<'_> {
    /// The checksum file over them.
    #[must_use]
    pub fn sums(&self) -> String {
        let hash = |bytes: &[u8]| Sha256::digest(bytes).into();
        slot_env::sums(hash(self.kernel), hash(self.initrd), hash(self.slot_env))
    }
}

/// Makes the partition's file system at `work`/boot.img, a sparse file of the partition's size.
///
/// # Errors
/// When the files do not fit, or a tool fails.
pub fn build(tools: &ToolsRoot, files: &BootFiles<'_>, work: &Path) -> Result<(), BootError> {
    let (bytes, limit) = (
        (files.kernel.len() + files.initrd.len()) as u64,
        BOOT_A.size_bytes() - FAT_BYTES,
    );
    if bytes > limit {
        return Err(BootError::TooLarge {
            what: "kernel and initrd",
            bytes,
            limit,
        });
    }
    sparse::create(&work.join(KERNEL), files.kernel)?;
    sparse::create(&work.join(INITRD), files.initrd)?;
    sparse::create(&work.join(SLOT_ENV), files.slot_env)?;
    sparse::create(&work.join(SUMS), files.sums().as_bytes())?;
    sparse::create_empty(&work.join("boot.img"), BOOT_A.size_bytes())?;
    tools.run(
        &[
            "mkfs.vfat",
            "--invariant",
            "-F",
            "16",
            "-s",
            "16",
            "-i",
            "504F5355",
            "-n",
            "POSTO-BOOT",
            "boot.img",
        ],
        work,
    )?;
    // slot.env last: a partition without it is not bootable.
    tools.run(
        &[
            "mcopy", "-i", "boot.img", KERNEL, INITRD, SUMS, SLOT_ENV, "::/",
        ],
        work,
    )?;
    Ok(())
}

/// The slot.env bytes of a release.
///
/// # Errors
/// When they do not fit the file.
pub fn slot_env(env: &SlotEnv) -> Result<Vec<u8>, BootError> {
    Ok(env.to_bytes()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_lines_that_sha256sum_writes() {
        let files = BootFiles {
            kernel: b"",
            initrd: b"abc",
            slot_env: b"",
        };
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  vmlinuz\n\
                        ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  initrd.img\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  slot.env\n";
        assert_eq!(files.sums(), expected);
    }
}
