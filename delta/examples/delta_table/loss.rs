//! What independent frames cost: the same streams, packed as one through all frames.

use std::path::Path;

use posto_delta::frame::STREAMS;
use posto_delta::index::Index;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// Bytes of all frames, were each kind of stream one zstd -19 stream with a window of 8 MiB.
pub(crate) fn as_one(patch: &Path, index: &Index) -> u64 {
    let patch = std::fs::read(patch).unwrap();
    let mut streams = [const { Vec::new() }; STREAMS.len()];
    let mut zstd = Decompressor::new().unwrap();
    for frame in index.frames() {
        let mut frame = &patch[frame.encoded_at as usize..];
        for stream in &mut streams {
            let number = |at: usize| u32::from_le_bytes(frame[at..at + 4].try_into().unwrap());
            let (packed, unpacked) = (number(0) as usize, number(4) as usize);
            if packed > 0 {
                stream.extend(zstd.decompress(&frame[8..8 + packed], unpacked).unwrap());
            }
            frame = &frame[8 + packed..];
        }
    }
    let mut zstd = Compressor::new(19).unwrap();
    zstd.set_parameter(CParameter::WindowLog(23)).unwrap();
    let packed = streams.map(|stream| zstd.compress(&stream).unwrap().len() as u64);
    packed.iter().sum()
}
