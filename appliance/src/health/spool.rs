//! Pings that the hub has not proven to have: SQLite, WAL, synchronous=FULL. A year at a ping each 15 minutes fits; beyond that
//! the oldest routine ones are thinned, those about alarms never (their number is bounded where they are made,
//! [`super::schedule::AlarmGate`]). Only the hub's own signature removes one.

mod months;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::ack::{Ack, BATCH_LIMIT, Verdict, check};
use super::cose::{KeyId, Verified};
use super::frame::FrameError;
use super::schedule::Waiting;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::sqlite::{is_damage, put_aside};

pub use months::month;

/// Routine pings kept: 366 days at one in 15 minutes. 220 bytes each on the disk: 8 MB.
pub const ROUTINE_KEPT: u64 = 35_136;
/// Of so many of the oldest, every second one goes at once.
const THINNED: u64 = 1024;
/// Numbers are set aside in the file beside the spool by so many at once.
const RESERVED: u32 = 1024;
const BUSY: Duration = Duration::from_secs(2);

/// What a message is about; they are sent in this order, each kind by its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Who this box is.
    Hello,
    /// A change of alarms.
    Alarm,
    /// As the clock goes.
    Routine,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Hello, Self::Alarm, Self::Routine];
}

/// Why the spool could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// SQLite's answer.
    #[error(
        "the spool of pings {path} cannot be used: {source}; the clinic is not affected, the province does not hear of this box"
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A file beside it.
    #[error("{0}")]
    File(#[from] DurableError),
    /// The message could not be made.
    #[error("the ping could not be made: {0}")]
    Making(FrameError),
    /// Four thousand million pings.
    #[error("there are no numbers left for pings")]
    NumbersSpent,
}

/// One message as it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub sequence: u32,
    /// What it is about.
    pub kind: Kind,
    /// Signed.
    pub bytes: Vec<u8>,
}

/// The open spool.
#[derive(Debug)]
pub struct Spool {
    connection: Connection,
    path: PathBuf,
    numbers: PathBuf,
    /// Numbers below it are set aside.
    reserved: u32,
}

