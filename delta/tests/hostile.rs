//! Damaged, cut, swapped, lying patches and other bases: a clear error, and nothing wrong in the slot.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test panics where it fails"
)]

mod ground;

use ground::{FRAME, Slot, images, index, noise, patch};
use posto_delta::apply::{self, ApplyError};
use posto_delta::bounds;
use posto_delta::index::{Entry, Image, Index, IndexError, Side};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Applies what can be applied, and tells how it ended. What is in the slot then must be the new image up to some frame, and
/// untouched from there on.
fn ends(patch: &[u8], old: &[u8], new: &[u8]) -> Result<(), String> {
    let slot = Slot::new(new.len());
    let patch = patch.to_vec();
    let result = match Index::read(&mut patch.as_slice()) {
        Ok(index) => apply::image(&index, 0, 0, &patch, old, &slot, |_| {})
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let (bytes, writes) = (slot.bytes.borrow(), slot.writes.borrow());
    let done = (writes.len() * FRAME).min(new.len());
    assert!(bytes[..done] == new[..done], "something wrong was written");
    assert!(bytes[done..].iter().all(|byte| *byte == 0xee));
    if result.is_ok() {
        assert_eq!(done, new.len());
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn one_flipped_bit_anywhere_is_an_error_and_nothing_wrong_is_written(
        (old, new) in images(), at: prop::sample::Index, bit in 0_u8..8,
    ) {
        let mut patch = patch(Some(&old), &new);
        let at = at.index(patch.len());
        patch[at] ^= 1 << bit;
        prop_assert!(ends(&patch, &old, &new).is_err());
    }

    #[test]
    fn a_cut_patch_is_an_error_that_says_to_fetch_the_rest((old, new) in images(), at: prop::sample::Index) {
        let patch = patch(Some(&old), &new);
        let error = ends(&patch[..at.index(patch.len())], &old, &new).unwrap_err();
        prop_assert!(error.contains("fetch"), "{error}");
    }

    #[test]
    fn another_base_gives_the_new_image_or_says_so((old, new) in images(), at: prop::sample::Index, cut: bool) {
        prop_assume!(!old.is_empty());
        let patch = patch(Some(&old), &new);
        let mut other = old.clone();
        if cut {
            other.truncate(at.index(old.len()));
        } else {
            other[at.index(old.len())] ^= 1;
        }
        if let Err(error) = ends(&patch, &other, &new) {
            prop_assert!(error.contains("another base") && error.contains("whole frames"), "{error}");
        }
    }
}

#[test]
fn another_base_is_an_error_of_its_own() {
    let (old, new) = (noise(1, 20_000), noise(1, 19_000));
    let patch = patch(Some(&old), &new);
    let slot = Slot::new(new.len());
    let other = noise(2, 20_000);
    let error = apply::image(&index(&patch), 0, 0, &patch, &other, &slot, |_| {}).unwrap_err();
    assert!(matches!(error, ApplyError::OtherBase { number: 0, .. }));
    assert!(slot.writes.borrow().is_empty());
    let index = index(&patch);
    assert!(apply::base_fits(&index.images()[0], &[1; 32]));
    assert!(!apply::base_fits(&index.images()[0], &[9; 32]));
}

#[test]
fn swapped_frames_are_damaged_frames() {
    let new = noise(3, 3 * FRAME);
    let patch = patch(None, &new);
    let index = index(&patch);
    let range = |number: usize| {
        let frame = &index.frames()[number];
        let from = frame.encoded_at as usize;
        from..from + frame.entry.encoded_bytes as usize
    };
    assert_eq!(range(0).len(), range(1).len());
    let mut swapped = patch.clone();
    swapped[range(0)].copy_from_slice(&patch[range(1)]);
    swapped[range(1)].copy_from_slice(&patch[range(0)]);
    let error = ends(&swapped, &[], &new).unwrap_err();
    assert!(
        error.contains("frame 0") && error.contains("damaged"),
        "{error}"
    );
}

/// A patch of one frame with these bytes, its hashes right.
fn forged(frame: &[u8], new: &[u8]) -> Vec<u8> {
    let entry = Entry {
        encoded_bytes: frame.len() as u32,
        encoded_sha256: Sha256::digest(frame).into(),
        output_sha256: Sha256::digest(new).into(),
    };
    let image = Image {
        name: "root.erofs".into(),
        base: Side::default(),
        target: Side {
            bytes: new.len() as u64,
            ..Side::default()
        },
    };
    let index = Index::new(FRAME as u32, vec![image], &[entry]).unwrap();
    let mut patch = index.to_bytes();
    patch.extend(frame);
    patch
}

/// A frame of these streams; each says that it unpacks to so many bytes.
fn frame(streams: [(&[u8], u32); 5]) -> Vec<u8> {
    let mut frame = Vec::new();
    for (packed, unpacked_bytes) in streams {
        frame.extend((packed.len() as u32).to_le_bytes());
        frame.extend(unpacked_bytes.to_le_bytes());
        frame.extend(packed);
    }
    frame
}

#[test]
fn bombs_and_lengths_that_lie_are_refused_even_with_right_hashes() {
    let new = noise(4, FRAME);
    let pack = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).unwrap();
    let bomb = pack(&vec![0; 64 << 20]);
    assert!(bomb.len() < 10_000);
    let whole = pack(&[0, 0x80, 0x20, 0]);
    let none = (&[] as &[u8], 0);
    let packed = pack(&new);
    let extra = (packed.as_slice(), FRAME as u32);
    let control = (whole.as_slice(), 4);
    let cases = [
        (
            "a bomb among the new bytes",
            frame([control, none, none, none, (&bomb, FRAME as u32)]),
        ),
        (
            "a bomb that says so",
            frame([control, none, none, none, (&bomb, 64 << 20)]),
        ),
        (
            "a bomb of control numbers",
            frame([(&bomb, bounds::NUMBERS_BYTES), none, none, none, extra]),
        ),
        (
            "more numbers than allowed",
            frame([(&bomb, bounds::NUMBERS_BYTES + 1), none, none, none, extra]),
        ),
        (
            "less than it says",
            frame([(&whole, 5), none, none, none, extra]),
        ),
        (
            "more differences and new bytes than output",
            frame([control, none, none, (&packed, FRAME as u32), extra]),
        ),
        (
            "differences without runs",
            frame([
                control,
                none,
                none,
                (&pack(&[1]), 1),
                (&pack(&new[1..]), FRAME as u32 - 1),
            ]),
        ),
        ("no control numbers", frame([none, none, none, none, extra])),
        (
            "half a triple",
            frame([(&pack(&[0, 0x80, 0x20]), 3), none, none, none, extra]),
        ),
        (
            "a place before the base",
            frame([(&pack(&[1, 0, 1]), 3), none, none, none, none]),
        ),
        (
            "more than the base has",
            frame([(&pack(&[0x80, 0x20, 0, 0]), 4), none, none, none, none]),
        ),
        (
            "more than the output takes",
            frame([(&pack(&[0, 0x81, 0x20, 0]), 4), none, none, none, extra]),
        ),
        (
            "bytes after the streams",
            [frame([control, none, none, none, extra]), vec![0]].concat(),
        ),
        ("nothing", Vec::new()),
        ("a length beyond the frame", vec![0xff; 40]),
    ];
    for (what, frame) in cases {
        let error = ends(&forged(&frame, &new), &[], &new).expect_err(what);
        assert!(
            error.contains("nothing of it was written"),
            "{what}: {error}"
        );
    }
    let good = frame([control, none, none, none, extra]);
    ends(&forged(&good, &new), &[], &new).unwrap();
}

#[test]
fn a_head_that_says_something_impossible_is_refused_even_with_a_right_hash() {
    let new = noise(5, 3 * FRAME);
    let patch = patch(None, &new);
    let head = index(&patch).head_bytes() as usize;
    let change = |at: usize, bytes: &[u8]| {
        let mut changed = patch.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        let hash = Sha256::digest(&changed[..head - 32]);
        changed[head - 32..head].copy_from_slice(&hash);
        Index::read(&mut changed.as_slice()).unwrap_err()
    };
    // Offsets as the format's contract has them.
    let target_bytes = 24 + 32 + 72;
    assert!(matches!(change(0, b"P"), IndexError::Magic));
    assert!(matches!(change(8, &[2]), IndexError::Version(2)));
    for (at, bytes) in [
        (12, u32::MAX.to_le_bytes().to_vec()),
        (12, 100_u32.to_le_bytes().to_vec()),
        (16, u32::MAX.to_le_bytes().to_vec()),
        (20, u32::MAX.to_le_bytes().to_vec()),
        (24, b"../root".to_vec()),
        (24, vec![0; 32]),
        (target_bytes, u64::MAX.to_le_bytes().to_vec()),
        (target_bytes, (2 * FRAME as u64).to_le_bytes().to_vec()),
        (24 + 176, u32::MAX.to_le_bytes().to_vec()),
    ] {
        assert!(
            matches!(change(at, &bytes), IndexError::Impossible(_)),
            "{at}"
        );
    }
}
