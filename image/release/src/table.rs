//! The GPT on a disk: made new, read, and grown to the disk's end.
//!
//! The `gpt` crate computes the bytes; when they are written and in which order is decided here, because a power cut between
//! two of its writes must leave one of the two copies whole.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::str::FromStr;

use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition_types::Type;
use gpt::{DiskDevice, GptConfig};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::kernel_line::PartUuid;
use crate::layout::{DATA, MIB, PARTITIONS, SECTOR_BYTES, SECTORS_PER_MIB};

/// Why a partition table could not be read or computed.
#[derive(Debug, Error)]
pub enum TableError {
    /// The disk cannot be read, or holds no valid table.
    #[error("the disk has no readable partition table: {0}")]
    Gpt(#[from] gpt::GptError),
    /// Reading or writing failed.
    #[error("the partition table cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// A partition type of ours that the crate does not take.
    #[error("{0} is not a partition type")]
    Type(String),
    /// The table is not Posto's.
    #[error(
        "the disk's partition {0} is not the data partition of Posto's table; nothing was changed"
    )]
    NotOurs(u32),
    /// The disk is too small for its own table.
    #[error("the disk ends before its data partition does")]
    DiskTooSmall,
}

/// Where a header says how many entries there are, and how long each is (UEFI specification 2.10, table 5.5).
const ENTRY_COUNT_AT: usize = 80;
const ENTRY_SIZE_AT: usize = 84;
const ENTRY_BYTES: u32 = 128;
/// Everybody writes 128.
const ENTRIES_LIMIT: u32 = 1024;

/// The GUIDs of a disk and its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guids {
    /// The disk's.
    pub disk: Uuid,
    /// The eight partitions', in order.
    pub partitions: [Uuid; 8],
}

impl Guids {
    /// GUIDs computed from `seed`: the same for the same seed, so that a published image can be built again.
    #[must_use]
    pub fn derived_from(seed: &str) -> Self {
        let one = |number: u8| {
            let hash = Sha256::new()
                .chain_update(b"posto disk guid\0")
                .chain_update([number])
                .chain_update(seed)
                .finalize();
            let mut bytes = [0_u8; 16];
            bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        };
        Self {
            disk: one(0),
            partitions: std::array::from_fn(
                |index| one(u8::try_from(index + 1).unwrap_or(u8::MAX)),
            ),
        }
    }
}

/// One piece of the table to be written; the pieces of one stage are durable before the next stage begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableWrite {
    /// Place on the disk, bytes.
    pub offset: u64,
    /// What.
    pub bytes: Vec<u8>,
}

/// A partition found on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its number, from 1.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Size, bytes.
    pub bytes: u64,
}

/// A disk that is read through and whose writes are only collected.
#[derive(Debug)]
struct Paper<'a, D> {
    under: &'a mut D,
    position: u64,
    size: u64,
    sectors: HashMap<u64, [u8; 512]>,
}

impl<D: DiskDevice> Paper<'_, D> {
    fn sector(&mut self, number: u64) -> io::Result<[u8; 512]> {
        if let Some(sector) = self.sectors.get(&number) {
            return Ok(*sector);
        }
        let mut sector = [0_u8; 512];
        self.under.seek(SeekFrom::Start(number * SECTOR_BYTES))?;
        self.under.read_exact(&mut sector)?;
        Ok(sector)
    }

    fn part(&self, length: usize) -> (u64, usize, usize) {
        let within = usize::try_from(self.position % SECTOR_BYTES).unwrap_or(0);
        (
            self.position / SECTOR_BYTES,
            within,
            length.min(512 - within),
        )
    }
}

impl<D: DiskDevice> Read for Paper<'_, D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size {
            return Ok(0);
        }
        let (number, within, length) = self.part(buffer.len());
        let sector = self.sector(number)?;
        buffer
            .iter_mut()
            .zip(sector.iter().skip(within))
            .take(length)
            .for_each(|(to, from)| *to = *from);
        self.position += length as u64;
        Ok(length)
    }
}

