//! The maker looks into erofs images, and follows a file wherever it has moved.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod ground;

use ground::layout::erofs;
use ground::{Slot, index, noise, patch};
use posto_delta::{apply, erofs as reader};

#[test]
fn files_are_found_with_their_whole_blocks() {
    let (one, two) = (noise(1, 10_000), noise(2, 5_000));
    let image = erofs(&[
        ("one", &one, true),
        ("small", b"tail only", true),
        ("two", &two, false),
    ]);
    let files = reader::files(&image, image.len() as u64).unwrap();
    let found: Vec<_> = files
        .iter()
        .map(|file| (String::from_utf8_lossy(&file.path).into_owned(), file.bytes))
        .collect();
    assert_eq!(
        found,
        [("d/one".to_owned(), 8192), ("d/two".to_owned(), 8192)]
    );
    assert!(image[files[0].at as usize..].starts_with(&one[..8192]));
    assert!(image[files[1].at as usize..].starts_with(&two));
}

#[test]
fn moved_and_renamed_files_cost_next_to_nothing() {
    let (a, b, mut c) = (noise(1, 200_000), noise(2, 150_000), noise(3, 100_000));
    let old = erofs(&[("a", &a, true), ("libb.so.1", &b, true), ("c", &c, false)]);
    c[50_000] ^= 1;
    let new = erofs(&[("c", &c, false), ("libb.so.2", &b, true), ("d", &a, true)]);
    let patch = patch(Some(&old), &new);
    // 115 frames of 4 KiB, each with its entry and the heads of its streams.
    assert!(patch.len() < 20_000, "{}", patch.len());
    let slot = Slot::new(new.len());
    apply::image(&index(&patch), 0, 0, &patch, &old, &slot, |_| {}).unwrap();
    assert!(*slot.bytes.borrow() == new);
}

/// Where the host has mkfs.erofs: its images, not ours.
#[test]
fn an_image_of_mkfs_erofs_is_read_and_patched() {
    let made = |files: &[(&str, Vec<u8>)]| -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        for (path, content) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let image = folder.path().join("image");
        let status = std::process::Command::new("mkfs.erofs")
            .args(["-T", "1", "-x", "1"])
            .args([&image, &root])
            .stdout(std::process::Stdio::null())
            .status()
            .ok()?;
        assert!(status.success());
        Some(std::fs::read(image).unwrap())
    };
    let old_files = [
        ("usr/lib/modules/6.12.1/kernel/a.ko", noise(1, 70_000)),
        ("usr/bin/b", noise(2, 9_000)),
        ("etc/c", noise(3, 40)),
    ];
    let mut new_files = old_files.clone();
    new_files[0].0 = "usr/lib/modules/6.12.2/kernel/a.ko";
    new_files[0].1[30_000] ^= 9;
    new_files[1].1.splice(100..100, noise(4, 5_000));
    let (Some(old), Some(new)) = (made(&old_files), made(&new_files)) else {
        eprintln!("no mkfs.erofs here: not run");
        return;
    };
    let files = reader::files(&old, old.len() as u64).unwrap();
    assert_eq!(files.len(), 2);
    let patch = patch(Some(&old), &new);
    assert!(patch.len() < 15_000, "{}", patch.len());
    let slot = Slot::new(new.len());
    apply::image(&index(&patch), 0, 0, &patch, &old, &slot, |_| {}).unwrap();
    assert!(*slot.bytes.borrow() == new);
}
