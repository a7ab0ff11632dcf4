//! Fuzz targets of what a mirror or a stick may hold, and of the images that a patch is made from.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test panics where it fails"
)]

mod ground;
#[path = "../../tests/fuzz/target.rs"]
mod target;

use ground::layout::erofs;
use ground::{FRAME, Slot, noise};
use posto_delta::frame::Decoder;
use posto_delta::index::Index;
use posto_delta::{apply, erofs as reader};
use target::fuzz;

fn old() -> Vec<u8> {
    erofs(&[
        ("a", &noise(1, 5_000), true),
        ("b", b"tail", true),
        ("c", &noise(2, 4_500), false),
    ])
}

fn patch() -> Vec<u8> {
    let new = erofs(&[
        ("c", &noise(2, 4_600), false),
        ("new", &noise(3, 900), true),
    ]);
    ground::patch(Some(&old()), &new)
}

/// A head that is taken writes back as the same bytes, and no lie in it leads further than to an error.
#[test]
fn heads() {
    let (patch, old) = (patch(), old());
    let head = Index::read(&mut patch.as_slice()).unwrap().to_bytes();
    fuzz!([patch.as_slice(), &head], |bytes: &[u8]| {
        if let Ok(index) = Index::read(&mut &*bytes) {
            assert_eq!(index.to_bytes(), bytes[..index.head_bytes() as usize]);
            if index
                .images()
                .first()
                .is_some_and(|image| image.target.bytes < 1 << 20)
            {
                let slot = Slot::new(index.images()[0].target.bytes as usize);
                let _ = apply::image(&index, 0, 0, &bytes.to_vec(), &old, &slot, |_| {});
            }
        }
    });
}

/// Frames whose hash says nothing: as if a publisher had signed them.
#[test]
fn frames() {
    let (patch, old) = (patch(), old());
    let index = Index::read(&mut patch.as_slice()).unwrap();
    let frames: Vec<&[u8]> = index
        .frames()
        .iter()
        .map(|frame| &patch[frame.encoded_at as usize..][..frame.entry.encoded_bytes as usize])
        .collect();
    fuzz!(frames, |bytes: &[u8]| {
        let mut decoder = Decoder::new().unwrap();
        if let Ok(output) = decoder.decode(bytes, FRAME as u32, &old) {
            assert_eq!(output.len(), FRAME);
        }
    });
}

/// Unpacked streams, so that changes reach the numbers behind zstd: lengths first, then the five streams back to back.
#[test]
fn streams() {
    let old = old();
    let seed = [
        &[6_u8, 1, 1, 2, 4][..],
        &[20, 2, 4, 0, 2, 0],
        &[3],
        &[2],
        &[7, 8],
        b"wxyz",
    ]
    .concat();
    fuzz!([seed.as_slice()], |bytes: &[u8]| {
        let Some((lengths, mut rest)) = bytes.split_at_checked(5) else {
            return;
        };
        let mut frame = Vec::new();
        for length in lengths {
            let (stream, after) = rest.split_at(usize::from(*length).min(rest.len()));
            rest = after;
            let packed = zstd::bulk::compress(stream, 1).unwrap();
            frame.extend((packed.len() as u32).to_le_bytes());
            frame.extend((stream.len() as u32).to_le_bytes());
            frame.extend(packed);
        }
        let _ = Decoder::new().unwrap().decode(&frame, 24, &old);
    });
}

/// Files that are found lie within the image, in order, apart from each other.
#[test]
fn erofs_images() {
    let old = old();
    let inodes = &old[..16 * 1024];
    fuzz!([old.as_slice(), inodes], |bytes: &[u8]| {
        if let Ok(files) = reader::files(bytes, bytes.len() as u64) {
            let mut end = 0;
            for file in files {
                assert!(file.at >= end && file.bytes > 0);
                end = file.at + file.bytes;
                assert!(end <= bytes.len() as u64);
            }
        }
    });
}
