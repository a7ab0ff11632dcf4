//! The whole-disk image that flashing writes: table, GRUB, boot state, slot a, and the virgin mark in the data partition.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use posto_release::layout::{
    BIOS, BOOT_A, DATA, ESP, IMAGE_MIB, MIB, ROOT_A, STATE, VIRGIN_MARK_OFFSET, virgin_mark,
};
use posto_release::state_partition;
use posto_release::table::{Guids, make};

use super::grub::Grub;
use super::{BootError, io, sparse};

/// What a disk image consists of.
#[derive(Debug, Clone, Copy)]
pub struct DiskParts<'a> {
    /// GRUB.
    pub grub: &'a Grub,
    /// File system of partition 2.
    pub esp: &'a Path,
    /// File system of slot a's boot partition.
    pub boot: &'a Path,
    /// Slot a's root with its hash tree.
    pub root: &'a Path,
}

/// Writes the image, a sparse file. Slot b stays empty; a is committed. The same parts and GUIDs give the same bytes.
///
/// # Errors
/// When a part does not fit its partition, or a file cannot be read or written.
pub fn write(out: &Path, parts: &DiskParts<'_>, guids: &Guids) -> Result<(), BootError> {
    let mut image: File = sparse::create_empty(out, IMAGE_MIB * MIB)?;
    let put = |image: &File, offset: u64, bytes: &[u8]| {
        image
            .write_all_at(bytes, offset)
            .map_err(io(out, "written"))
    };
    for stage in make(&mut image, guids, &parts.grub.boot_code)? {
        for write in stage {
            put(&image, write.offset, &write.bytes)?;
        }
    }
    put(&image, BIOS.start_bytes(), &parts.grub.core)?;
    sparse::copy_into(
        &image,
        out,
        ESP.start_bytes(),
        parts.esp,
        "the EFI partition",
        ESP.size_bytes(),
    )?;
    put(&image, STATE.start_bytes(), &state_partition::at_install())?;
    sparse::copy_into(
        &image,
        out,
        BOOT_A.start_bytes(),
        parts.boot,
        "the boot partition",
        BOOT_A.size_bytes(),
    )?;
    sparse::copy_into(
        &image,
        out,
        ROOT_A.start_bytes(),
        parts.root,
        "the root with its hash tree",
        ROOT_A.size_bytes(),
    )?;
    put(
        &image,
        DATA.start_bytes() + VIRGIN_MARK_OFFSET,
        &virgin_mark(),
    )
}