impl<D: DiskDevice> Write for Paper<'_, D> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let (number, within, length) = self.part(buffer.len());
        let mut sector = self.sector(number)?;
        sector
            .iter_mut()
            .skip(within)
            .zip(buffer)
            .take(length)
            .for_each(|(to, from)| *to = *from);
        self.sectors.insert(number, sector);
        self.position += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: DiskDevice> Seek for Paper<'_, D> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

fn config() -> GptConfig {
    GptConfig::new()
        .logical_block_size(LogicalBlockSize::Lb512)
        .only_valid_headers(false)
        .writable(true)
}

fn paper<D: DiskDevice>(disk: &mut D) -> io::Result<Paper<'_, D>> {
    // Whole sectors only: the rest of an odd-sized image belongs to no disk.
    let size = disk.seek(SeekFrom::End(0))? / SECTOR_BYTES * SECTOR_BYTES;
    Ok(Paper {
        under: disk,
        position: 0,
        size,
        sectors: HashMap::new(),
    })
}

/// Opens the table. The crate gives up on a whole header over torn entries, the state that a cut between the two leaves: the
/// primary header is then hidden from it, so that it takes the backup.
fn open<'p, 'd, D: DiskDevice>(
    paper: &'p mut Paper<'d, D>,
) -> Result<gpt::GptDisk<&'p mut Paper<'d, D>>, TableError> {
    hide_strange_headers(paper);
    if config().open_from_device(&mut *paper).is_err() {
        paper.sectors.insert(1, [0; 512]);
    }
    Ok(config().open_from_device(paper)?)
}

/// Hides both headers from the crate where they describe entries of another form than ours (UEFI specification 2.10, 5.3.2,
/// table 5.5): it panics on another size, and reads as many as the header says, up to 512 GiB.
fn hide_strange_headers<D: DiskDevice>(paper: &mut Paper<'_, D>) {
    let last = (paper.size / SECTOR_BYTES).saturating_sub(1);
    for number in [1, last] {
        // One that cannot be read is the crate's to pass over: the other copy may do.
        let Ok(sector) = paper.sector(number) else {
            continue;
        };
        let field = |at: usize| {
            let bytes = sector
                .get(at..at + 4)
                .and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u32::from_le_bytes)
        };
        if field(ENTRY_COUNT_AT) > ENTRIES_LIMIT || field(ENTRY_SIZE_AT) != ENTRY_BYTES {
            paper.sectors.insert(number, [0; 512]);
        }
    }
}

/// In three stages, each to be made durable before the next: the backup copy at the disk's end, the primary's entries, the
/// primary's header. A cut leaves a whole primary, or a whole backup at the disk's end.
fn stages(sectors: &HashMap<u64, [u8; 512]>, size: u64) -> [Vec<TableWrite>; 3] {
    let mut stages = [Vec::new(), Vec::new(), Vec::new()];
    let [backup, entries, header] = &mut stages;
    let ordered: BTreeMap<_, _> = sectors.iter().collect();
    for (number, bytes) in ordered {
        let write = TableWrite {
            offset: number * SECTOR_BYTES,
            bytes: bytes.to_vec(),
        };
        match *number {
            0 | 1 => header.push(write),
            _ if write.offset >= size / 2 => backup.push(write),
            _ => entries.push(write),
        }
    }
    stages
}

