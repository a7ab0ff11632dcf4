//! A frame's bytes from what follows the base and what is new.

use std::io;

use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::matching::Follow;
use crate::bounds;
use crate::sparse::{Sparse, Writer};
use crate::storage::ReadAt;
use crate::varint;

/// log2 of the window: a frame's streams are never longer than a frame.
const WINDOW_LOG: u32 = 23;

/// Packs frames.
pub struct Packer {
    zstd: Compressor<'static>,
}

impl Packer {
    /// A packer; `level` is zstd's.
    ///
    /// # Errors
    /// When zstd refuses the level.
    pub fn new(level: i32) -> io::Result<Self> {
        let mut zstd = Compressor::new(level)?;
        zstd.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
        Ok(Self { zstd })
    }

    /// The frame that makes `output`, which begins at `at` in the image. `follows`: the image's, in order; `new_at` and `old_at` are
    /// places in the images.
    ///
    /// # Errors
    /// When the base cannot be read or zstd fails.
    pub fn frame(
        &mut self,
        at: u64,
        output: &[u8],
        follows: &[Follow],
        base: &(impl ReadAt + ?Sized),
    ) -> io::Result<Vec<u8>> {
        let within = cut(at, output.len() as u64, follows);
        if let Some(frame) = self.encode(at, output, &within, base)? {
            return Ok(frame);
        }
        // More numbers than a decoder takes, or longer than what it makes: all of it as new bytes.
        self.encode(at, output, &[], base)?
            .ok_or_else(|| io::Error::other("zstd made a frame longer than it may be"))
    }

    fn encode(
        &mut self,
        at: u64,
        output: &[u8],
        follows: &[Follow],
        base: &(impl ReadAt + ?Sized),
    ) -> io::Result<Option<Vec<u8>>> {
        let (mut control, mut extra) = (Vec::new(), Vec::new());
        let mut differences = Writer::default();
        let mut old = Vec::new();
        // A triple says what follows first, then what is new: what is new at the very beginning has a triple of its own.
        let mut triple = (0, 0);
        let mut place = 0;
        let mut done = at;
        let end = at + output.len() as u64;
        let ends = Follow {
            new_at: end,
            old_at: 0,
            bytes: 0,
        };
        for follow in follows.iter().chain([&ends]) {
            let new = part(output, done - at, follow.new_at - done)?;
            extra.extend_from_slice(new);
            if triple.0 > 0 || !new.is_empty() {
                varint::put(&mut control, triple.0);
                varint::put(&mut control, new.len() as u64);
                varint::put_signed(&mut control, triple.1);
            }
            if follow.bytes > 0 {
                old.resize(usize::try_from(follow.bytes).map_err(io::Error::other)?, 0);
                base.read_exact_at(&mut old, follow.old_at)?;
                differences.push(&old, part(output, follow.new_at - at, follow.bytes)?);
            }
            triple = (follow.bytes, follow.old_at.wrapping_sub(place) as i64);
            place = follow.old_at + follow.bytes;
            done = follow.new_at + follow.bytes;
        }
        let Sparse { zeros, runs, bytes } = differences.finish();
        let longest = [&control, &zeros, &runs].map(Vec::len);
        if longest
            .iter()
            .any(|bytes| *bytes > bounds::NUMBERS_BYTES as usize)
        {
            return Ok(None);
        }
        let mut frame = Vec::new();
        for stream in [control, zeros, runs, bytes, extra] {
            let packed = if stream.is_empty() {
                Vec::new()
            } else {
                self.zstd.compress(&stream)?
            };
            frame.extend((packed.len() as u32).to_le_bytes());
            frame.extend((stream.len() as u32).to_le_bytes());
            frame.extend(packed);
        }
        let limit = output.len() + bounds::ENCODED_SLACK_BYTES as usize;
        Ok((frame.len() <= limit).then_some(frame))
    }
}

fn part(output: &[u8], from: u64, bytes: u64) -> io::Result<&[u8]> {
    let range = || {
        let from = usize::try_from(from).ok()?;
        output.get(from..from.checked_add(usize::try_from(bytes).ok()?)?)
    };
    range().ok_or_else(|| io::Error::other("what follows the base lies outside of the image"))
}

/// The parts of `follows` that lie within a frame.
fn cut(at: u64, bytes: u64, follows: &[Follow]) -> Vec<Follow> {
    let end = at + bytes;
    let first = follows.partition_point(|follow| follow.new_at + follow.bytes <= at);
    follows
        .iter()
        .skip(first)
        .take_while(|follow| follow.new_at < end)
        .map(|follow| {
            let skipped = at.saturating_sub(follow.new_at);
            let new_at = follow.new_at + skipped;
            Follow {
                new_at,
                old_at: follow.old_at + skipped,
                bytes: (follow.bytes - skipped).min(end - new_at),
            }
        })
        .collect()
}
