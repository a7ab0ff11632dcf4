//! GRUB for BIOS (boot.img, core.img) and UEFI (BOOTX64.EFI), both with the same script inside.

use std::path::Path;

use posto_release::layout::{BIOS, ESP, MIB};

use super::{BootError, io, sparse};
use crate::tools::ToolsRoot;

/// The script that decides which slot boots.
pub const SCRIPT: &str = include_str!("grub.cfg");

/// Runs before the script: `$root` is still the device that the firmware loaded GRUB from.
const EARLY: &str = "set bootdev=$root\nset prefix=(memdisk)/g\n";

/// What the script uses, and what it needs to read our partitions.
const MODULES: [&str; 24] = [
    "part_gpt",
    "fat",
    "loadenv",
    "regexp",
    "test",
    "echo",
    "linux",
    "boot",
    "serial",
    "terminal",
    "normal",
    "configfile",
    "sleep",
    "reboot",
    "probe",
    "hashsum",
    "gcry_sha256",
    "memdisk",
    "tar",
    "true",
    "eval",
    "minicmd",
    "extcmd",
    "halt",
];
const MODULES_BIOS: [&str; 2] = ["biosdisk", "vga_text"];
const MODULES_EFI: [&str; 2] = ["efi_gop", "efi_uga"];

/// boot.img: where it keeps the sector of core.img (u64), and the jump that a hard disk's copy has removed.
/// Source: GRUB 2.12 include/grub/i386/pc/boot.h, util/setup.c.
const KERNEL_SECTOR_AT: usize = 0x5C;
const DRIVE_CHECK_AT: usize = 0x66;
/// core.img, first sector: the list of the rest's sectors; first entry at the sector's end.
const BLOCK_LIST_AT: usize = 512 - 12;
/// core.img is loaded here after its first sector (GRUB_BOOT_I386_PC_KERNEL_SEG + 0x20).
const LOAD_SEGMENT: u16 = 0x0820;

/// GRUB's bytes for a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grub {
    /// The first 440 bytes of the disk.
    pub boot_code: [u8; 440],
    /// Contents of partition 1.
    pub core: Vec<u8>,
    /// `\EFI\BOOT\BOOTX64.EFI`.
    pub efi: Vec<u8>,
}

/// A tar with the script as `g/grub.cfg`, the same bytes every time.
fn memdisk() -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(SCRIPT.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "g/grub.cfg", SCRIPT.as_bytes())?;
    archive.into_inner()
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(what) {
        *to = *from;
    }
}

/// Does what grub-bios-setup does for a hard disk whose core.img lies in partition 1 in one piece.
fn place_bios(boot: &[u8], core: &mut [u8]) -> Result<[u8; 440], BootError> {
    let first = BIOS.first_sector();
    if core.len() as u64 > BIOS.size_bytes() {
        return Err(BootError::TooLarge {
            what: "core.img",
            bytes: core.len() as u64,
            limit: BIOS.size_bytes(),
        });
    }
    if boot.len() != 512 || !boot.ends_with(&[0x55, 0xAA]) {
        return Err(BootError::Grub("boot.img", "not a boot sector"));
    }
    let rest = u16::try_from(core.len().div_ceil(512) - 1)
        .unwrap_or(0)
        .to_le_bytes();
    let made = core
        .get(BLOCK_LIST_AT + 8..BLOCK_LIST_AT + 12)
        .unwrap_or_default();
    if made != [rest, LOAD_SEGMENT.to_le_bytes()].concat() {
        return Err(BootError::Grub(
            "core.img",
            "its block list has another place or form",
        ));
    }
    put(core, BLOCK_LIST_AT, &(first + 1).to_le_bytes());
    let mut code = [0_u8; 440];
    put(&mut code, 0, boot);
    put(&mut code, KERNEL_SECTOR_AT, &first.to_le_bytes());
    put(&mut code, DRIVE_CHECK_AT, &[0x90, 0x90]);
    Ok(code)
}

/// Builds GRUB in `work`, an empty folder.
///
/// # Errors
/// When a tool fails or its output is not what is known.
pub fn build(tools: &ToolsRoot, work: &Path) -> Result<Grub, BootError> {
    let disk = memdisk().map_err(io(work, "written"))?;
    sparse::create(&work.join("memdisk.tar"), &disk)?;
    sparse::create(&work.join("early.cfg"), EARLY.as_bytes())?;
    let image = |format: &str, own: &[&str], name: &str| -> Result<Vec<u8>, BootError> {
        let modules = format!("/usr/lib/grub/{format}");
        // -p after -m: -m would set the prefix to a path of its own.
        let mut argv = vec![
            "grub-mkimage",
            "-O",
            format,
            "-d",
            &modules,
            "-m",
            "memdisk.tar",
            "-p",
            "/g",
        ];
        argv.extend(["-c", "early.cfg", "-o", name]);
        argv.extend(MODULES);
        argv.extend(own);
        tools.run(&argv, work)?;
        sparse::read(&work.join(name), ESP.size_bytes())
    };
    let mut core = image("i386-pc", &MODULES_BIOS, "core.img")?;
    let efi = image("x86_64-efi", &MODULES_EFI, "BOOTX64.EFI")?;
    let boot = sparse::read(&tools.path().join("usr/lib/grub/i386-pc/boot.img"), MIB)?;
    let boot_code = place_bios(&boot, &mut core)?;
    Ok(Grub {
        boot_code,
        core,
        efi,
    })
}

