//! Makes patches: pairs the files of two images, finds what follows what, packs frames.
//!
//! Memory: two files and five times the older one for each thread, and the finished patch.

use std::collections::HashMap;
use std::io;

use sha2::{Digest, Sha256};

use crate::bounds;
use crate::index::{Entry, Hash, Image, Index, IndexError, Side};
use crate::storage::ReadAt;
use crate::written;

pub mod matching;
pub mod pack;
pub mod pairing;
pub mod release;
pub mod suffixes;
pub mod unit;
pub mod workers;

use matching::{Follow, follows};
use pack::Packer;
use pairing::OldFiles;
use suffixes::{SuffixError, Suffixes};
use unit::{Extent, Unit};

/// How to make a patch.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Threads.
    pub threads: usize,
    /// zstd's level.
    pub level: i32,
    /// Output of a frame, bytes.
    pub frame_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 2,
            level: 19,
            frame_bytes: bounds::FRAME_BYTES,
        }
    }
}

/// One image, old or new.
#[derive(Debug)]
pub struct Source<'a, S: ?Sized> {
    /// Its bytes.
    pub data: &'a S,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its dm-verity root hash; zeros where it has none.
    pub root_hash: Hash,
}

/// An image to make a patch for.
#[derive(Debug)]
pub struct Pair<'a, S: ?Sized> {
    /// Name of the file in the release directory.
    pub name: &'a str,
    /// The image that a box has; `None`: whole frames.
    pub old: Option<Source<'a, S>>,
    /// The image that it shall have.
    pub new: Source<'a, S>,
}

/// Why no patch was made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// An image cannot be read, or zstd failed.
    #[error("the patch cannot be made: {0}")]
    Io(#[from] io::Error),
    /// A file cannot be sorted.
    #[error("the patch cannot be made: {0}")]
    Suffix(#[from] SuffixError),
    /// More or larger images than a patch can hold.
    #[error("the patch cannot be made: {0}")]
    Index(#[from] IndexError),
    /// A thread ended early.
    #[error("the patch cannot be made: a thread ended early")]
    Thread,
}

/// A finished patch: its head, and each frame's bytes.
#[derive(Debug)]
pub struct Patch {
    /// The head.
    pub index: Index,
    /// The frames' bytes, in order.
    pub frames: Vec<Vec<u8>>,
}

impl Patch {
    /// Writes the patch.
    ///
    /// # Errors
    /// What the writer said.
    pub fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        out.write_all(&self.index.to_bytes())?;
        self.frames
            .iter()
            .try_for_each(|frame| out.write_all(frame))
    }
}

/// Makes the patch that turns the old images into the new ones.
///
/// # Errors
/// When an image cannot be read, is too large, or memory ends.
pub fn patch<S: ReadAt + Sync + ?Sized>(
    pairs: &[Pair<'_, S>],
    options: &Options,
) -> Result<Patch, MakeError> {
    let (mut images, mut entries, mut frames) = (Vec::new(), Vec::new(), Vec::new());
    for pair in pairs {
        let follows = match &pair.old {
            Some(old) => follows_of(old, &pair.new, options.threads)?,
            None => Vec::new(),
        };
        for (entry, frame) in pack(pair, &follows, options)? {
            entries.push(entry);
            frames.push(frame);
        }
        images.push(Image {
            name: pair.name.to_owned(),
            base: pair.old.as_ref().map(side).transpose()?.unwrap_or_default(),
            target: side(&pair.new)?,
        });
    }
    let index = Index::new(options.frame_bytes, images, &entries)?;
    Ok(Patch { index, frames })
}

fn side<S: ReadAt + ?Sized>(source: &Source<'_, S>) -> io::Result<Side> {
    Ok(Side {
        bytes: source.bytes,
        sha256: written::hash(source.data, source.bytes)?,
        root_hash: source.root_hash,
    })
}

/// What of the new image follows the old one, in the order of the new one.
fn follows_of<S: ReadAt + Sync + ?Sized>(
    old: &Source<'_, S>,
    new: &Source<'_, S>,
    threads: usize,
) -> Result<Vec<Follow>, MakeError> {
    let old_units = unit::units(old.data, old.bytes)?;
    let new_units = unit::units(new.data, new.bytes)?;
    let hash =
        |unit: &Unit| -> io::Result<Hash> { Ok(Sha256::digest(unit.read(old.data)?).into()) };
    let order: Vec<usize> = (0..old_units.len()).collect();
    let hashes = workers::each(
        threads,
        &order,
        || Ok(()),
        |(), number| old_units.get(number).map_or(Ok(Hash::default()), hash),
        || io::Error::other("a thread ended early"),
    )?;
    let same: HashMap<Hash, &Unit> = hashes.into_iter().zip(&old_units).collect();
    let old_files = OldFiles::of(&old_units);

    let one = |unit: &Unit| -> Result<Vec<Follow>, MakeError> {
        let content = unit.read(new.data)?;
        let hash: Hash = Sha256::digest(&content).into();
        if let Some(old_unit) = same.get(&hash) {
            let all = Follow {
                new_at: 0,
                old_at: 0,
                bytes: content.len() as u64,
            };
            return Ok(in_images(unit, old_unit, &[all]));
        }
        let Some(old_unit) = old_files.partner(unit) else {
            return Ok(Vec::new());
        };
        let old_content = old_unit.read(old.data)?;
        let suffixes = Suffixes::of(&old_content)?;
        Ok(in_images(unit, old_unit, &follows(&suffixes, &content)))
    };
    let order = largest_first(&new_units);
    let mut all: Vec<Follow> = workers::each(
        threads,
        &order,
        || Ok(()),
        |(), number| new_units.get(number).map_or(Ok(Vec::new()), one),
        || MakeError::Thread,
    )?
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|follow| follow.new_at);
    Ok(joined(&all))
}

/// The largest file takes a good part of the time: begun last, one thread would wait for it alone.
fn largest_first(units: &[Unit]) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> = units.iter().map(Unit::bytes).zip(0..).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    order.into_iter().map(|(_, number)| number).collect()
}

