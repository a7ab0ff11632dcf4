//! Fuzz targets of what builder, initrd, installer and daemon read: from disks, sticks and the boot loader.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

#[path = "../../../tests/fuzz/target.rs"]
mod target;

use std::io::Cursor;

use posto_release::env_block::EnvBlock;
use posto_release::identity::ReleaseIdentity;
use posto_release::kernel_line::{KernelLine, PartUuid, ReleaseName};
use posto_release::manifest::Manifest;
use posto_release::slot_env::SlotEnv;
use posto_release::state_partition;
use posto_release::table::{self, Table};
use posto_release::verity::VerityTarget;
use target::fuzz;

const LINE: &[u8] = b"posto.slot=a posto.mode=trial posto.root=0FC63DAF-8483-4772-8e79-3d69d8477de4 posto.data= \
posto.release=2026.11-1 posto.verity=1000:1000:abababababababababababababababababababababababababababababababab:00ff ro";
const SLOT_ENV: &[u8] = b"# GRUB Environment Block\ns_ok=ok\ns_hash=1\ns_args=posto.release=2026.11-1 posto.verity=1000:1000:abababababababababababababababababababababababababababababababab:00ff ro\n####";
const IDENTITY: &[u8] =
    br#"{"release":"1","built":1795305600,"distro":{"name":"stand-in","version":"1","stand_in":true}}"#;
const MANIFEST: &[u8] = br#"{"format":1,"release":"1","built":1,"distro":{"name":"d","version":"1","stand_in":false},"architecture":"x86_64",
"files":{"root.img":{"sha256":"0101010101010101010101010101010101010101010101010101010101010101","bytes":5}},
"verity":{"data_blocks":2,"hash_start":2,"root_hash":"0202020202020202020202020202020202020202020202020202020202020202","salt":""},"versions":{}}"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn env_block() {
    fuzz!(
        [SLOT_ENV, &[SLOT_ENV, &[b'#'; 512]].concat()],
        |bytes: &[u8]| {
            for block in [EnvBlock::parse(bytes), EnvBlock::parse_sized(bytes)] {
                for name in ["s_ok", "s_args", ""] {
                    let _ = block.as_ref().map(|block| block.get(name));
                }
            }
        }
    );
}

/// What is read as a bootable slot is written back as one that reads the same.
#[test]
fn slot_env() {
    fuzz!([SLOT_ENV], |bytes: &[u8]| {
        if let Ok(slot) = SlotEnv::parse(bytes)
            && let Ok(back) = slot.to_bytes()
        {
            assert_eq!(SlotEnv::parse(&back).unwrap(), slot);
        }
    });
}

#[test]
fn kernel_line() {
    fuzz!([LINE], |bytes: &[u8]| {
        let line = text(bytes);
        let _ = (ReleaseName::parse(&line), PartUuid::parse(&line));
        if let Ok(parsed) = KernelLine::parse(&line) {
            assert_eq!(KernelLine::parse(&parsed.to_string()).unwrap(), parsed);
        }
    });
}

#[test]
fn verity_target() {
    fuzz!(
        [
            b"1000:1000:abababababababababababababababababababababababababababababababab:00ff"
                .as_slice()
        ],
        |bytes: &[u8]| {
            if let Some(target) = VerityTarget::parse(&text(bytes)) {
                assert!(target.end_bytes() > 0 && !target.table("/dev/x").is_empty());
            }
        }
    );
}

#[test]
fn identity() {
    fuzz!([IDENTITY], |bytes: &[u8]| {
        if let Ok(identity) = ReleaseIdentity::from_json(bytes) {
            let back = identity.to_json().unwrap();
            assert_eq!(ReleaseIdentity::from_json(&back).unwrap(), identity);
        }
    });
}