/// Makes the file system of partition 2 at `work`/esp.img.
///
/// # Errors
/// When a tool fails.
pub fn esp(tools: &ToolsRoot, grub: &Grub, work: &Path) -> Result<(), BootError> {
    sparse::create(&work.join("BOOTX64.EFI"), &grub.efi)?;
    sparse::create_empty(&work.join("esp.img"), ESP.size_bytes())?;
    tools.run(
        &[
            "mkfs.vfat",
            "--invariant",
            "-F",
            "32",
            "-s",
            "1",
            "-i",
            "504F5354",
            "-n",
            "POSTO-ESP",
            "esp.img",
        ],
        work,
    )?;
    tools.run(&["mmd", "-i", "esp.img", "::/EFI", "::/EFI/BOOT"], work)?;
    tools.run(
        &[
            "mcopy",
            "-i",
            "esp.img",
            "BOOTX64.EFI",
            "::/EFI/BOOT/BOOTX64.EFI",
        ],
        work,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use posto_release::kernel_line::ReleaseName;
    use posto_release::slot::{Block, BootState, Slot};
    use posto_release::slot_env::SlotEnv;
    use posto_release::verity::VerityTarget;

    use super::*;

    const GOLDEN: &str = include_str!("golden.txt");

    fn text(bytes: &[u8]) -> String {
        let end = bytes
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(bytes.len());
        String::from_utf8(bytes[..end].to_vec())
            .unwrap()
            .trim_end_matches('#')
            .to_owned()
    }

    /// Everything that GRUB at a box and a later release must agree on.
    fn contract() -> String {
        let mut out = format!("== early\n{EARLY}== script\n{SCRIPT}");
        for block in Block::ALL {
            out += &format!("== {block:?} at {}\n", block.offset());
        }
        let state = BootState {
            c1: Some(Slot::A),
            ..BootState::default()
        };
        let writes = [
            ("install", BootState::at_install()),
            ("arm trial b", state.arm_trial(Slot::B, 3).unwrap()),
            ("arm rescue b", state.arm_rescue(Slot::B).unwrap()),
            ("commit b", BootState::commit(Slot::B)),
        ];
        for (name, writes) in writes {
            for write in writes {
                out += &format!(
                    "== {name}: {:?}\n{}",
                    write.block,
                    text(write.bytes.as_slice())
                );
            }
        }
        let env = SlotEnv {
            release: ReleaseName::parse("2026.11-1").unwrap(),
            verity: VerityTarget {
                data_blocks: 3,
                hash_start: 3,
                root_hash: [0xab; 32],
                salt: vec![0xcd; 32],
            },
        };
        out += &format!("== slot.env\n{}", text(&env.to_bytes().unwrap()));
        out
    }

    #[test]
    fn the_boot_area_that_boxes_carry_is_unchanged() {
        let contract = contract();
        if contract != GOLDEN {
            let made = std::env::temp_dir().join("posto-boot-contract.txt");
            sparse::create(&made, contract.as_bytes()).unwrap();
            panic!(
                "GRUB's script, the boot state's blocks or slot.env have changed ({} against golden.txt).\n\
                 The boot area is written to a box once, at install, and never again: the GRUB of release 1 must boot every later\n\
                 release, and its blocks are read by every later daemon. A box that was installed with the old script keeps it.\n\
                 If no box has been installed yet, or old script and new release were shown to work together by\n\
                 `cargo test -p posto-tests --test handover`, copy that file over golden.txt and say in the commit why.",
                made.display()
            );
        }
    }

    #[test]
    fn the_script_reads_the_blocks_where_they_are_written() {
        let sector = |block: Block| block.offset() / 512;
        assert!(SCRIPT.contains(&format!(
            "for off in {} {}; do",
            sector(Block::C2),
            sector(Block::C1)
        )));
    }

    #[test]
    fn an_unknown_block_list_in_core_img_is_refused() {
        let mut boot = vec![0; 512];
        put(&mut boot, 510, &[0x55, 0xAA]);
        let mut core = vec![0; 4096];
        assert!(matches!(
            place_bios(&boot, &mut core),
            Err(BootError::Grub("core.img", _))
        ));
        put(&mut core, BLOCK_LIST_AT + 8, &[7, 0, 0x20, 0x08]);
        let code = place_bios(&boot, &mut core).unwrap();
        assert_eq!(
            code[KERNEL_SECTOR_AT..KERNEL_SECTOR_AT + 8],
            2048_u64.to_le_bytes()
        );
        assert_eq!(
            core[BLOCK_LIST_AT..BLOCK_LIST_AT + 8],
            2049_u64.to_le_bytes()
        );
    }
}
