//! The disk: partition table, fixed for ever at install, and the raw places inside partitions that several programs use.
//!
//! Everything is aligned to 1 MiB. Sectors have 512 bytes; disks with 4096-byte logical sectors are refused.

use crate::slot::Slot;

/// Bytes of one MiB.
pub const MIB: u64 = 1024 * 1024;
/// Bytes of one logical sector.
pub const SECTOR_BYTES: u64 = 512;
/// Sectors in one MiB.
pub const SECTORS_PER_MIB: u64 = MIB / SECTOR_BYTES;

/// Block that carries one record of the boot state, bytes: the largest physical sector in use.
pub const STATE_BLOCK_BYTES: usize = 4096;
/// Committed record 1, bytes from the start of partition 3 (sector 40: the first cluster of its FAT12).
pub const STATE_C1_OFFSET: u64 = 40 * SECTOR_BYTES;
/// Committed record 2 (sector 1008).
pub const STATE_C2_OFFSET: u64 = 1008 * SECTOR_BYTES;
/// Trial record: the contents of the FAT12 file `t` (sector 520).
pub const STATE_T_OFFSET: u64 = 520 * SECTOR_BYTES;
/// Unfinished boots (sector 1520); GRUB does not read it.
pub const STATE_W_OFFSET: u64 = 1520 * SECTOR_BYTES;

/// Where the raw virgin mark stands, bytes from the start of the data partition.
pub const VIRGIN_MARK_OFFSET: u64 = 64 * MIB;
/// Size of the raw virgin mark, bytes.
pub const VIRGIN_MARK_BYTES: usize = 4096;
/// XFS label between the making of the file system and the making of secrets and database.
pub const LABEL_VIRGIN: &str = "posto-virgin";
/// XFS label of a data partition in use.
pub const LABEL_DATA: &str = "posto-data";

/// Unused space before the data partition: room to grow a slot's successor, MiB.
pub const GAP_MIB: u64 = 32;
/// Size of the data partition inside a published disk image, MiB; it grows to the disk's end at first boot.
pub const DATA_IN_IMAGE_MIB: u64 = 512;

/// One partition of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Number in the table, from 1.
    pub number: u32,
    /// GPT name.
    pub name: &'static str,
    /// Type GUID, upper case.
    pub type_guid: &'static str,
    /// First MiB of the disk that it takes.
    pub start_mib: u64,
    /// Size, MiB; of the data partition the size inside a published image.
    pub size_mib: u64,
}

impl Partition {
    /// First byte on the disk.
    #[must_use]
    pub const fn start_bytes(&self) -> u64 {
        self.start_mib * MIB
    }

    /// Size in bytes.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.size_mib * MIB
    }

    /// First sector on the disk.
    #[must_use]
    pub const fn first_sector(&self) -> u64 {
        self.start_mib * SECTORS_PER_MIB
    }

    /// Last sector on the disk, inclusive.
    #[must_use]
    pub const fn last_sector(&self) -> u64 {
        (self.start_mib + self.size_mib) * SECTORS_PER_MIB - 1
    }
}

const TYPE_BIOS_BOOT: &str = "21686148-6449-6E6F-744E-656564454649";
const TYPE_ESP: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
/// Plain Linux data for all of ours: the special types would make other systems' tools mount them.
const TYPE_LINUX: &str = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

const fn after(before: &Partition) -> u64 {
    before.start_mib + before.size_mib
}

