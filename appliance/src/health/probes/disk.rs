//! The data disk's room (statvfs(3)).

use std::path::Path;

/// What statvfs says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Used, percent, rounded up.
    pub used_percent: u8,
    /// Free for use, bytes.
    pub free_bytes: u64,
    /// Inodes used, percent, rounded up; XFS makes more as it needs them.
    pub inodes_used_percent: Option<u8>,
}

/// Looks. `None`: it cannot be told.
#[must_use]
pub fn room(data: &Path) -> Option<Room> {
    let space = rustix::fs::statvfs(data).ok()?;
    Some(Room {
        used_percent: used_percent(space.f_blocks, space.f_bavail)?,
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        inodes_used_percent: used_percent(space.f_files, space.f_favail),
    })
}

fn used_percent(all: u64, free: u64) -> Option<u8> {
    let used = all.checked_sub(free)?;
    let percent = (u128::from(used) * 100).div_ceil(u128::from(all.max(1)));
    (all > 0).then(|| u8::try_from(percent).unwrap_or(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_its_last_block_free_is_not_told_as_emptier_than_it_is() {
        assert_eq!(used_percent(1000, 1000), Some(0));
        assert_eq!(used_percent(1000, 999), Some(1));
        assert_eq!(used_percent(1000, 1), Some(100));
        assert_eq!(used_percent(u64::MAX, 0), Some(100));
        assert_eq!(used_percent(0, 0), None);
        assert_eq!(used_percent(5, 6), None);
        assert!(room(Path::new("/")).is_some());
        assert!(room(Path::new("/nowhere")).is_none());
    }
}
