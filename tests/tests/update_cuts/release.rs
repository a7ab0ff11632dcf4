//! Small releases put into the slot.

use std::os::unix::fs::FileExt;
use std::path::Path;

use posto::update::slot::{Filling, Slot, SlotError};
use posto_release::verity::BLOCK_BYTES;

use super::ground_of_slots::{ROOM, release};

/// Room in the slot, bytes.
pub(crate) const SLOT_BYTES: u64 = ROOM * BLOCK_BYTES as u64;
const FRAME_BYTES: usize = 256 << 10;

pub(crate) fn slot(at: &Path) -> Slot {
    Slot {
        root: at.join("root"),
        boot: at.join("boot"),
    }
}

/// Fills the slot below `at` with the release of this number, as frames come: in parts, each flushed.
pub(crate) fn stage(at: &Path, number: u8) -> Result<String, SlotError> {
    let name = format!("2026.11-{number}");
    let release = release(&name, number);
    let filling = Filling::begin(slot(at), release.manifest)?;
    for (part, number) in release.root.chunks(FRAME_BYTES).zip(0..) {
        filling
            .root()
            .write_all_at(part, number * FRAME_BYTES as u64)
            .unwrap();
        filling.root().sync_data().unwrap();
    }
    let staged = filling.finish(&mut &release.kernel[..], &mut &release.initrd[..])?;
    assert_eq!(staged.env().release.as_str(), name);
    Ok(name)
}
