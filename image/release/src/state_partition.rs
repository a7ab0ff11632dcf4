//! The bytes of partition 3: a FAT12 that nobody mounts, there because GRUB writes its block `t` only through a file.
//!
//! Geometry: 512-byte sectors, 8 sectors a cluster (one 4 KiB block of the boot state is one cluster), 7 reserved sectors,
//! one FAT of one sector, a root directory of 512 entries: data begins at sector 40. The clusters of c1, c2 and w are marked
//! bad in the FAT, so that no FAT program ever gives them to a file. Format: Microsoft FAT specification, August 2005.

use crate::env_block::ENV_BLOCK_BYTES;
use crate::layout::{SECTOR_BYTES, STATE, STATE_BLOCK_BYTES};
use crate::slot::{Block, BlockWrite, BootState};

const DATA_SECTOR: u64 = 40;
const FAT_SECTOR: u64 = 7;
const ROOT_SECTOR: u64 = 8;
const FAT_BAD: u16 = 0xFF7;
const FAT_END: u16 = 0xFFF;

fn cluster(block: Block) -> u16 {
    let sectors = block.offset() / SECTOR_BYTES - DATA_SECTOR;
    u16::try_from(2 + sectors / 8).unwrap_or(FAT_BAD)
}

fn put(image: &mut [u8], offset: u64, bytes: &[u8]) {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    for (to, from) in image.iter_mut().skip(offset).zip(bytes) {
        *to = *from;
    }
}

fn boot_sector() -> Vec<u8> {
    let mut sector = vec![0xEB, 0x3C, 0x90];
    sector.extend_from_slice(b"POSTO   ");
    sector.extend_from_slice(&512_u16.to_le_bytes());
    sector.push(8);
    sector.extend_from_slice(&7_u16.to_le_bytes());
    sector.push(1);
    sector.extend_from_slice(&512_u16.to_le_bytes());
    sector.extend_from_slice(&2048_u16.to_le_bytes());
    sector.push(0xF8);
    sector.extend_from_slice(&1_u16.to_le_bytes());
    sector.extend_from_slice(&[63, 0, 255, 0]);
    sector.extend_from_slice(&[0; 8]);
    sector.extend_from_slice(&[0x80, 0, 0x29]);
    sector.extend_from_slice(b"POST");
    sector.extend_from_slice(b"POSTO STATEFAT12   ");
    sector.resize(510, 0);
    sector.extend_from_slice(&[0x55, 0xAA]);
    sector
}

fn fat() -> Vec<u8> {
    let mut entries = vec![0_u16; 341];
    let marks = [(0, 0xFF8), (1, FAT_END)]
        .into_iter()
        .chain(Block::ALL.map(|block| {
            let mark = if block == Block::T { FAT_END } else { FAT_BAD };
            (usize::from(cluster(block)), mark)
        }));
    for (number, mark) in marks {
        if let Some(entry) = entries.get_mut(number) {
            *entry = mark;
        }
    }
    entries
        .chunks(2)
        .flat_map(|pair| {
            let packed = pair
                .iter()
                .rev()
                .fold(0_u32, |packed, entry| packed << 12 | u32::from(*entry));
            let [low, middle, high, _] = packed.to_le_bytes();
            [low, middle, high]
        })
        .take(512)
        .collect()
}

fn directory_entry() -> Vec<u8> {
    let mut entry = b"T          \x20".to_vec();
    entry.resize(24, 0);
    // 2026-01-01: a zero date is not a date, and the real one would make every image different.
    entry.extend_from_slice(&(46_u16 << 9 | 1 << 5 | 1).to_le_bytes());
    entry.extend_from_slice(&cluster(Block::T).to_le_bytes());
    entry.extend_from_slice(&u32::try_from(ENV_BLOCK_BYTES).unwrap_or(0).to_le_bytes());
    entry
}

/// The whole partition as flashing leaves it: slot a committed, no trial.
#[must_use]
pub fn at_install() -> Vec<u8> {
    let mut image = vec![0_u8; usize::try_from(STATE.size_bytes()).unwrap_or(0)];
    put(&mut image, 0, &boot_sector());
    put(&mut image, FAT_SECTOR * SECTOR_BYTES, &fat());
    put(&mut image, ROOT_SECTOR * SECTOR_BYTES, &directory_entry());
    for BlockWrite { block, bytes } in BootState::at_install() {
        put(&mut image, block.offset(), bytes.as_slice());
    }
    image
}

/// Reads the boot state out of the bytes of partition 3.
#[must_use]
pub fn read(image: &[u8]) -> BootState {
    let block = |block: Block| {
        let start = usize::try_from(block.offset()).unwrap_or(usize::MAX);
        image
            .get(start..start.saturating_add(STATE_BLOCK_BYTES))
            .unwrap_or_default()
    };
    BootState::decode(
        block(Block::C1),
        block(Block::C2),
        block(Block::T),
        block(Block::W),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Slot;

    #[test]
    fn a_new_partition_commits_slot_a_and_has_no_trial() {
        let state = read(&at_install());
        assert_eq!(
            state,
            BootState {
                c1: Some(Slot::A),
                c2: Some(Slot::A),
                t: None,
                w: None
            }
        );
    }

    #[test]
    fn the_blocks_are_whole_clusters_of_the_file_system() {
        for block in Block::ALL {
            assert_eq!((block.offset() - DATA_SECTOR * SECTOR_BYTES) % 4096, 0);
        }
        assert_eq!(cluster(Block::C1), 2);
    }
}
