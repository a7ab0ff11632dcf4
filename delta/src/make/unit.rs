//! What is compared as one piece: the blocks of a file, or all that is between the files (inodes, directories, tails).

use std::io;

use crate::erofs;
use crate::storage::ReadAt;

/// Bytes that lie together in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where, in the image.
    pub at: u64,
    /// How many.
    pub bytes: u64,
}

/// A part of an image that is compared as one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The file's path; empty for what is between the files.
    pub path: Vec<u8>,
    /// Where it lies, in order.
    pub extents: Vec<Extent>,
}

/// The units of an image: its files and, first, the rest. An image that is no erofs is one unit.
///
/// # Errors
/// When it cannot be read.
pub fn units(image: &(impl ReadAt + ?Sized), image_bytes: u64) -> io::Result<Vec<Unit>> {
    let files = match erofs::files(image, image_bytes) {
        Ok(files) => files,
        Err(erofs::ErofsError::Read(error)) => return Err(error),
        Err(_) => Vec::new(),
    };
    let mut rest = Vec::new();
    let mut done = 0;
    for file in &files {
        push(&mut rest, done, file.at);
        done = file.at + file.bytes;
    }
    push(&mut rest, done, image_bytes);
    let rest = Unit {
        path: Vec::new(),
        extents: rest,
    };
    let files = files.into_iter().map(|file| Unit {
        path: file.path,
        extents: vec![Extent {
            at: file.at,
            bytes: file.bytes,
        }],
    });
    Ok(std::iter::once(rest).chain(files).collect())
}

fn push(extents: &mut Vec<Extent>, from: u64, to: u64) {
    if to > from {
        extents.push(Extent {
            at: from,
            bytes: to - from,
        });
    }
}

impl Unit {
    /// Its length, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.extents.iter().map(|extent| extent.bytes).sum()
    }

    /// All of it.
    ///
    /// # Errors
    /// When the image cannot be read.
    pub fn read(&self, image: &(impl ReadAt + ?Sized)) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        for extent in &self.extents {
            let from = content.len();
            let bytes = usize::try_from(extent.bytes).map_err(io::Error::other)?;
            content.resize(from + bytes, 0);
            let part = content.get_mut(from..).unwrap_or_default();
            image.read_exact_at(part, extent.at)?;
        }
        Ok(content)
    }

    /// Where in the image `bytes` of the unit from `at` on lie, in pieces.
    #[must_use]
    pub fn places(&self, mut at: u64, mut bytes: u64) -> Vec<Extent> {
        let mut places = Vec::new();
        for extent in &self.extents {
            if at >= extent.bytes {
                at -= extent.bytes;
                continue;
            }
            let here = bytes.min(extent.bytes - at);
            push(&mut places, extent.at + at, extent.at + at + here);
            (at, bytes) = (0, bytes - here);
            if bytes == 0 {
                break;
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_unit_is_found_in_its_extents() {
        let extent = |at, bytes| Extent { at, bytes };
        let unit = Unit {
            path: Vec::new(),
            extents: vec![extent(10, 5), extent(100, 5), extent(200, 5)],
        };
        assert_eq!(unit.bytes(), 15);
        assert_eq!(
            unit.places(3, 9),
            [extent(13, 2), extent(100, 5), extent(200, 2)]
        );
        assert_eq!(unit.places(5, 5), [extent(100, 5)]);
        assert_eq!(unit.places(15, 0), []);
    }
}
