//! Pings that the hub has not proven to have: SQLite, WAL, synchronous=FULL. A year at a ping each 15 minutes fits; beyond that
//! the oldest routine ones are thinned, those about alarms never (their number is bounded where they are made,
//! [`super::schedule::AlarmGate`]). Only the hub's own signature removes one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::ack::{Ack, Verdict};
use super::cose::{KeyId, Verified};
use super::schedule::Waiting;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::sqlite::{is_damage, put_aside};

/// Routine pings kept: 366 days at one in 15 minutes. 220 bytes each on the disk: 8 MB.
pub const ROUTINE_KEPT: u64 = 35_136;
/// Of so many of the oldest, every second one goes at once.
const THINNED: u64 = 1024;
/// Numbers are set aside in the file beside the spool by so many at once.
const RESERVED: u32 = 1024;
const BUSY: Duration = Duration::from_secs(2);
/// Months of which the bytes are kept.
const MONTHS_KEPT: i64 = 24;

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
    Making(String),
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
        make: impl FnOnce(u32) -> Result<Vec<u8>, String>,
    ) -> Result<u32, SpoolError> {
        let next: u32 = self
            .connection
            .query_row("SELECT value FROM fact WHERE name = 'next'", [], |row| {
                row.get(0)
            })
            .map_err(|source| self.failed(source))?;
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

    /// Removes what the hub has proven to have; how many that were.
    ///
    /// # Errors
    /// [`SpoolError`]; all of it is still there.
    pub fn confirm(&mut self, ack: &Verified<Ack>, me: KeyId) -> Result<usize, SpoolError> {
        if ack.verdict != Verdict::Taken || ack.to != me {
            return Ok(0);
        }
        let remove = || -> rusqlite::Result<usize> {
            let transaction = self.connection.unchecked_transaction()?;
            let mut removed = 0;
            for (first, last) in ack.rows() {
                removed += transaction.execute(
                    "DELETE FROM ping WHERE sequence BETWEEN ?1 AND ?2",
                    [first, last],
                )?;
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
        let next: u32 = self
            .connection
            .query_row("SELECT value FROM fact WHERE name = 'next'", [], |row| {
                row.get(0)
            })
            .map_err(|source| self.failed(source))?;
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
        make: impl FnOnce(u32) -> Result<Vec<u8>, String>,
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

    /// Counts bytes on the wire to a month (months since the year 0).
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn spend(&mut self, month: i64, bytes: u64) -> Result<(), SpoolError> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX / 4).min(1 << 40);
        let spend = || -> rusqlite::Result<()> {
            self.connection.execute(
                "INSERT INTO spent VALUES (?1, ?2) ON CONFLICT (month) DO UPDATE SET bytes = bytes + excluded.bytes",
                [month, bytes],
            )?;
            self.connection.execute(
                "DELETE FROM spent WHERE month NOT IN (SELECT month FROM spent ORDER BY month DESC LIMIT ?1)",
                [MONTHS_KEPT],
            )?;
            Ok(())
        };
        spend().map_err(|source| self.failed(source))
    }

    /// Bytes of that month so far.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn spent(&self, month: i64) -> Result<u64, SpoolError> {
        self.connection
            .query_row("SELECT bytes FROM spent WHERE month = ?1", [month], |row| {
                row.get(0)
            })
            .optional()
            .map(Option::unwrap_or_default)
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
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    const ME: KeyId = [1; 8];

    fn spool() -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(&dir.path().join("pings.sqlite"), &dir.path().join("number"));
        (dir, spool.unwrap())
    }

    fn put(spool: &mut Spool, kind: Kind) -> u32 {
        spool
            .append(kind, |number| Ok(number.to_be_bytes().to_vec()))
            .unwrap()
    }

    fn ack(to: KeyId, verdict: Verdict, numbers: &[u32]) -> Verified<Ack> {
        let hub = SigningKey::from_bytes(&[9; 32]);
        let bytes = Ack::new(to, verdict, numbers)
            .seal(|bytes| hub.sign(bytes).to_bytes())
            .unwrap();
        Ack::verify(&bytes, &hub.verifying_key()).unwrap()
    }

    fn numbers(spool: &Spool) -> Vec<u32> {
        let all = spool.next(usize::MAX, false).unwrap();
        all.iter().map(|kept| kept.sequence).collect()
    }

    #[test]
    fn alarms_come_before_routine_and_each_in_order() {
        let (_dir, mut spool) = spool();
        for kind in [
            Kind::Routine,
            Kind::Alarm,
            Kind::Routine,
            Kind::Hello,
            Kind::Alarm,
        ] {
            put(&mut spool, kind);
        }
        assert_eq!(numbers(&spool), [4, 2, 5, 1, 3]);
        let urgent = spool.next(10, true).unwrap();
        assert_eq!(urgent.len(), 3);
        put(&mut spool, Kind::Hello);
        assert_eq!(numbers(&spool), [6, 2, 5, 1, 3], "one hello at a time");
        assert_eq!(
            spool.waiting().unwrap(),
            Waiting {
                urgent: 3,
                routine: 2
            }
        );
    }

    #[test]
    fn only_the_hubs_word_that_it_has_them_removes_pings() {
        let (_dir, mut spool) = spool();
        for _ in 0..5 {
            put(&mut spool, Kind::Routine);
        }
        let removed = |spool: &mut Spool, ack| spool.confirm(&ack, ME).unwrap();
        assert_eq!(removed(&mut spool, ack([2; 8], Verdict::Taken, &[1])), 0);
        assert_eq!(removed(&mut spool, ack(ME, Verdict::Waiting, &[1])), 0);
        assert_eq!(removed(&mut spool, ack(ME, Verdict::Taken, &[2, 3, 77])), 2);
        assert_eq!(numbers(&spool), [1, 4, 5]);
    }

    #[test]
    fn numbers_are_never_given_twice_also_when_the_spool_was_lost() {
        let (dir, mut spool) = spool();
        for _ in 0..3 {
            put(&mut spool, Kind::Routine);
        }
        drop(spool);
        let path = dir.path().join("pings.sqlite");
        let numbers = dir.path().join("number");
        let mut spool = Spool::open(&path, &numbers).unwrap();
        assert_eq!(put(&mut spool, Kind::Routine), 4);
        drop(spool);
        durable::write(&path, b"not a database at all", Owner::mode(0o644)).unwrap();
        let mut spool = Spool::open(&path, &numbers).unwrap();
        assert!(put(&mut spool, Kind::Routine) > 1000);
    }

    #[test]
    fn beyond_a_year_the_oldest_routine_pings_thin_out_and_no_alarm_does() {
        let (_dir, mut spool) = spool();
        put(&mut spool, Kind::Alarm);
        // As a year would leave it.
        spool
            .connection
            .execute_batch(&format!(
                "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= {ROUTINE_KEPT})
                 INSERT INTO ping SELECT i, 2, x'00' FROM n;
                 UPDATE fact SET value = {ROUTINE_KEPT} + 2 WHERE name = 'next';"
            ))
            .unwrap();
        let newest = put(&mut spool, Kind::Routine);
        let left = spool.waiting().unwrap();
        assert_eq!(left.routine, ROUTINE_KEPT + 1 - THINNED / 2);
        let numbers = numbers(&spool);
        assert_eq!(numbers[..4], [1, 2, 4, 6]);
        assert_eq!(numbers.last(), Some(&newest));
    }

    #[test]
    fn bytes_are_counted_by_month() {
        let (_dir, mut spool) = spool();
        spool.spend(24_322, 1000).unwrap();
        spool.spend(24_322, 500).unwrap();
        spool.spend(24_323, 7).unwrap();
        assert_eq!(spool.spent(24_322).unwrap(), 1500);
        assert_eq!(spool.spent(24_323).unwrap(), 7);
        for month in 0..60 {
            spool.spend(30_000 + month, 1).unwrap();
        }
        assert_eq!(spool.spent(24_322).unwrap(), 0, "old months go");
    }
}
