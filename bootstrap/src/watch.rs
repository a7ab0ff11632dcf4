//! Keeps a damaged committed slot from being booted for ever.
//!
//! dm-verity panics when a block lies, and GRUB does not learn why a boot ended. So each boot of the committed slot is
//! counted in block `w` before the root is mounted, and the daemon clears the count when the box is up. When boots did not
//! come up, the whole root is read through here; if it is damaged the failure is known before any hand-over, and the other
//! slot gets its one attempt. Power cuts alone never change the slot: they only cost the reading.

use std::fs::File;
use std::path::Path;

use posto_release::kernel_line::{KernelLine, Mode};
use posto_release::layout;
use posto_release::slot_disk::SlotDisk;
use posto_release::verity;

use crate::child;
use crate::console::Console;
use crate::decide::{rescue_is_armed, root_is_checked};
use crate::disk::Disk;
use crate::error::{InitError, doing};

fn state(disk: &Disk) -> Option<SlotDisk> {
    SlotDisk::open(Path::new(&disk.partition(layout::STATE.number)?), 0).ok()
}

/// Counts this boot, and reads the root through where earlier ones did not come up.
///
/// # Errors
/// When the root was read and is damaged.
pub fn before_root(
    disk: &Disk,
    line: &KernelLine,
    root: &str,
    console: &Console,
) -> Result<(), InitError> {
    // A state partition that cannot be used costs the counting, not the boot.
    let Some(slots) = state(disk) else {
        console.note("the boot state cannot be opened; this boot is not counted");
        return Ok(());
    };
    if line.mode != Mode::Normal {
        return Ok(());
    }
    let state = slots.read();
    if let Err(error) = slots.write(&state.begin_boot(line.slot)) {
        console.note(&error.to_string());
    }
    drop(slots);
    if root_is_checked(&state, line.slot, line.mode) {
        console.say(
            "os arranques anteriores não chegaram ao fim; o sistema está a ser verificado, pode demorar um minuto",
            "earlier boots did not finish; the system is being checked, this may take a minute",
        );
        let image = File::open(root).map_err(doing(format!("{root} cannot be opened")))?;
        verity::verify(&image, &line.verity)?;
        console.note("the root was read through and is whole");
    }
    Ok(())
}

/// After a failure of the committed slot: arms one attempt of the other slot, if that is bootable. True when it is armed.
#[must_use]
pub fn arm_rescue(disk: &Disk, line: &KernelLine, console: &Console) -> bool {
    let other = line.slot.other();
    let bootable = disk
        .partition(layout::boot(other).number)
        .is_some_and(|path| child::slot_is_bootable(&path));
    if !rescue_is_armed(Some(line.mode), bootable) {
        return false;
    }
    let armed = state(disk).is_some_and(|slots| {
        let writes = slots.read().arm_rescue(other);
        writes.is_ok_and(|writes| slots.write(&writes).is_ok())
    });
    if armed {
        console.note(&format!("slot {other} gets one attempt"));
    }
    armed
}
