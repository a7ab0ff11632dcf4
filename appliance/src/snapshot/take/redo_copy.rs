//! The copy of the redo log from the checkpoint to the cut. A copy, not a clone: blocks that the log shares with a clone would
//! make every commit after it copy them first.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::error::TakeError;
use crate::database::redo::{HEAD_BYTES, Log};

const NAME: &str = "ib_logfile0";
const BUFFER_BYTES: usize = 1 << 20;

/// Where recovery of the running server in `database` would begin now.
pub(super) fn checkpoint_lsn(database: &Path) -> Result<u64, TakeError> {
    let (_, head, bytes) = open(database)?;
    Ok(Log::parse(&head, bytes)?.checkpoint_lsn())
}

/// The log, its head and its length.
fn open(database: &Path) -> Result<(File, Vec<u8>, u64), TakeError> {
    let read = || {
        let log = File::open(database.join(NAME))?;
        let mut head = vec![0; HEAD_BYTES];
        log.read_exact_at(&mut head, 0)?;
        let bytes = log.metadata()?.len();
        std::io::Result::Ok((log, head, bytes))
    };
    read().map_err(TakeError::Copy)
}

/// A log half copied.
#[derive(Debug)]
pub(super) struct RedoCopy {
    database: PathBuf,
    from: File,
    to: File,
    /// As it was before the first page was cloned.
    head: Vec<u8>,
    log: Log,
    /// The redo before this LSN is copied and will not change any more.
    copied: u64,
}

impl RedoCopy {
    /// Reads the head (before any page is cloned: its checkpoint is where recovery will begin) and makes the empty copy, sparse
    /// and of the same size.
    pub(super) fn begin(database: &Path, to: &Path) -> Result<Self, TakeError> {
        let (from, head, bytes) = open(database)?;
        let found = from.metadata().map_err(TakeError::Copy)?;
        let log = Log::parse(&head, bytes)?;
        let make = || {
            let to = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(to.join(NAME))?;
            to.set_len(bytes)?;
            fchown(&to, Some(found.uid()), Some(found.gid()))?;
            to.set_permissions(std::fs::Permissions::from_mode(found.mode() & 0o7777))?;
            std::io::Result::Ok(to)
        };
        Ok(Self {
            database: database.to_path_buf(),
            from,
            to: make().map_err(TakeError::Copy)?,
            head,
            copied: log.checkpoint_lsn(),
            log,
        })
    }

    pub(super) fn checkpoint_lsn(&self) -> u64 {
        self.log.checkpoint_lsn()
    }

    /// Bytes from what is copied to `lsn`.
    pub(super) fn left(&self, lsn: u64) -> u64 {
        lsn.saturating_sub(self.copied)
    }

    /// Copies on to `lsn`, of which the server says that it is on the disk.
    pub(super) fn copy_flushed(&mut self, lsn: u64) -> Result<(), TakeError> {
        if self.left(lsn) > 0 {
            self.copy(lsn)?;
            self.copied = lsn;
        }
        Ok(())
    }

    /// Copies the rest, while commits wait. `lsn` is where the server is in memory: what it has not written yet belongs to no
    /// acknowledged commit, and recovery ends at the first record that is not whole.
    pub(super) fn copy_tail(&mut self, lsn: u64) -> Result<(), TakeError> {
        self.copy(lsn)
    }

    fn copy(&self, lsn: u64) -> Result<(), TakeError> {
        if self.log.is_spent(lsn) {
            return Err(TakeError::Overrun { tries: 1 });
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        for stretch in self.log.stretches(self.copied, lsn)? {
            let (mut offset, end) = (stretch.offset, stretch.offset + stretch.length);
            while offset < end {
                let length = usize::try_from(end - offset)
                    .map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
                let part = buffer.get_mut(..length).unwrap_or_default();
                self.from
                    .read_exact_at(part, offset)
                    .and_then(|()| self.to.write_all_at(part, offset))
                    .map_err(TakeError::Copy)?;
                offset += length as u64;
            }
        }
        Ok(())
    }

    /// Puts the head on the copy, once everything behind it is there. `lsn` is where the server is now: what was read last must
    /// not have been written over meanwhile, and it must still be the same log.
    pub(super) fn finish(self, lsn: u64) -> Result<(), TakeError> {
        if self.log.is_spent(lsn) {
            return Err(TakeError::Overrun { tries: 1 });
        }
        let (_, head, bytes) = open(&self.database)?;
        // A checkpoint block that is half-written just now is no reason to doubt the header before it.
        let same = Log::parse(&head, bytes).is_ok_and(|other| other.is_same_as(&self.log));
        if !same {
            return Err(TakeError::OtherLog);
        }
        self.to.write_all_at(&self.head, 0).map_err(TakeError::Copy)
    }
}
