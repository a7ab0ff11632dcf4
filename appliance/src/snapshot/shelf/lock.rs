//! The shelf's locks: flock, so that a killed owner leaves none behind.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::ShelfError;
use crate::snapshot::id::Id;
use crate::system::clock;

const PAUSE: Duration = Duration::from_millis(50);

/// The shelf's own lock, waited for no longer than `wait`.
pub(super) fn exclusive(path: &Path, wait: Duration) -> Result<File, ShelfError> {
    let failed = |source| ShelfError::Lock {
        path: path.to_path_buf(),
        source,
    };
    // Never removed: a lock on a removed file would let two owners in.
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let begun = clock::since_boot();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if clock::since_boot().saturating_sub(begun) >= wait => {
                return Err(ShelfError::Busy);
            }
            Err(Errno::WOULDBLOCK) => clock::pause(PAUSE),
            Err(error) => return Err(failed(error.into())),
        }
    }
}

/// A shared lock of a snapshot's directory.
pub(super) fn shared(directory: &Path, id: Id) -> Result<File, ShelfError> {
    directory_lock(directory, id, FlockOperation::NonBlockingLockShared)
}

/// Nobody else holds the snapshot's directory while this lives.
pub(super) fn alone(directory: &Path, id: Id) -> Result<File, ShelfError> {
    directory_lock(directory, id, FlockOperation::NonBlockingLockExclusive)
}

fn directory_lock(directory: &Path, id: Id, operation: FlockOperation) -> Result<File, ShelfError> {
    let failed = |source: std::io::Error| {
        if source.kind() == std::io::ErrorKind::NotFound {
            return ShelfError::Unknown(id);
        }
        ShelfError::Lock {
            path: directory.to_path_buf(),
            source,
        }
    };
    let file = File::open(directory).map_err(failed)?;
    match flock(&file, operation) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(ShelfError::InUse(id)),
        Err(error) => return Err(failed(error.into())),
    }
    // Between opening and locking it may have been thrown away: then the name is gone or another's.
    let (mine, there) = (
        file.metadata().map_err(failed)?,
        std::fs::metadata(directory).map_err(failed)?,
    );
    if (mine.dev(), mine.ino()) == (there.dev(), there.ino()) {
        Ok(file)
    } else {
        Err(ShelfError::Unknown(id))
    }
}
