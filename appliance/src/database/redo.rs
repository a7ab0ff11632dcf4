//! InnoDB's redo log as MariaDB 10.8 and later write it (`ib_logfile0`), as far as a copy of it needs to know: pure.
//!
//! Source: mariadb-server, `storage/innobase/include/log0types.h` and `log0log.h` (`log_t`), `log/log0log.cc`
//! (`header_write`), `log/log0recv.cc` (`recv_sys_t::find_checkpoint`); compared with the file of a running 10.11 and 11.8.
//! Numbers are big-endian; checksums are CRC-32C.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | format: `Phys` since 10.8 |
//! | 4 | 4 | zero |
//! | 8 | 8 | the LSN that lies at byte 12,288 |
//! | 16 | 32 | who made it, e.g. `MariaDB 11.8.6` |
//! | 48 | 4 | not zero: the log is encrypted |
//! | 508 | 4 | checksum of the bytes before |
//! | 4,096 and 8,192 | 64 each | a checkpoint: its LSN, the LSN of its end record, zeros, checksum of the 60 bytes before |
//! | 12,288 | the rest | a ring of redo: the LSN counts its bytes |

/// Header and both checkpoint blocks; the ring begins here (`log_t::START_OFFSET`).
pub const HEAD_BYTES: usize = 12_288;
/// `log_t::FORMAT_10_8`.
const FORMAT_10_8: u32 = 0x5068_7973;
/// `log_t::FORMAT_ENCRYPTED`, as some versions set it in the format itself.
const ENCRYPTED: u32 = 1 << 31;
const HEADER_BYTES: usize = 512;
const CHECKPOINTS_AT: [usize; 2] = [4096, 8192];
const CHECKPOINT_BYTES: usize = 64;
/// The server's own smallest log is 4 MB; a ring without room is none.
const SMALLEST_BYTES: u64 = 1 << 20;

/// Why a log was not understood. Nothing was copied from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedoError {
    /// Shorter than its head.
    #[error("the redo log has {0} bytes: that is no log")]
    Short(u64),
    /// Of another version of the server.
    #[error(
        "the redo log's format is {format:#010x} (made by '{creator}'); only that of MariaDB 10.8 and later is known: no copy was made"
    )]
    Unknown {
        /// As it stands.
        format: u32,
        /// Who made it.
        creator: String,
    },
    /// It is encrypted.
    #[error("the redo log is encrypted: it cannot be copied by its numbers")]
    Encrypted,
    /// The header's checksum or a field is wrong.
    #[error(
        "the redo log's header is damaged: no copy was made; the running server still has the right one in memory"
    )]
    Damaged,
    /// Neither checkpoint is whole.
    #[error("the redo log holds no whole checkpoint: no copy was made")]
    NoCheckpoint,
    /// An LSN that this log cannot hold (any more).
    #[error(
        "the redo from {from} to {to} is not in a log that begins at {first} and holds {capacity} bytes"
    )]
    OutOfRange {
        /// Wanted from here.
        from: u64,
        /// To here.
        to: u64,
        /// The log's first LSN.
        first: u64,
        /// The ring's bytes.
        capacity: u64,
    },
}

/// A log as its head describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    first_lsn: u64,
    capacity: u64,
    checkpoint_lsn: u64,
    creator: String,
    checksum: u32,
}

/// A stretch of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Byte offset in the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

impl Log {
    /// Reads the head, the first [`HEAD_BYTES`] of a file of `file_bytes`. Of two whole checkpoints the later counts, as in
    /// recovery; one that is being written just now fails its checksum and the other counts.
    ///
    /// # Errors
    /// [`RedoError`].
    pub fn parse(head: &[u8], file_bytes: u64) -> Result<Self, RedoError> {
        let header = head
            .get(..HEADER_BYTES)
            .filter(|_| head.len() >= HEAD_BYTES);
        let header = header
            .filter(|_| file_bytes >= HEAD_BYTES as u64 + SMALLEST_BYTES)
            .ok_or(RedoError::Short(file_bytes))?;
        let creator = creator(header);
        let format = u32_at(header, 0);
        if format == FORMAT_10_8 | ENCRYPTED {
            return Err(RedoError::Encrypted);
        }
        if format != FORMAT_10_8 {
            return Err(RedoError::Unknown { format, creator });
        }
        let checksum = u32_at(header, HEADER_BYTES - 4);
        if crc32c(header.get(..HEADER_BYTES - 4).unwrap_or_default()) != checksum
            || u32_at(header, 4) != 0
        {
            return Err(RedoError::Damaged);
        }
        if u32_at(header, 48) != 0 {
            return Err(RedoError::Encrypted);
        }
        let first_lsn = u64_at(header, 8);
        // log_t::FIRST_LSN: smaller ones do not exist in this format.
        if first_lsn < HEAD_BYTES as u64 {
            return Err(RedoError::Damaged);
        }
        let checkpoint_lsn = CHECKPOINTS_AT
            .iter()
            .filter_map(|at| checkpoint(head.get(*at..at + CHECKPOINT_BYTES)?, first_lsn))
            .max()
            .ok_or(RedoError::NoCheckpoint)?;
        Ok(Self {
            first_lsn,
            capacity: file_bytes - HEAD_BYTES as u64,
            checkpoint_lsn,
            creator,
            checksum,
        })
    }