/// Partition 1: GRUB's core.img for BIOS.
pub const BIOS: Partition = Partition {
    number: 1,
    name: "posto-bios",
    type_guid: TYPE_BIOS_BOOT,
    start_mib: 1,
    size_mib: 1,
};
/// Partition 2: `\EFI\BOOT\BOOTX64.EFI`.
pub const ESP: Partition = Partition {
    number: 2,
    name: "posto-esp",
    type_guid: TYPE_ESP,
    start_mib: after(&BIOS),
    size_mib: 64,
};
/// Partition 3: boot state.
pub const STATE: Partition = Partition {
    number: 3,
    name: "posto-state",
    type_guid: TYPE_LINUX,
    start_mib: after(&ESP),
    size_mib: 1,
};
/// Partition 4: kernel and initrd of slot a.
pub const BOOT_A: Partition = Partition {
    number: 4,
    name: "posto-boot-a",
    type_guid: TYPE_LINUX,
    start_mib: after(&STATE),
    size_mib: 256,
};
/// Partition 5: kernel and initrd of slot b.
pub const BOOT_B: Partition = Partition {
    number: 5,
    name: "posto-boot-b",
    type_guid: TYPE_LINUX,
    start_mib: after(&BOOT_A),
    size_mib: 256,
};
/// Partition 6: root of slot a with its hash tree.
pub const ROOT_A: Partition = Partition {
    number: 6,
    name: "posto-root-a",
    type_guid: TYPE_LINUX,
    start_mib: after(&BOOT_B),
    size_mib: 4096,
};
/// Partition 7: root of slot b with its hash tree.
pub const ROOT_B: Partition = Partition {
    number: 7,
    name: "posto-root-b",
    type_guid: TYPE_LINUX,
    start_mib: after(&ROOT_A),
    size_mib: 4096,
};
/// Partition 8: data.
pub const DATA: Partition = Partition {
    number: 8,
    name: "posto-data",
    type_guid: TYPE_LINUX,
    start_mib: after(&ROOT_B) + GAP_MIB,
    size_mib: DATA_IN_IMAGE_MIB,
};

/// The whole table, in order.
pub const PARTITIONS: [Partition; 8] = [BIOS, ESP, STATE, BOOT_A, BOOT_B, ROOT_A, ROOT_B, DATA];

/// Size of a published disk image, MiB: the data partition and one MiB for the backup table.
pub const IMAGE_MIB: u64 = after(&DATA) + 1;

/// Smallest disk that Posto is meant for, bytes: the slots and 20 GB of data.
pub const SMALLEST_DISK_BYTES: u64 = 30_000_000_000;

/// The boot partition of a slot.
#[must_use]
pub const fn boot(slot: Slot) -> &'static Partition {
    match slot {
        Slot::A => &BOOT_A,
        Slot::B => &BOOT_B,
    }
}

/// The root partition of a slot.
#[must_use]
pub const fn root(slot: Slot) -> &'static Partition {
    match slot {
        Slot::A => &ROOT_A,
        Slot::B => &ROOT_B,
    }
}

/// The raw virgin mark: a whole block that no file system and no half-written sector resembles.
#[must_use]
pub fn virgin_mark() -> Vec<u8> {
    const LINE: &[u8; 64] = b"POSTO VIRGIN DATA PARTITION v1: nothing was ever stored here.  \n";
    LINE.iter()
        .copied()
        .cycle()
        .take(VIRGIN_MARK_BYTES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_table_never_moves() {
        // Boxes in the field carry exactly this table; a later release must find its partitions there.
        let table: Vec<_> = PARTITIONS
            .iter()
            .map(|p| (p.number, p.name, p.start_mib, p.size_mib))
            .collect();
        assert_eq!(
            table,
            [
                (1, "posto-bios", 1, 1),
                (2, "posto-esp", 2, 64),
                (3, "posto-state", 66, 1),
                (4, "posto-boot-a", 67, 256),
                (5, "posto-boot-b", 323, 256),
                (6, "posto-root-a", 579, 4096),
                (7, "posto-root-b", 4675, 4096),
                (8, "posto-data", 8803, 512),
            ]
        );
    }

    #[test]
    fn state_blocks_lie_apart_in_their_own_4_kib_inside_partition_3() {
        let offsets = [
            STATE_C1_OFFSET,
            STATE_T_OFFSET,
            STATE_C2_OFFSET,
            STATE_W_OFFSET,
        ];
        for offset in offsets {
            assert_eq!((STATE.start_bytes() + offset) % 4096, 0);
            assert!(offset + 4096 <= STATE.size_bytes());
        }
        assert_eq!(std::collections::BTreeSet::from(offsets).len(), 4);
    }

    #[test]
    fn the_virgin_mark_lies_inside_the_data_partition_of_an_image() {
        assert_eq!(virgin_mark().len(), VIRGIN_MARK_BYTES);
        assert!(VIRGIN_MARK_OFFSET + 4096 <= DATA.size_bytes());
    }
}