/// From places in two units to places in the images.
fn in_images(new: &Unit, old: &Unit, follows: &[Follow]) -> Vec<Follow> {
    let mut placed = Vec::new();
    for follow in follows {
        let mut news = new.places(follow.new_at, follow.bytes).into_iter();
        let mut olds = old.places(follow.old_at, follow.bytes).into_iter();
        let (mut to, mut from) = (news.next(), olds.next());
        while let (Some(here), Some(there)) = (to, from) {
            let bytes = here.bytes.min(there.bytes);
            placed.push(Follow {
                new_at: here.at,
                old_at: there.at,
                bytes,
            });
            to = after(here, bytes).or_else(|| news.next());
            from = after(there, bytes).or_else(|| olds.next());
        }
    }
    placed
}

fn after(extent: Extent, bytes: u64) -> Option<Extent> {
    (extent.bytes > bytes).then(|| Extent {
        at: extent.at + bytes,
        bytes: extent.bytes - bytes,
    })
}

/// Neighbours that go on in both images, as one.
fn joined(follows: &[Follow]) -> Vec<Follow> {
    let mut joined: Vec<Follow> = Vec::with_capacity(follows.len());
    for follow in follows {
        match joined.last_mut() {
            Some(last)
                if last.new_at + last.bytes == follow.new_at
                    && last.old_at + last.bytes == follow.old_at =>
            {
                last.bytes += follow.bytes;
            }
            _ => joined.push(*follow),
        }
    }
    joined
}

fn pack<S: ReadAt + Sync + ?Sized>(
    pair: &Pair<'_, S>,
    follows: &[Follow],
    options: &Options,
) -> Result<Vec<(Entry, Vec<u8>)>, MakeError> {
    let frame_bytes = u64::from(options.frame_bytes.max(1));
    let count = usize::try_from(pair.new.bytes.div_ceil(frame_bytes)).map_err(io::Error::other)?;
    let order: Vec<usize> = (0..count).collect();
    let base = pair.old.as_ref().map_or(pair.new.data, |old| old.data);
    let frames = workers::each(
        options.threads,
        &order,
        || Packer::new(options.level),
        |packer, number| {
            let at = number as u64 * frame_bytes;
            let bytes = frame_bytes.min(pair.new.bytes - at);
            let mut output = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
            pair.new.data.read_exact_at(&mut output, at)?;
            let frame = packer.frame(at, &output, follows, base)?;
            let entry = Entry {
                encoded_bytes: u32::try_from(frame.len()).map_err(io::Error::other)?,
                encoded_sha256: Sha256::digest(&frame).into(),
                output_sha256: Sha256::digest(&output).into(),
            };
            Ok((entry, frame))
        },
        || io::Error::other("a thread ended early"),
    )?;
    Ok(frames)
}