/// No name in it leaves its folder.
#[test]
fn manifest() {
    fuzz!([MANIFEST], |bytes: &[u8]| {
        if let Ok(manifest) = Manifest::from_json(bytes) {
            assert!(
                manifest
                    .files
                    .keys()
                    .all(|name| !name.contains('/') && name != "..")
            );
            let back = manifest.to_json().unwrap();
            assert_eq!(Manifest::from_json(&back).unwrap(), manifest);
        }
    });
}

/// Whatever stands in the partition, some slot is next, and each block is written from any state.
#[test]
fn boot_state() {
    let whole = state_partition::at_install();
    fuzz!([&whole], |bytes: &[u8]| {
        let state = state_partition::read(bytes);
        let next = state.next();
        let _ = (
            state.committed(),
            state.pending_trial(),
            state.begin_boot(next),
        );
        let _ = (
            state.arm_trial(next.other(), 3),
            state.arm_rescue(next.other()),
        );
    });
}

/// A disk of 64 sectors whose header and entries are the input's, with the checksums that they need to be looked at.
fn disk(bytes: &[u8]) -> Vec<u8> {
    const SECTOR: usize = 512;
    let mut disk = vec![0; 64 * SECTOR];
    disk[SECTOR - 2..SECTOR].copy_from_slice(&[0x55, 0xaa]);
    disk[446 + 4] = 0xee;
    let (header, entries) = bytes.split_at(bytes.len().min(92));
    disk[SECTOR..SECTOR + header.len()].copy_from_slice(header);
    let length = entries.len().min(32 * SECTOR);
    disk[2 * SECTOR..2 * SECTOR + length].copy_from_slice(&entries[..length]);
    disk[SECTOR..SECTOR + 16].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
    let number = |at: usize| {
        u32::from_le_bytes(disk[SECTOR + at..SECTOR + at + 4].try_into().unwrap()) as usize
    };
    let counted = number(80).saturating_mul(number(84)).min(62 * SECTOR);
    let sum = crc32(&disk[2 * SECTOR..2 * SECTOR + counted]);
    disk[SECTOR + 88..SECTOR + 92].copy_from_slice(&sum.to_le_bytes());
    disk[SECTOR + 16..SECTOR + 20].fill(0);
    let sum = crc32(&disk[SECTOR..SECTOR + 92]);
    disk[SECTOR + 16..SECTOR + 20].copy_from_slice(&sum.to_le_bytes());
    disk
}

/// UEFI specification 2.10, 5.3.2: CRC-32 of the header and of the entries.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// A header for 4 entries of 128 bytes at sector 2, and one entry.
fn table_seed() -> Vec<u8> {
    let mut bytes = vec![0; 92 + 512];
    for (at, number) in [(24, 1_u64), (32, 63), (40, 34), (48, 60), (72, 2)] {
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    bytes[80..84].copy_from_slice(&4_u32.to_le_bytes());
    bytes[84..88].copy_from_slice(&128_u32.to_le_bytes());
    bytes[92..124].fill(7);
    bytes[124..132].copy_from_slice(&34_u64.to_le_bytes());
    bytes[132..140].copy_from_slice(&50_u64.to_le_bytes());
    bytes
}

#[test]
fn the_seed_of_the_table_is_a_table() {
    let guid = PartUuid::parse("07070707-0707-0707-0707-070707070707").unwrap();
    let table = Table::read(&mut Cursor::new(disk(&table_seed()))).unwrap();
    let found = table.find(&guid).unwrap();
    assert_eq!((found.start, found.bytes), (34 * 512, 17 * 512));
}

#[test]
fn partition_table() {
    let seed = table_seed();
    // The crate panicked on entries of another size.
    let mut strange = seed.clone();
    strange[84] = 0;
    strange[85] = 1;
    fuzz!([&seed, &strange], |bytes: &[u8]| {
        let mut disk = Cursor::new(disk(bytes));
        let _ = Table::read(&mut disk);
        let _ = table::mend(&mut disk, true);
        let _ = Table::read(&mut Cursor::new(bytes.to_vec()));
    });
}
