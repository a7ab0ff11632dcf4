//! The release's disk image in a whole machine: to an answering page on both firmwares, and to the fallbacks when parts of
//! the disk lie or are gone.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test qemu_boot -- --test-threads=1 --nocapture`
//!
//! Each machine's serial log is kept beside the test programs when its test fails.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test's steps fail by panicking, with the error in the message"
)]

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use posto_release::layout::{self, DATA, MIB};
use posto_release::slot::{Slot, Watch};
use posto_release::verity;
use posto_tests::qemu::site::{BOOT_LIMIT, DISK_BYTES, OPEN_LIMIT};
use posto_tests::qemu::{Firmware, Site};
use posto_tests::{command, release};

const HANDED_OVER: &str = "GRUB: booting";

fn answers_through_the_door(firmware: Firmware) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(firmware.name());
    let site = Site::new(&folder, &release::disk_image().unwrap()).unwrap();
    let start = Instant::now();
    let mut machine = site.start_by(firmware).unwrap();
    machine.wait_for(HANDED_OVER, BOOT_LIMIT).unwrap();
    let handed_over = start.elapsed();
    site.wait_for_open_door(OPEN_LIMIT).unwrap();
    println!(
        "{}: GRUB handed over after {:.0} s, the page answered after {:.0} s",
        firmware.name(),
        handed_over.as_secs_f64(),
        start.elapsed().as_secs_f64()
    );
    machine.power_off().unwrap();
}

#[test]
fn the_disk_image_boots_on_bios_until_the_page_answers() {
    answers_through_the_door(Firmware::Bios);
}

#[test]
fn the_disk_image_boots_on_uefi_until_the_page_answers() {
    answers_through_the_door(Firmware::Uefi);
}

/// A writable copy of the disk image, with slot b filled as slot a is.
fn site(test: &str) -> Site {
    let image = release::disk_image().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let made = Site::new(&folder, &image).unwrap();
    made.fill_slot_b(&image).unwrap();
    made
}

fn flip(site: &Site, at: u64) {
    let byte = site.read(at, 1).unwrap()[0];
    site.overwrite(at, &[byte ^ 1]).unwrap();
}

#[test]
fn a_flipped_byte_in_the_committed_root_ends_in_the_other_slot_and_not_in_a_loop() {
    let ground = site("corrupt-committed");
    // The erofs superblock: the first thing that a mount reads.
    flip(&ground, layout::ROOT_A.start_bytes() + 1024);
    let mut machine = ground.start().unwrap();
    for boot in 1..=2 {
        machine
            .wait_for("GRUB: slot a mode normal", BOOT_LIMIT)
            .unwrap();
        let said = machine.wait_for("Kernel panic", BOOT_LIMIT).unwrap();
        assert!(
            said.contains("posto.mode=normal") || !said.contains("mode rescue"),
            "boot {boot}: {said}"
        );
        assert_eq!(
            ground.state().unwrap().read().w,
            Some(Watch {
                slot: Slot::A,
                unfinished: boot
            })
        );
    }
    machine
        .wait_for("GRUB: slot a mode normal", BOOT_LIMIT)
        .unwrap();
    machine
        .wait_for("earlier boots did not finish", BOOT_LIMIT)
        .unwrap();
    machine
        .wait_for("the next boot tries slot b", BOOT_LIMIT)
        .unwrap();
    machine
        .wait_for("GRUB: slot b mode rescue", BOOT_LIMIT)
        .unwrap();
    ground.wait_for_userspace(BOOT_LIMIT).unwrap();
    let state = ground.state().unwrap().read();
    assert_eq!(
        (state.committed(), state.pending_trial()),
        (Some(Slot::A), None),
        "the commit stands, the attempt is used"
    );
}

#[test]
fn a_trial_with_a_flipped_byte_in_its_root_falls_back_after_three_attempts() {
    let ground = site("corrupt-trial");
    flip(&ground, layout::ROOT_B.start_bytes() + 1024);
    let slots = ground.state().unwrap();
    slots
        .write(&slots.read().arm_trial(Slot::B, 3).unwrap())
        .unwrap();
    let mut machine = ground.start().unwrap();
    for _ in 0..3 {
        machine
            .wait_for("GRUB: slot b mode trial", BOOT_LIMIT)
            .unwrap();
        machine.wait_for("Kernel panic", BOOT_LIMIT).unwrap();
    }
    machine
        .wait_for("GRUB: slot a mode normal", BOOT_LIMIT)
        .unwrap();
    ground.wait_for_userspace(BOOT_LIMIT).unwrap();
}

#[test]
fn an_overwritten_committed_root_ends_in_the_other_slot() {
    let ground = site("root-gone");
    ground
        .overwrite(layout::ROOT_A.start_bytes(), &vec![0; 8 << 20])
        .unwrap();
    let mut machine = ground.start().unwrap();
    machine
        .wait_for("GRUB: slot b mode rescue", BOOT_LIMIT)
        .unwrap();
    ground.wait_for_userspace(BOOT_LIMIT).unwrap();
}

