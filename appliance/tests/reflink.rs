//! Clones on a real XFS: what is in them, what they cost, what they leave alone.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod ground;

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ground::xfs::Xfs;
use posto::system::reflink::{clone_file, clone_tree, exclusive_bytes, space_of};

const MIB: u64 = 1 << 20;

fn xfs() -> Option<Xfs> {
    Xfs::new(512 * MIB)
}

fn file(path: &Path) -> File {
    let mut options = File::options();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap()
}

#[test]
fn a_clone_holds_the_same_bytes_and_holes_and_shares_them_until_one_is_changed() {
    let Some(xfs) = xfs() else { return };
    let at = xfs.path();
    let (from, to) = (file(&at.join("from")), file(&at.join("to")));
    // 1 MiB of data, a hole of 6 MiB, then a tail that ends inside a block.
    from.write_all_at(&vec![7; 1 << 20], 0).unwrap();
    from.write_all_at(b"the end", 7 * MIB + 5).unwrap();
    assert_eq!(clone_file(&from, &to, 128 << 10).unwrap(), 7 * MIB + 12);
    assert_eq!(
        std::fs::read(at.join("from")).unwrap(),
        std::fs::read(at.join("to")).unwrap()
    );
    assert_eq!(space_of(&to).unwrap().held_bytes, MIB + 4096);
    assert_eq!(space_of(&to).unwrap().exclusive_bytes, 0);

    from.write_all_at(&[8; 4096], 0).unwrap();
    from.sync_all().unwrap();
    assert_eq!(space_of(&to).unwrap().exclusive_bytes, 4096);
    let mut first = [0; 1];
    to.read_exact_at(&mut first, 0).unwrap();
    assert_eq!(first, [7]);
}

#[test]
fn a_hole_at_the_end_is_part_of_the_clone() {
    let Some(xfs) = xfs() else { return };
    let (from, to) = (file(&xfs.path().join("from")), file(&xfs.path().join("to")));
    from.write_all_at(b"head", 0).unwrap();
    from.set_len(20 * MIB).unwrap();
    assert_eq!(clone_file(&from, &to, 2 * MIB).unwrap(), 20 * MIB);
    assert_eq!(space_of(&to).unwrap().held_bytes, 4096);
}

#[test]
fn a_tree_keeps_owners_modes_and_times_and_no_link_is_followed() {
    let Some(xfs) = xfs() else { return };
    let at = xfs.path();
    let (from, to) = (at.join("from"), at.join("to"));
    std::fs::create_dir_all(from.join("a/b")).unwrap();
    std::fs::create_dir(at.join("outside")).unwrap();
    file(&at.join("outside/secret"));
    symlink(at.join("outside"), from.join("a/link")).unwrap();
    let one = file(&from.join("a/b/one"));
    one.write_all_at(b"12345", 0).unwrap();
    file(&from.join("a/left-out"));
    std::os::unix::fs::chown(from.join("a/b/one"), Some(811), Some(812)).unwrap();
    one.set_permissions(std::fs::Permissions::from_mode(0o4640))
        .unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 5);
    one.set_modified(then).unwrap();
    File::open(from.join("a"))
        .unwrap()
        .set_modified(then)
        .unwrap();

    let cloned = clone_tree(&from, &to, &|path| path == Path::new("a/left-out")).unwrap();
    assert_eq!((cloned.files, cloned.bytes), (1, 5));
    let found = std::fs::metadata(to.join("a/b/one")).unwrap();
    assert_eq!(
        (found.uid(), found.gid(), found.mode() & 0o7777),
        (811, 812, 0o640)
    );
    assert_eq!(found.modified().unwrap(), then);
    assert_eq!(
        std::fs::metadata(to.join("a")).unwrap().modified().unwrap(),
        then
    );
    assert_eq!(
        std::fs::read_link(to.join("a/link")).unwrap(),
        at.join("outside")
    );
    assert!(!to.join("a/left-out").exists());
    assert!(
        clone_tree(&from, &to, &|_| false).is_err(),
        "what is there is never overwritten"
    );
}

#[test]
fn what_a_clone_costs_is_what_was_changed_since() {
    let Some(xfs) = xfs() else { return };
    let at = xfs.path();
    std::fs::create_dir(at.join("live")).unwrap();
    let data = file(&at.join("live/data"));
    data.write_all_at(&vec![1; 16 << 20], 0).unwrap();
    clone_tree(&at.join("live"), &at.join("kept"), &|_| false).unwrap();
    assert_eq!(exclusive_bytes(&at.join("kept")).unwrap(), 0);
    // Every second block, so that there are more extents than one answer holds.
    for block in 0..1500 {
        data.write_all_at(&[2; 4096], block * 8192).unwrap();
    }
    data.sync_all().unwrap();
    assert_eq!(exclusive_bytes(&at.join("kept")).unwrap(), 1500 * 4096);
}

/// Keys of this test's rows.
const KEY: &str = ground::clinic::ORDERED_UUID;
