//! What the hub knows, in one SQLite file (`fleet.sqlite`): boxes, their frames as they were signed, places, notices. WAL with
//! synchronous=FULL: what was committed survives SIGKILL and the power cut, and only that is acknowledged.

mod boxes;
mod frames;
mod notices;
mod places;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

pub use boxes::{Heard, KnownBox, Standing, key_id};
pub use frames::{Arrived, Outcome, Past};
pub use notices::{Kind, Notice};
pub use places::Place;

/// How long a command line waits for the running hub, and the other way round.
const BUSY: Duration = Duration::from_secs(10);

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's answer.
    #[error("{path} cannot be used: {source}; nothing of this step was kept")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// No box has that fingerprint.
    #[error("no box has the fingerprint '{0}'; 'posto hub boxes' lists them")]
    UnknownBox(String),
}

/// The open file.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens it in the directory `data`, or makes it. A damaged file is never replaced: it holds a province's history, and a copy of
    /// it is the way back.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        let path = data.join("fleet.sqlite");
        let opened = (|| {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY)?;
            connection.execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=4000;
                 PRAGMA journal_size_limit=67108864;",
            )?;
            connection.execute_batch(include_str!("store/schema.sql"))?;
            Ok(connection)
        })();
        match opened {
            Ok(connection) => Ok(Self { connection, path }),
            Err(source) => Err(StoreError::Sqlite { path, source }),
        }
    }

    /// Changes whenever another connection (the command line) has changed the file.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn version(&self) -> Result<i64, StoreError> {
        self.connection
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An empty store.
    pub(in crate::hub) fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        (dir, store)
    }

    #[test]
    fn another_connection_s_change_shows_in_the_version_and_ones_own_does_not() {
        let (dir, store) = store();
        let before = store.version().unwrap();
        let mut other = Store::open(dir.path()).unwrap();
        assert_eq!(store.version().unwrap(), before);
        other.set_places(&[Place::named("cs-a", "A")]).unwrap();
        assert_ne!(store.version().unwrap(), before);
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_damaged_file_is_told_of_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fleet.sqlite");
        std::fs::write(&path, vec![b'x'; 8192]).unwrap();
        assert!(Store::open(dir.path()).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 8192]);
    }
}