    /// Where recovery begins.
    #[must_use]
    pub fn checkpoint_lsn(&self) -> u64 {
        self.checkpoint_lsn
    }

    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The version that made the log, e.g. `MariaDB 11.8.6`.
    #[must_use]
    pub fn creator(&self) -> &str {
        &self.creator
    }

    /// Whether `other` is the same log, perhaps with a later checkpoint: the server makes a new one when its size is changed.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        (self.first_lsn, self.capacity, self.checksum)
            == (other.first_lsn, other.capacity, other.checksum)
    }

    /// Where the byte with this LSN lies in the file; `None` before the log's first.
    #[must_use]
    pub fn offset(&self, lsn: u64) -> Option<u64> {
        let since = lsn.checked_sub(self.first_lsn)?;
        Some(HEAD_BYTES as u64 + since % self.capacity)
    }

    /// The redo of `from..to` as it lies in the file: one stretch, or two where the ring's end lies between.
    ///
    /// # Errors
    /// [`RedoError::OutOfRange`] when `from` lies before the log's first LSN or behind `to`, or when it was overwritten by then.
    pub fn stretches(&self, from: u64, to: u64) -> Result<Vec<Stretch>, RedoError> {
        let out_of_range = RedoError::OutOfRange {
            from,
            to,
            first: self.first_lsn,
            capacity: self.capacity,
        };
        let (Some(offset), Some(length)) = (self.offset(from), to.checked_sub(from)) else {
            return Err(out_of_range);
        };
        if length > self.capacity {
            return Err(out_of_range);
        }
        let until_end = HEAD_BYTES as u64 + self.capacity - offset;
        let all = [
            Stretch {
                offset,
                length: length.min(until_end),
            },
            Stretch {
                offset: HEAD_BYTES as u64,
                length: length.saturating_sub(until_end),
            },
        ];
        Ok(all.into_iter().filter(|one| one.length > 0).collect())
    }

    /// Whether the server may have written over redo since the checkpoint when it is at `lsn`: more than 90 % of the ring are
    /// used. (Its writes run ahead of what it says by at most its log buffer.)
    #[must_use]
    pub fn is_spent(&self, lsn: u64) -> bool {
        let used = u128::from(lsn.saturating_sub(self.checkpoint_lsn));
        used * 10 > u128::from(self.capacity) * 9
    }
}

/// A checkpoint block's LSN, if the block is whole.
fn checkpoint(block: &[u8], first_lsn: u64) -> Option<u64> {
    let (lsn, end_lsn) = (u64_at(block, 0), u64_at(block, 8));
    let zeros = block.get(16..CHECKPOINT_BYTES - 4)?;
    let whole = lsn >= first_lsn
        && end_lsn >= lsn
        && zeros.iter().all(|byte| *byte == 0)
        && crc32c(block.get(..CHECKPOINT_BYTES - 4)?) == u32_at(block, CHECKPOINT_BYTES - 4);
    whole.then_some(lsn)
}

fn creator(header: &[u8]) -> String {
    let bytes = header.get(16..48).unwrap_or_default();
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    text.iter()
        .filter(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .map(|byte| char::from(*byte))
        .collect()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    u32::from_be_bytes(found.copied().unwrap_or_default())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    u64::from_be_bytes(found.copied().unwrap_or_default())
}

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), bit by bit: only some hundred bytes a snapshot.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut rest = u32::MAX;
    for byte in bytes {
        rest ^= u32::from(*byte);
        for _ in 0..8 {
            rest = (rest >> 1) ^ (0x82F6_3B78 & (rest & 1).wrapping_neg());
        }
    }
    !rest
}

#[cfg(test)]
mod tests;
