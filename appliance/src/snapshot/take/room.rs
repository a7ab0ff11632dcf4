//! How much room a snapshot needs when it is taken: its clones share every block; only the copy of the redo log is new.

use super::error::TakeError;
use crate::database::import::space::free_bytes;
use crate::places::Places;

/// What the clinic must have left: the snapshot's blocks become its own as the clinic changes them.
const RESERVE_BYTES: u64 = 1 << 30;

/// Refuses where the disk is too full.
pub(super) fn check(places: &Places) -> Result<(), TakeError> {
    let log = std::fs::metadata(places.database().join("ib_logfile0"));
    let log_bytes = log.map_or(0, |found| found.len());
    // Where it cannot be told, the clone itself will say so.
    let free = free_bytes(&places.data()).unwrap_or(u64::MAX);
    decide(log_bytes, free)
}

fn decide(log_bytes: u64, free_bytes: u64) -> Result<(), TakeError> {
    let needed = log_bytes.saturating_add(RESERVE_BYTES);
    if free_bytes >= needed {
        return Ok(());
    }
    Err(TakeError::Room {
        needed_mb: needed >> 20,
        free_mb: free_bytes >> 20,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_redo_and_a_reserve_must_be_free() {
        assert!(decide(256 << 20, 1280 << 20).is_ok());
        let error = decide(256 << 20, (1280 << 20) - 1).unwrap_err();
        assert!(
            error.to_string().contains("1280 MB free, 1279 MB"),
            "{error}"
        );
        assert!(decide(u64::MAX, u64::MAX).is_ok());
    }
}