/// The plug is pulled at several moments of the first boot; the last boot must find or make one whole file system.
#[test]
fn a_power_cut_while_the_data_file_system_is_made_costs_nothing() {
    let ground = site("cut-mkfs");
    for after_ms in [0, 100, 400, 1000, 2000] {
        let mut machine = ground.start().unwrap();
        machine.wait_for(HANDED_OVER, BOOT_LIMIT).unwrap();
        // Only the first boots make a file system; once it stands, the cut falls into a normal boot.
        if machine
            .serial
            .wait_for(&["new disk: preparing"], Duration::from_secs(20))
            .is_ok()
        {
            machine
                .serial
                .wait_for(&["does not start"], Duration::from_millis(after_ms))
                .unwrap_err();
        }
        machine.power_off().unwrap();
    }
    let mut machine = ground.start().unwrap();
    machine.wait_for(HANDED_OVER, BOOT_LIMIT).unwrap();
    ground.wait_for_userspace(BOOT_LIMIT).unwrap();
    let said = machine.serial.so_far();
    assert!(!said.contains("does not start"), "{said}");
    machine.power_off().unwrap();
    let mark = ground
        .read(
            DATA.start_bytes() + layout::VIRGIN_MARK_OFFSET,
            layout::VIRGIN_MARK_BYTES,
        )
        .unwrap();
    assert_ne!(mark, layout::virgin_mark(), "the raw mark is gone");
}

/// The data partition through its life: made once, never made again, whatever happens to it.
#[test]
fn data_is_never_taken_for_absent_and_the_root_stays_as_it_was() {
    let ground = site("data");
    let mut machine = ground.start().unwrap();
    machine
        .wait_for("new disk: preparing the data partition", BOOT_LIMIT)
        .unwrap();
    ground.wait_for_userspace(BOOT_LIMIT).unwrap();
    machine.power_off().unwrap();

    let superblock = ground.read(DATA.start_bytes(), 4096).unwrap();
    assert!(superblock.starts_with(b"XFSB"));
    let sectors = |bytes: &[u8]| u64::from_be_bytes(bytes[8..16].try_into().unwrap());
    assert!(
        sectors(&superblock) * 4096 > DISK_BYTES - DATA.start_bytes() - 3 * MIB,
        "the partition has grown to the disk's end"
    );

    // A destroyed superblock: said, not mended by a fresh file system.
    ground.overwrite(DATA.start_bytes(), &[0; 4096]).unwrap();
    let mut machine = ground.start().unwrap();
    machine
        .wait_for(
            "there is no recognisable file system on the data partition",
            BOOT_LIMIT,
        )
        .unwrap();
    ground.wait_for_userspace(BOOT_LIMIT).unwrap();
    machine.power_off().unwrap();
    let after = ground.read(DATA.start_bytes(), 4096).unwrap();
    assert!(
        after.iter().all(|byte| *byte == 0),
        "nothing was written where the file system was"
    );

    // With its superblock back the same data is used again.
    ground.overwrite(DATA.start_bytes(), &superblock).unwrap();
    let mut machine = ground.start().unwrap();
    machine.wait_for(HANDED_OVER, BOOT_LIMIT).unwrap();
    ground.wait_for_userspace(BOOT_LIMIT).unwrap();
    let said = machine.serial.so_far();
    assert!(
        !said.contains("does not start") && !said.contains("new disk"),
        "{said}"
    );
    machine.power_off().unwrap();

    let env = slot_a_verity(&ground);
    let root = ground.folder.join("root.img");
    command::run(&[
        "dd",
        "status=none",
        "bs=1M",
        "conv=sparse",
        &format!("if={}", ground.path.display()),
        &format!("of={}", root.display()),
        &format!("skip={}", layout::ROOT_A.start_mib),
        &format!("count={}", layout::ROOT_A.size_mib),
    ])
    .unwrap();
    verity::verify(&File::open(&root).unwrap(), &env)
        .expect("three boots left the root as it was built");
}

/// The verity target in slot.env, found by its signature: slot a's boot partition is a FAT.
fn slot_a_verity(site: &Site) -> verity::VerityTarget {
    let length = usize::try_from(layout::BOOT_A.size_bytes()).unwrap();
    let bytes = site.read(layout::BOOT_A.start_bytes(), length).unwrap();
    let signature = posto_release::env_block::SIGNATURE.as_bytes();
    let at = bytes
        .windows(signature.len())
        .position(|window| window == signature)
        .unwrap();
    posto_release::slot_env::SlotEnv::parse(&bytes[at..at + 1024])
        .unwrap()
        .verity
}
