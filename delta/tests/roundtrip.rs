//! What a patch makes is the new image, from whichever frame it goes on.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test panics where it fails"
)]

mod ground;

use ground::{FRAME, Slot, images, index, noise, patch};
use posto_delta::{apply, written};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_patch_makes_the_new_image_of_the_old_one((old, new) in images()) {
        let patch = patch(Some(&old), &new);
        let (index, slot) = (index(&patch), Slot::new(new.len()));
        apply::image(&index, 0, 0, &patch, &old, &slot, |_| {}).unwrap();
        prop_assert!(*slot.bytes.borrow() == new);
        prop_assert_eq!(index.patch_bytes(), patch.len() as u64);
        written::whole(&index.images()[0], &slot).unwrap();
    }

    #[test]
    fn whole_frames_make_the_new_image_of_nothing((_, new) in images()) {
        let patch = patch(None, &new);
        let (index, slot) = (index(&patch), Slot::new(new.len()));
        apply::image(&index, 0, 0, &patch, [].as_slice(), &slot, |_| {}).unwrap();
        prop_assert!(*slot.bytes.borrow() == new);
    }

    #[test]
    fn from_every_frame_on_it_gives_the_same_bytes((old, new) in images()) {
        let patch = patch(Some(&old), &new);
        let index = index(&patch);
        for from in 0..=index.frames().len() {
            let slot = Slot::new(new.len());
            let done = (from * FRAME).min(new.len());
            slot.bytes.borrow_mut()[..done].copy_from_slice(&new[..done]);
            let mut told = from;
            apply::image(&index, 0, from, &patch, &old, &slot, |frames| told = frames).unwrap();
            prop_assert!(*slot.bytes.borrow() == new);
            prop_assert_eq!(told, index.frames().len());
        }
    }

    #[test]
    fn cut_in_the_middle_of_a_write_it_goes_on_where_the_hashes_say((old, new) in images(), cut in 0_usize..60_000) {
        let patch = patch(Some(&old), &new);
        let (index, slot) = (index(&patch), Slot::new(new.len()));
        *slot.left.borrow_mut() = cut;
        let result = apply::image(&index, 0, 0, &patch, &old, &slot, |_| {});
        prop_assert_eq!(result.is_err(), cut < new.len());
        *slot.left.borrow_mut() = usize::MAX;
        let from = written::frames(&index, 0, &slot, usize::MAX);
        prop_assert!(from >= cut.min(new.len()) / FRAME);
        apply::image(&index, 0, from, &patch, &old, &slot, |_| {}).unwrap();
        prop_assert!(*slot.bytes.borrow() == new);
    }
}

#[test]
fn several_images_share_one_patch() {
    use posto_delta::make::{self, Pair};
    let (old, new) = (noise(1, 30_000), noise(1, 29_000));
    let pair = |name, old: &'static [u8], new: &'static [u8]| Pair {
        name,
        old: (!old.is_empty()).then(|| ground::source(old, [0; 32])),
        new: ground::source(new, [0; 32]),
    };
    let (old, new): (&'static [u8], &'static [u8]) = (old.leak(), new.leak());
    let pairs = [
        pair("root.erofs", old, new),
        pair("empty", old, &[]),
        pair("vmlinuz", &[], new),
    ];
    let mut bytes = Vec::new();
    make::patch(&pairs, &ground::OPTIONS)
        .unwrap()
        .write(&mut bytes)
        .unwrap();
    let index = index(&bytes);
    for (number, base) in [old, old, &[]].into_iter().enumerate() {
        let length = index.images()[number].target.bytes as usize;
        let slot = Slot::new(length);
        apply::image(&index, number, 0, &bytes, base, &slot, |_| {}).unwrap();
        assert!(*slot.bytes.borrow() == new[..length]);
    }
}

#[test]
fn small_changes_give_a_small_patch() {
    let old = noise(7, 500_000);
    let mut new = noise(8, 333);
    new.extend(&old);
    for byte in new.iter_mut().step_by(5000) {
        *byte ^= 0x5a;
    }
    let patch = patch(Some(&old), &new);
    // 123 frames of 4 KiB: what a frame costs in the index and in its streams, and the new bytes.
    assert!(patch.len() < 25_000, "{}", patch.len());
}