/// The table of a new disk: its protective MBR with `boot_code`, and both GPT copies with Posto's eight partitions.
///
/// # Errors
/// When the disk is too small or the crate refuses.
pub fn make<D: DiskDevice>(
    disk: &mut D,
    guids: &Guids,
    boot_code: &[u8; 440],
) -> Result<[Vec<TableWrite>; 3], TableError> {
    let mut paper = paper(disk)?;
    let size = paper.size;
    let sectors = u32::try_from(size / SECTOR_BYTES - 1).unwrap_or(u32::MAX);
    let mut mbr = ProtectiveMBR::with_lb_size(sectors);
    mbr.set_bootcode(*boot_code);
    paper.write_all(&mbr.to_bytes())?;
    let mut table = config().create_from_device(&mut paper, Some(guids.disk))?;
    let mut entries = BTreeMap::new();
    for (partition, guid) in PARTITIONS.iter().zip(guids.partitions) {
        let kind = Type::from_str(partition.type_guid).map_err(TableError::Type)?;
        entries.insert(
            partition.number,
            gpt::partition::Partition {
                part_type_guid: kind,
                part_guid: guid,
                first_lba: partition.first_sector(),
                last_lba: partition.last_sector(),
                flags: 0,
                name: partition.name.to_owned(),
            },
        );
    }
    if DATA.last_sector() + SECTORS_PER_MIB > size / SECTOR_BYTES {
        return Err(TableError::DiskTooSmall);
    }
    table.update_partitions(entries)?;
    table.write_inplace()?;
    Ok(stages(&paper.sectors, size))
}

/// What a disk's table says, from the primary copy or, where that is damaged, from the backup at the disk's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    partitions: Vec<(Uuid, Found)>,
    /// False after a cut while the table was written: the kernel then does not see the partitions until it is mended.
    pub primary_is_whole: bool,
}

impl Table {
    /// Reads the table of a disk.
    ///
    /// # Errors
    /// When neither copy is whole.
    pub fn read<D: DiskDevice>(disk: &mut D) -> Result<Self, TableError> {
        let mut paper = paper(disk)?;
        let table = open(&mut paper)?;
        let found = |(number, partition): (&u32, &gpt::partition::Partition)| {
            let sectors = (partition.last_lba + 1).checked_sub(partition.first_lba)?;
            let bytes = sectors.checked_mul(SECTOR_BYTES)?;
            let start = partition.first_lba.checked_mul(SECTOR_BYTES)?;
            Some((
                partition.part_guid,
                Found {
                    number: *number,
                    start,
                    bytes,
                },
            ))
        };
        Ok(Self {
            partitions: table
                .partitions()
                .iter()
                .filter(|(_, p)| p.is_used() && p.last_lba < u64::MAX)
                .filter_map(found)
                .collect(),
            primary_is_whole: table.primary_header().is_ok(),
        })
    }

    /// The partition with this unique GUID.
    #[must_use]
    pub fn find(&self, guid: &PartUuid) -> Option<&Found> {
        let guid = Uuid::parse_str(guid.as_str()).ok()?;
        self.partitions
            .iter()
            .find(|(of, _)| *of == guid)
            .map(|(_, found)| found)
    }
}

/// The writes that make both copies whole and, with `grow`, let partition 8 reach the disk's end (whole MiB, the last one
/// left to the backup table). Empty where nothing is to be done.
///
/// # Errors
/// When the table cannot be read, or partition 8 does not begin where Posto's does.
pub fn mend<D: DiskDevice>(disk: &mut D, grow: bool) -> Result<[Vec<TableWrite>; 3], TableError> {
    let mut paper = paper(disk)?;
    let size = paper.size;
    let mut table = open(&mut paper)?;
    let mut entries = table.partitions().clone();
    let data = entries
        .get_mut(&DATA.number)
        .filter(|data| data.first_lba == DATA.first_sector() && data.last_lba >= DATA.last_sector())
        .ok_or(TableError::NotOurs(DATA.number))?;
    let end = (size / MIB)
        .checked_sub(1)
        .ok_or(TableError::DiskTooSmall)?
        * SECTORS_PER_MIB;
    if end <= data.last_lba {
        return Err(TableError::DiskTooSmall);
    }
    if grow {
        data.last_lba = end - 1;
    }
    let whole = table.primary_header().is_ok() && table.backup_header().is_ok();
    if whole && entries == *table.partitions() {
        return Ok([Vec::new(), Vec::new(), Vec::new()]);
    }
    table.update_partitions(entries)?;
    table.write_inplace()?;
    Ok(stages(&paper.sectors, size))
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
