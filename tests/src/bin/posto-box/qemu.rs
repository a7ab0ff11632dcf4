//! The disk image under emulation.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, Result};
use posto_tests::qemu::machine::overlay;
use posto_tests::qemu::{Disk, Firmware, Machine, Setup};
use posto_tests::wait;

use crate::{FOREVER, wait_answer, watch_signals};

/// The disk of the pretended box, bytes.
const DISK_BYTES: u64 = 16 << 30;

/// `--firmware`'s values.
pub(crate) fn firmware(name: &str) -> Result<Firmware, String> {
    match name {
        "bios" => Ok(Firmware::Bios),
        "uefi" => Ok(Firmware::Uefi),
        _ => Err("bios or uefi".into()),
    }
}

/// Boots the release's disk image; changes go to an overlay in `state`.
pub(crate) fn run(
    release: &Path,
    state: &Path,
    firmware: Firmware,
    fresh: bool,
    port: u16,
    once: bool,
) -> Result<()> {
    std::fs::create_dir_all(state)?;
    let image = release.join("disk.img");
    let made = std::fs::metadata(&image)
        .with_context(|| format!("{} is not there: build the image first", image.display()))?
        .modified()?;
    let disk = state.join("disk.qcow2");
    // An overlay holds changes of one image; on top of another they would be noise.
    let stale = std::fs::metadata(&disk)
        .and_then(|disk| disk.created().or_else(|_| disk.modified()))
        .is_ok_and(|time| time < made);
    if stale {
        println!("start: the image is newer than the box's disk: beginning with a new disk");
    }
    if fresh || stale || !disk.exists() {
        overlay(&image, &disk, DISK_BYTES)?;
    }
    let interrupted = watch_signals()?;
    let start = Instant::now();
    let machine = Machine::start(&Setup::small_box(firmware, Disk::Qcow2(&disk), port, state))?;
    let log = machine.serial.log().display();
    println!(
        "start: {} boots under emulation (minutes); serial line: {log}",
        firmware.name()
    );
    wait_answer(&format!("http://127.0.0.1:{port}"), &interrupted, start)?;
    println!("\n  OpenMRS:   http://127.0.0.1:{port}/openmrs/");
    if !once {
        println!("  stop:      Ctrl-C pulls the plug; the disk is kept, --fresh forgets it");
        wait::until("Ctrl-C", FOREVER, || {
            Ok(interrupted.load(Ordering::Relaxed).then_some(()))
        })?;
    }
    machine.power_off()
}
