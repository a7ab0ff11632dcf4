//! One at a time: a lock (flock(2)) on a file that is there for nothing else. It ends with its holder, however that ends.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Holds the file at `path`, which is made, as long as the answer lives. `None`: somebody else does. The file is never removed: a lock on
/// a removed file would let two in.
///
/// # Errors
/// The kernel's.
pub fn try_hold(path: &Path) -> std::io::Result<Option<File>> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_held_by_one_and_free_when_that_one_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = try_hold(&path).unwrap();
        assert!(first.is_some());
        assert!(try_hold(&path).unwrap().is_none());
        drop(first);
        assert!(try_hold(&path).unwrap().is_some());
        assert!(try_hold(&dir.path().join("no/lock")).is_err());
    }
}
