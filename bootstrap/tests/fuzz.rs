//! Fuzz targets of what the initrd reads from a disk that may be anybody's.

#[path = "../../tests/fuzz/target.rs"]
#[allow(clippy::indexing_slicing)]
mod target;

use posto_bootstrap::xfs::{Superblock, read_superblock};
use target::fuzz;

/// Only a whole sector with XFS's mark is one: anything else is never taken for it.
#[test]
fn superblock() {
    fuzz!(
        [include_bytes!("../src/xfs_first_sector.bin").as_slice()],
        |bytes: &[u8]| {
            let xfs = matches!(read_superblock(bytes), Superblock::Xfs { .. });
            assert_eq!(xfs, bytes.len() >= 512 && bytes.starts_with(b"XFSB"));
        }
    );
}
