//! How much room an import needs.

use std::path::Path;

/// InnoDB's tables and indexes for one byte of dump. Measured on dumps of observations with 12 indexes and random
/// UUIDs: a data directory of 0.8 GB for 143 MB (5.6), 0.64 GB for 151 MB (4.2).
const GROWTH: u64 = 6;
/// System tables, undo and redo logs of a fresh server, and its temporary files' floor.
const BASE_BYTES: u64 = 1 << 30;
/// The import gives up rather than fill the live database's disk below this.
pub const RESERVE_BYTES: u64 = 512 << 20;

/// An upper estimate of the room for a dump of this unpacked size, in bytes.
#[must_use]
pub fn needed_bytes(unpacked_bytes: u64) -> u64 {
    unpacked_bytes
        .saturating_mul(GROWTH)
        .saturating_add(BASE_BYTES)
        .saturating_add(RESERVE_BYTES)
}

/// Bytes free for root on the file system of `path`; `None` when it cannot be told.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Memory that may be used now, in bytes, from the text of /proc/meminfo.
#[must_use]
pub fn available_memory_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// The throwaway server's buffer pool: half of what is free, since the clinic's own services go on.
#[must_use]
pub fn pool_bytes(available_bytes: u64) -> u64 {
    const FLOOR: u64 = 128 << 20;
    const CEILING: u64 = 4 << 30;
    // Whole MiB, as the server rounds anyway.
    ((available_bytes / 2).clamp(FLOOR, CEILING) >> 20) << 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_grows_with_the_dump_and_never_overflows() {
        assert!(needed_bytes(0) >= BASE_BYTES);
        assert!(needed_bytes(143_000_000) > 800_000_000);
        assert_eq!(needed_bytes(u64::MAX), u64::MAX);
    }

    #[test]
    fn the_pool_takes_half_of_what_is_free_within_bounds() {
        let free = available_memory_bytes("MemTotal: 8 kB\nMemAvailable:    2097152 kB\n").unwrap();
        assert_eq!(pool_bytes(free), 1 << 30);
        assert_eq!(pool_bytes(0), 128 << 20);
        assert_eq!(pool_bytes(u64::MAX), 4 << 30);
        assert_eq!(available_memory_bytes("nothing"), None);
    }
}