impl Spool {
    /// Opens the spool, or makes it. One that is damaged is put aside and begun anew: its numbers go on where `numbers`
    /// says, so that none is given twice.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn open(path: &Path, numbers: &Path) -> Result<Self, SpoolError> {
        match Self::try_open(path, numbers) {
            Err(SpoolError::Sqlite { source, .. }) if is_damage(&source) => {
                put_aside(path)?;
                Self::try_open(path, numbers)
            }
            other => other,
        }
    }

    fn try_open(path: &Path, numbers: &Path) -> Result<Self, SpoolError> {
        let failed = |source| SpoolError::Sqlite {
            path: path.to_path_buf(),
            source,
        };
        let reserved = durable::read(numbers, 64)?
            .and_then(|text| String::from_utf8_lossy(&text).trim().parse().ok())
            .unwrap_or(1u32);
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-256;
                 CREATE TABLE IF NOT EXISTS ping (
                   sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
                 CREATE INDEX IF NOT EXISTS ping_order ON ping (kind, sequence);
                 CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
                 CREATE TABLE IF NOT EXISTS spent (month INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;",
            )
            .map_err(failed)?;
        // A spool that is new, though numbers were given: it was lost.
        connection
            .execute(
                "INSERT INTO fact VALUES ('next', ?1) ON CONFLICT (name) DO NOTHING",
                [reserved],
            )
            .map_err(failed)?;
        Ok(Self {
            connection,
            path: path.to_path_buf(),
            numbers: numbers.to_path_buf(),
            reserved,
        })
    }

    fn failed(&self, source: rusqlite::Error) -> SpoolError {
        SpoolError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }

    /// Puts a message in. `make` signs it with the number that it is given. A hello takes the place of one that waits.
    ///
    /// # Errors
    /// [`SpoolError`]; nothing was put in.
    pub fn append(
        &mut self,
        kind: Kind,
        make: impl FnOnce(u32) -> Result<Vec<u8>, FrameError>,
    ) -> Result<u32, SpoolError> {
        let next = self.next_number()?;
        let after = next.checked_add(1).ok_or(SpoolError::NumbersSpent)?;
        self.reserve(after)?;
        let bytes = make(next).map_err(SpoolError::Making)?;
        let put = || -> rusqlite::Result<()> {
            let transaction = self.connection.unchecked_transaction()?;
            if kind == Kind::Hello {
                transaction.execute("DELETE FROM ping WHERE kind = ?1", [Kind::Hello as i64])?;
            }
            transaction.execute(
                "INSERT INTO ping VALUES (?1, ?2, ?3)",
                params![next, kind as i64, bytes],
            )?;
            transaction.execute("UPDATE fact SET value = ?1 WHERE name = 'next'", [after])?;
            thin(&transaction)?;
            transaction.commit()
        };
        put().map_err(|source| self.failed(source))?;
        Ok(next)
    }

    fn next_number(&self) -> Result<u32, SpoolError> {
        self.connection
            .query_row("SELECT value FROM fact WHERE name = 'next'", [], |row| {
                row.get(0)
            })
            .map_err(|source| self.failed(source))
    }

    /// Numbers up to and with `next` are never given again, also if this file is lost.
    fn reserve(&mut self, next: u32) -> Result<(), DurableError> {
        if next < self.reserved {
            return Ok(());
        }
        let reserved = next.saturating_add(RESERVED);
        let text = format!("{reserved}\n");
        durable::write(&self.numbers, text.as_bytes(), Owner::mode(0o644))?;
        self.reserved = reserved;
        Ok(())
    }

    /// The next to be sent: hello, alarms, routine; `urgent_only`: no routine ones.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn next(&self, count: usize, urgent_only: bool) -> Result<Vec<Kept>, SpoolError> {
        let last = if urgent_only {
            Kind::Alarm
        } else {
            Kind::Routine
        };
        let list = || -> rusqlite::Result<Vec<Kept>> {
            let mut statement = self.connection.prepare(
                "SELECT sequence, kind, bytes FROM ping WHERE kind <= ?1 ORDER BY kind, sequence LIMIT ?2",
            )?;
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![last as i64, count], |row| {
                let kind: usize = row.get(1)?;
                Ok(Kept {
                    sequence: row.get(0)?,
                    kind: Kind::ALL.get(kind).copied().unwrap_or(Kind::Routine),
                    bytes: row.get(2)?,
                })
            })?;
            rows.collect()
        };
        list().map_err(|source| self.failed(source))
    }

    /// What waits.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn waiting(&self) -> Result<Waiting, SpoolError> {
        let count = |condition: &str| -> rusqlite::Result<u64> {
            let query = format!("SELECT count(*) FROM ping WHERE kind {condition}");
            let routine = Kind::Routine as i64;
            self.connection
                .query_row(&query, [routine], |row| row.get(0))
        };
        let both = || {
            Ok(Waiting {
                urgent: count("< ?1")?,
                routine: count("= ?1")?,
            })
        };
        both().map_err(|source| self.failed(source))
    }

    /// Removes what the hub has proven to have; how many that were. `asked`: whether this message was sent with a wish for an
    /// answer of its own, so that the hub has compared its words; of others the answer must vouch for the words.
    ///
    /// # Errors
    /// [`SpoolError`]; all of it is still there.
    pub fn confirm(
        &mut self,
        ack: &Verified<Ack>,
        me: KeyId,
        asked: impl Fn(u32) -> bool,
    ) -> Result<usize, SpoolError> {
        if ack.verdict != Verdict::Taken || ack.to != me {
            return Ok(0);
        }
        let remove = || -> rusqlite::Result<usize> {
            let transaction = self.connection.unchecked_transaction()?;
            let (mut own, mut others) = (Vec::new(), Vec::new());
            {
                let mut named = transaction.prepare_cached(
                    "SELECT sequence, bytes FROM ping WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence LIMIT ?3",
                )?;
                for (first, last) in ack.rows() {
                    let mut rows = named.query(params![first, last, BATCH_LIMIT as i64])?;
                    while let Some(row) = rows.next()? {
                        let (sequence, bytes): (u32, Vec<u8>) = (row.get(0)?, row.get(1)?);
                        if asked(sequence) {
                            own.push(sequence);
                        } else {
                            others.push((sequence, bytes));
                        }
                    }
                }
            }
            if ack.check == Some(check(others.iter().map(|(_, bytes)| bytes.as_slice()))) {
                own.extend(others.iter().map(|(sequence, _)| *sequence));
            }
            let mut removed = 0;
            for sequence in own {
                removed +=
                    transaction.execute("DELETE FROM ping WHERE sequence = ?1", [sequence])?;
            }
            transaction.commit()?;
            Ok(removed)
        };
        remove().map_err(|source| self.failed(source))
    }

    /// Goes on far behind the numbers so far: the hub has other words under them.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn number_on(&mut self) -> Result<(), SpoolError> {
        let next = self.next_number()?;
        let far = next
            .checked_add(ROUTINE_KEPT as u32)
            .ok_or(SpoolError::NumbersSpent)?;
        self.reserve(far)?;
        self.connection
            .execute("UPDATE fact SET value = ?1 WHERE name = 'next'", [far])
            .map(drop)
            .map_err(|source| self.failed(source))
    }

    /// Puts another message in the place of one, under a new number.
    ///
    /// # Errors
    /// [`SpoolError`]; the old one is still there.
    pub fn renumber(
        &mut self,
        kept: &Kept,
        make: impl FnOnce(u32) -> Result<Vec<u8>, FrameError>,
    ) -> Result<(), SpoolError> {
        self.append(kept.kind, make)?;
        self.connection
            .execute("DELETE FROM ping WHERE sequence = ?1", [kept.sequence])
            .map(drop)
            .map_err(|source| self.failed(source))
    }

    /// A word that is kept beside the pings.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn fact(&self, name: &str) -> Result<Option<String>, SpoolError> {
        self.connection
            .query_row("SELECT value FROM fact WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|source| self.failed(source))
    }

    /// Keeps a word.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn keep_fact(&mut self, name: &str, value: &str) -> Result<(), SpoolError> {
        self.connection
            .execute(
                "INSERT INTO fact VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )
            .map(drop)
            .map_err(|source| self.failed(source))
    }
}

/// The oldest routine pings thin out; what is older than a year was thinned more often.
fn thin(connection: &Connection) -> rusqlite::Result<()> {
    let routine = Kind::Routine as i64;
    let count: u64 = connection.query_row(
        "SELECT count(*) FROM ping WHERE kind = ?1",
        [routine],
        |row| row.get(0),
    )?;
    if count <= ROUTINE_KEPT {
        return Ok(());
    }
    connection.execute(
        "DELETE FROM ping WHERE sequence IN (
           SELECT sequence FROM (SELECT sequence, row_number() OVER (ORDER BY sequence) AS place FROM ping
                                 WHERE kind = ?1 ORDER BY sequence LIMIT ?2)
           WHERE place % 2 = 0)",
        params![routine, THINNED],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
