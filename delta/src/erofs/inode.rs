//! Inodes: what they are and where their content lies.

use super::{ErofsError, Layout, u16_at, u32_at, u64_at};
use crate::storage::ReadAt;

const SLOT_BYTES: u64 = 32;
const COMPACT_BYTES: u64 = 32;
const EXTENDED_BYTES: u64 = 64;
const FLAT_PLAIN: u16 = 0;
const FLAT_INLINE: u16 = 2;

/// What an inode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    /// Links, devices, and what is not stored flat.
    Other,
}

/// An inode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inode {
    pub(super) kind: Kind,
    /// Length of the content.
    pub(super) bytes: u64,
    /// The tail, the part after the last whole block, lies behind the inode.
    inline: bool,
    blocks_at: u64,
    tail_at: u64,
}

impl Inode {
    /// Inode number `nid`; none when there is no room for it in the image.
    pub(super) fn read(
        image: &(impl ReadAt + ?Sized),
        layout: &Layout,
        nid: u64,
    ) -> Result<Option<Self>, ErofsError> {
        let Some(at) = nid
            .checked_mul(SLOT_BYTES)
            .and_then(|at| at.checked_add(layout.inodes_at))
        else {
            return Ok(None);
        };
        let fits = |bytes: u64| {
            at.checked_add(bytes)
                .is_some_and(|end| end <= layout.image_bytes)
        };
        if !fits(COMPACT_BYTES) {
            return Ok(None);
        }
        let mut raw = [0; COMPACT_BYTES as usize];
        image.read_exact_at(&mut raw, at)?;
        let format = u16_at(&raw, 0);
        let extended = format & 1 == 1;
        if extended && !fits(EXTENDED_BYTES) {
            return Ok(None);
        }
        let (bytes, own_bytes) = if extended {
            (u64_at(&raw, 8), EXTENDED_BYTES)
        } else {
            (u64::from(u32_at(&raw, 8)), COMPACT_BYTES)
        };
        let flat = (format >> 1) & 7;
        let attributes_bytes = match u16_at(&raw, 2) {
            0 => 0,
            count => 12 + 4 * (u64::from(count) - 1),
        };
        let kind = match u16_at(&raw, 4) & 0o170_000 {
            _ if flat != FLAT_PLAIN && flat != FLAT_INLINE => Kind::Other,
            0o040_000 => Kind::Directory,
            0o100_000 => Kind::File,
            _ => Kind::Other,
        };
        Ok(Some(Self {
            kind,
            bytes,
            inline: flat == FLAT_INLINE,
            blocks_at: u64::from(u32_at(&raw, 16)).saturating_mul(layout.block_bytes),
            tail_at: at.saturating_add(own_bytes + attributes_bytes),
        }))
    }

    /// Place and length of the whole blocks, bytes; none when they are not within the image.
    pub(super) fn blocks(&self, layout: &Layout) -> Option<(u64, u64)> {
        let block = layout.block_bytes;
        let bytes = if self.inline {
            self.bytes / block * block
        } else {
            self.bytes.checked_next_multiple_of(block)?
        };
        if bytes == 0 {
            // All of it lies behind the inode; the place of the blocks then says nothing.
            return Some((0, 0));
        }
        let end = self.blocks_at.checked_add(bytes)?;
        (end <= layout.image_bytes).then_some((self.blocks_at, bytes))
    }

    /// The content, of which the caller has bounded the length; empty when it is not within the image.
    pub(super) fn content(
        &self,
        image: &(impl ReadAt + ?Sized),
        layout: &Layout,
    ) -> Result<Vec<u8>, ErofsError> {
        let Some((at, bytes)) = self.blocks(layout) else {
            return Ok(Vec::new());
        };
        let whole = usize::try_from(bytes.min(self.bytes)).unwrap_or_default();
        let mut content = vec![0; whole];
        image.read_exact_at(&mut content, at)?;
        let tail = self.bytes.saturating_sub(bytes);
        let inside = self
            .tail_at
            .checked_add(tail)
            .is_some_and(|end| end <= layout.image_bytes);
        if tail > 0 && inside {
            content.resize(whole + usize::try_from(tail).unwrap_or_default(), 0);
            let part = content.get_mut(whole..).unwrap_or_default();
            image.read_exact_at(part, self.tail_at)?;
        }
        Ok(content)
    }
}
