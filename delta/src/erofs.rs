//! Where the files of an uncompressed erofs image lie: what the maker pairs old and new by.
//!
//! Only as much of the format as mkfs.erofs writes for our roots (flat inodes, one device); whatever is stored otherwise is left out
//! and counts as metadata, which costs a larger patch and nothing else. The image may be anybody's: everything is bounded, nothing
//! in it is believed. Field offsets: the kernel's fs/erofs/erofs_fs.h.

use std::collections::BTreeSet;

use crate::storage::ReadAt;

mod inode;

use inode::{Inode, Kind};

/// Most directory entries looked at.
const ENTRIES: usize = 1 << 20;
/// Deepest directory.
const DEPTH: usize = 64;
/// Longest directories read, all together, bytes.
const DIRECTORIES_BYTES: u64 = 64 << 20;
const DIRENT_BYTES: usize = 12;
const SUPERBLOCK_AT: u64 = 1024;
const SUPERBLOCK_BYTES: usize = 128;
const MAGIC: u32 = 0xe0f5_e1e2;

/// The whole blocks of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path, without a slash at the beginning; the first one that was met, where it has several.
    pub path: Vec<u8>,
    /// Where its blocks begin in the image, bytes.
    pub at: u64,
    /// Their length in bytes; the tail of a file may lie elsewhere.
    pub bytes: u64,
}

/// Why an image cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum ErofsError {
    /// It cannot be read.
    #[error("the image cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// No superblock, or one that makes no sense.
    #[error("it is no erofs image ({0})")]
    NotErofs(&'static str),
    /// Deeper, larger or more than any root of ours.
    #[error("the erofs image has {0}; it is not one of ours")]
    TooMuch(&'static str),
}

/// Places and sizes that hold for a whole image.
#[derive(Debug, Clone, Copy)]
struct Layout {
    image_bytes: u64,
    block_bytes: u64,
    inodes_at: u64,
}

/// The files of an image of `image_bytes`, in the order of their places, without overlap.
///
/// # Errors
/// When it is no erofs image or beyond the bounds.
pub fn files(image: &(impl ReadAt + ?Sized), image_bytes: u64) -> Result<Vec<File>, ErofsError> {
    let mut superblock = [0; SUPERBLOCK_BYTES];
    if image_bytes < SUPERBLOCK_AT + SUPERBLOCK_BYTES as u64 {
        return Err(ErofsError::NotErofs("too short"));
    }
    image.read_exact_at(&mut superblock, SUPERBLOCK_AT)?;
    if u32_at(&superblock, 0) != MAGIC {
        return Err(ErofsError::NotErofs("another magic number"));
    }
    let block_bits = superblock.get(12).copied().unwrap_or_default();
    if !(9..=16).contains(&block_bits) {
        return Err(ErofsError::NotErofs("its block size"));
    }
    let layout = Layout {
        image_bytes,
        block_bytes: 1 << block_bits,
        inodes_at: u64::from(u32_at(&superblock, 40)) << block_bits,
    };
    let mut walk = Walk {
        image,
        layout,
        seen: BTreeSet::new(),
        entries: 0,
        left_bytes: DIRECTORIES_BYTES,
        files: Vec::new(),
    };
    walk.directory(u64::from(u16_at(&superblock, 14)), &mut Vec::new(), 0)?;
    let mut files = walk.files;
    files.sort_by_key(|file| file.at);
    let mut end = 0;
    files.retain(|file| {
        let apart = file.at >= end;
        if apart {
            end = file.at + file.bytes;
        }
        apart
    });
    Ok(files)
}

struct Walk<'a, I: ?Sized> {
    image: &'a I,
    layout: Layout,
    seen: BTreeSet<u64>,
    entries: usize,
    left_bytes: u64,
    files: Vec<File>,
}

impl<I: ReadAt + ?Sized> Walk<'_, I> {
    fn directory(&mut self, nid: u64, path: &mut Vec<u8>, depth: usize) -> Result<(), ErofsError> {
        if depth > DEPTH {
            return Err(ErofsError::TooMuch("directories too deep"));
        }
        // Also what ends a directory that holds itself.
        if !self.seen.insert(nid) {
            return Ok(());
        }
        let Some(inode) = Inode::read(self.image, &self.layout, nid)? else {
            return Ok(());
        };
        if inode.kind != Kind::Directory {
            return Ok(());
        }
        self.left_bytes = self
            .left_bytes
            .checked_sub(inode.bytes)
            .ok_or(ErofsError::TooMuch("directories too long"))?;
        let content = inode.content(self.image, &self.layout)?;
        for block in content.chunks(self.layout.block_bytes as usize) {
            for (child, name) in names(block) {
                self.entries += 1;
                if self.entries > ENTRIES {
                    return Err(ErofsError::TooMuch("too many files"));
                }
                if name != b"." && name != b".." {
                    self.entry(child, name, path, depth)?;
                }
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        nid: u64,
        name: &[u8],
        path: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), ErofsError> {
        let Some(inode) = Inode::read(self.image, &self.layout, nid)? else {
            return Ok(());
        };
        let length = path.len();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        match inode.kind {
            Kind::Directory => self.directory(nid, path, depth + 1)?,
            Kind::File if self.seen.insert(nid) => {
                if let Some((at, bytes)) = inode.blocks(&self.layout).filter(|(_, n)| *n > 0) {
                    self.files.push(File {
                        path: path.clone(),
                        at,
                        bytes,
                    });
                }
            }
            Kind::File | Kind::Other => {}
        }
        path.truncate(length);
        Ok(())
    }
}

/// A directory block: entries (nid u64, place of the name u16, type u8, a spare byte), then the names back to back.
fn names(block: &[u8]) -> Vec<(u64, &[u8])> {
    let first = usize::from(u16_at(block, 8));
    let count = first / DIRENT_BYTES;
    let mut found = Vec::new();
    for number in 0..count {
        let at = number * DIRENT_BYTES;
        let Some(entry) = block.get(at..at + DIRENT_BYTES) else {
            break;
        };
        let from = usize::from(u16_at(entry, 8));
        let to = if number + 1 < count {
            usize::from(u16_at(block, at + DIRENT_BYTES + 8))
        } else {
            block.len()
        };
        let Some(name) = block.get(from..to) else {
            break;
        };
        // The last name ends with the block or at a zero.
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if !name.is_empty() && name.len() <= 255 && !name.contains(&b'/') {
            found.push((u64_at(entry, 0), name));
        }
    }
    found
}

/// Little-endian numbers; 0 where the bytes end.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    field(bytes, at).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    field(bytes, at).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    field(bytes, at).map_or(0, u64::from_le_bytes)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}
