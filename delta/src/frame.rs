//! One frame: how at most 8 MiB of an image are made from the base and a few bytes.
//!
//! Five streams, each as packed length u32, unpacked length u32 (little-endian) and a zstd frame (nothing when it is empty), in the
//! order of [`Stream`]. The control numbers are triples: bytes that follow the base, bytes that are new, and how far the base's place
//! moves first (signed, from where it was left; 0 at the frame's beginning). Differences run through all that follows the base.

use zstd::bulk::Decompressor;

use crate::bounds::NUMBERS_BYTES;
use crate::sparse::{Misfit, Reader};
use crate::storage::ReadAt;
use crate::varint;

/// The streams of a frame, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Triples of varints.
    Control,
    /// Lengths of the zero runs of the differences.
    Zeros,
    /// Lengths of the other runs.
    Runs,
    /// The other runs' bytes.
    Differences,
    /// Bytes that are not in the base.
    Extra,
}

/// All of them.
pub const STREAMS: [Stream; 5] = [
    Stream::Control,
    Stream::Zeros,
    Stream::Runs,
    Stream::Differences,
    Stream::Extra,
];

/// Why a frame gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Lengths or streams that no maker writes.
    #[error("{0}")]
    Malformed(&'static str),
    /// zstd refused a stream.
    #[error("a stream cannot be unpacked: {0}")]
    Unpack(std::io::Error),
    /// The base is shorter than what the frame wants of it.
    #[error("the base ends before what the frame takes from it")]
    BaseEnds,
    /// The base cannot be read.
    #[error("the base cannot be read: {0}")]
    Base(std::io::Error),
}

impl From<Misfit> for FrameError {
    fn from(_: Misfit) -> Self {
        Self::Malformed("its differences do not fit its lengths")
    }
}

/// Unpacks frames; keeps its memory from one to the next.
pub struct Decoder {
    zstd: Decompressor<'static>,
    streams: [Vec<u8>; STREAMS.len()],
    output: Vec<u8>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoder")
    }
}

impl Decoder {
    /// A decoder.
    ///
    /// # Errors
    /// When there is no memory for zstd's state.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            zstd: Decompressor::new()?,
            streams: Default::default(),
            output: Vec::new(),
        })
    }

    /// The output of a frame whose hash was found right.
    ///
    /// # Errors
    /// When the frame is not what a maker writes, or the base cannot be read.
    pub fn decode(
        &mut self,
        mut encoded: &[u8],
        output_bytes: u32,
        base: &(impl ReadAt + ?Sized),
    ) -> Result<&[u8], FrameError> {
        let mut left = output_bytes;
        for (stream, unpacked) in STREAMS.into_iter().zip(&mut self.streams) {
            // Differences and new bytes together cannot be more than the output.
            let limit = match stream {
                Stream::Control | Stream::Zeros | Stream::Runs => NUMBERS_BYTES,
                Stream::Differences | Stream::Extra => left,
            };
            let length = unpack(&mut self.zstd, &mut encoded, limit, unpacked)?;
            if matches!(stream, Stream::Differences | Stream::Extra) {
                left -= length;
            }
        }
        if !encoded.is_empty() {
            return Err(FrameError::Malformed("bytes after its streams"));
        }
        let [control, zeros, runs, differences, extra] = &self.streams;
        self.output.clear();
        self.output.resize(output_bytes as usize, 0);
        let mut differences = Reader::new(zeros, runs, differences);
        build(control, &mut differences, extra, base, &mut self.output)?;
        differences.finish()?;
        Ok(&self.output)
    }
}

fn unpack(
    zstd: &mut Decompressor<'_>,
    encoded: &mut &[u8],
    limit_bytes: u32,
    unpacked: &mut Vec<u8>,
) -> Result<u32, FrameError> {
    let short = FrameError::Malformed("it ends before its streams do");
    let mut number = || -> Option<u32> {
        let (bytes, rest) = encoded.split_first_chunk()?;
        *encoded = rest;
        Some(u32::from_le_bytes(*bytes))
    };
    let (Some(packed_bytes), Some(unpacked_bytes)) = (number(), number()) else {
        return Err(short);
    };
    if unpacked_bytes > limit_bytes {
        return Err(FrameError::Malformed("a stream longer than a frame allows"));
    }
    let Some((packed, rest)) = encoded.split_at_checked(packed_bytes as usize) else {
        return Err(short);
    };
    *encoded = rest;
    unpacked.clear();
    if packed.is_empty() && unpacked_bytes == 0 {
        return Ok(0);
    }
    unpacked.reserve_exact(unpacked_bytes as usize);
    // Never more than the buffer's room, whatever the packed bytes say.
    let length = zstd
        .decompress_to_buffer(packed, unpacked)
        .map_err(FrameError::Unpack)?;
    if length != unpacked_bytes as usize {
        return Err(FrameError::Malformed(
            "a stream of another length than it says",
        ));
    }
    Ok(unpacked_bytes)
}

fn build(
    mut control: &[u8],
    differences: &mut Reader<'_>,
    mut extra: &[u8],
    base: &(impl ReadAt + ?Sized),
    mut output: &mut [u8],
) -> Result<(), FrameError> {
    let cut = || FrameError::Malformed("its control numbers end within a triple");
    let beyond = || FrameError::Malformed("its control numbers do not fit its output");
    let length = |number: u64| usize::try_from(number).map_err(|_| beyond());
    let mut place = 0_u64;
    while !control.is_empty() {
        let follows = length(varint::take(&mut control).ok_or_else(cut)?)?;
        let new = length(varint::take(&mut control).ok_or_else(cut)?)?;
        let step = varint::take_signed(&mut control).ok_or_else(cut)?;
        place = place.checked_add_signed(step).ok_or_else(beyond)?;

        let (here, rest) = output.split_at_mut_checked(follows).ok_or_else(beyond)?;
        base.read_exact_at(here, place)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => FrameError::BaseEnds,
                _ => FrameError::Base(error),
            })?;
        differences.add(here)?;
        place = place.checked_add(follows as u64).ok_or_else(beyond)?;

        let (here, rest) = rest.split_at_mut_checked(new).ok_or_else(beyond)?;
        let (bytes, extra_left) = extra.split_at_checked(new).ok_or_else(beyond)?;
        here.copy_from_slice(bytes);
        extra = extra_left;
        output = rest;
    }
    if output.is_empty() && extra.is_empty() {
        Ok(())
    } else {
        Err(beyond())
    }
}
