//! The event log's file. WAL with synchronous=FULL: an event tells why the box acted, also after the power cut that followed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ToSql, params};

use super::{Event, Moment, Recorded};
use crate::system::durable;
use crate::system::sqlite::{is_damage, put_aside};

/// Months of a quiet box; the oldest go first.
const KEPT: i64 = 20_000;
/// How many are cut off at once, so that not every append pays for it.
const CUT_EVERY: u64 = 200;
/// Another command of ours writes for some milliseconds.
const BUSY: Duration = Duration::from_secs(2);
/// Most events given at once.
const LIST_LIMIT: i64 = 20_000;

/// Why the log could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's answer.
    #[error("the event log {path} cannot be used: {source}; nothing else is affected")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A damaged log could not be put aside.
    #[error("the damaged event log could not be put aside: {0}")]
    Aside(#[from] durable::DurableError),
}

/// The open log.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the log, or makes it. One that is no database is put aside beside it, and a new one begun: the log must
    /// never keep the box from being watched.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] when the disk is full, read-only or away.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        match Self::try_open(path) {
            Err(StoreError::Sqlite { source, .. }) if is_damage(&source) => {
                put_aside(path)?;
                Self::try_open(path)
            }
            other => other,
        }
    }

    fn try_open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Sqlite {
            path: path.to_path_buf(),
            source,
        };
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-256;
                 CREATE TABLE IF NOT EXISTS event (
                   sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                   boot TEXT NOT NULL, since_boot_ms INTEGER NOT NULL, unix_s INTEGER NOT NULL,
                   name TEXT NOT NULL, fields TEXT NOT NULL) STRICT;",
            )
            .map_err(failed)?;
        Ok(Self {
            connection,
            path: path.to_path_buf(),
        })
    }

    /// Appends one event; its sequence number.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`]; nothing was appended.
    pub fn append(&mut self, event: &Event, moment: &Moment) -> Result<u64, StoreError> {
        let fields = serde_json::to_string(&event.fields).unwrap_or_default();
        let insert = || {
            self.connection.execute(
                "INSERT INTO event (boot, since_boot_ms, unix_s, name, fields) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    moment.boot,
                    moment.since_boot_ms,
                    moment.unix_s,
                    event.name,
                    fields
                ],
            )?;
            let sequence = u64::try_from(self.connection.last_insert_rowid()).unwrap_or(0);
            if sequence.is_multiple_of(CUT_EVERY) {
                self.connection.execute(
                    "DELETE FROM event WHERE sequence <= (SELECT max(sequence) FROM event) - ?1",
                    [KEPT],
                )?;
            }
            Ok(sequence)
        };
        insert().map_err(|source| self.failed(source))
    }

    /// The events after the sequence number `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn after(&self, after: u64) -> Result<Vec<Recorded>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.list(
            "WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            &[&after, &LIST_LIMIT],
        )
    }

    /// The last `count` events, newest first.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn latest(&self, count: u32) -> Result<Vec<Recorded>, StoreError> {
        self.list("ORDER BY sequence DESC LIMIT ?1", &[&count])
    }

    /// The events that the end of a query chooses.
    fn list(&self, chosen: &str, values: &[&dyn ToSql]) -> Result<Vec<Recorded>, StoreError> {
        let list = || -> rusqlite::Result<Vec<Recorded>> {
            let mut statement = self.connection.prepare(&format!(
                "SELECT sequence, boot, since_boot_ms, unix_s, name, fields FROM event {chosen}"
            ))?;
            let rows = statement.query_map(values, |row| {
                let fields: String = row.get(5)?;
                Ok(Recorded {
                    sequence: row.get(0)?,
                    moment: Moment {
                        boot: row.get(1)?,
                        since_boot_ms: row.get(2)?,
                        unix_s: row.get(3)?,
                    },
                    event: Event {
                        name: row.get(4)?,
                        fields: serde_json::from_str(&fields).unwrap_or_default(),
                    },
                })
            })?;
            rows.collect()
        };
        list().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(unix_s: u64) -> Moment {
        Moment {
            boot: "b".into(),
            since_boot_ms: 5,
            unix_s,
        }
    }

    #[test]
    fn events_are_given_in_the_order_they_happened_whatever_the_clock_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.sqlite");
        let mut store = Store::open(&path).unwrap();
        let (one, two) = (
            Event::new("door-shut").with("why", "x"),
            Event::new("door-opened").with("n", 7),
        );
        store.append(&one, &moment(4_000_000_000)).unwrap();
        drop(store);
        let mut store = Store::open(&path).unwrap();
        store.append(&two, &moment(0)).unwrap();
        let all = store.after(0).unwrap();
        let events: Vec<_> = all.iter().map(|recorded| recorded.event.clone()).collect();
        assert_eq!(events, [one, two]);
        assert_eq!(store.after(1).unwrap().len(), 1);
        let newest = store.latest(1).unwrap();
        assert_eq!(newest.len(), 1);
        assert_eq!(newest[0].event, all[1].event);
    }

    #[test]
    fn a_damaged_log_is_put_aside_and_a_new_one_begun() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.sqlite");
        std::fs::File::create(&path).unwrap();
        std::fs::copy("/proc/self/exe", &path).unwrap();
        let mut store = Store::open(&path).unwrap();
        store
            .append(&Event::new("door-opened"), &moment(1))
            .unwrap();
        assert_eq!(store.after(0).unwrap().len(), 1);
        let aside = std::fs::read_dir(dir.path())
            .unwrap()
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().contains("damaged")
            })
            .count();
        assert_eq!(aside, 1);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("events.sqlite")).unwrap();
        store
            .connection
            .execute_batch("PRAGMA synchronous=OFF; BEGIN")
            .unwrap();
        for _ in 0..KEPT + 400 {
            store
                .append(&Event::new("door-opened"), &moment(1))
                .unwrap();
        }
        let all = store.after(0).unwrap();
        assert_eq!(all.len(), usize::try_from(KEPT).unwrap());
        assert_eq!(all[0].sequence, 401);
    }
}
