//! Trusted state in SQLite: each step of the workflow is one transaction, flushed before the next file is asked for.
//!
//! A lost, emptied or damaged database costs only fetching again: the root that the caller brings and the floor of
//! releases that it knows (`rollout`) hold without it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::{StateError, TrustedState};
use crate::bounds::Bounds;
use crate::durable;
use crate::role::RoleName;
use crate::workflow::{Change, Stored};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS root (version INTEGER PRIMARY KEY, file BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS role (name TEXT PRIMARY KEY, file BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS known (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
";
/// Unix seconds: the newest signed time that was accepted.
const SIGNED_TIME: &str = "signed_time_s";
/// Unix seconds: the build time of the newest release that this box has run.
const RELEASE_FLOOR: &str = "release_floor_built_s";

/// What opening found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// A sound database, or none yet.
    Sound,
    /// A damaged one; it lies beside as `.damaged`, and an empty one is in its place.
    Replaced,
}

/// The box's trusted state.
#[derive(Debug)]
pub struct DatabaseState {
    connection: Connection,
}

impl DatabaseState {
    /// Opens the database at `path`, and makes it where there is none.
    ///
    /// # Errors
    /// When the disk refuses. A damaged database is no error: it is put aside.
    pub fn open(path: &Path) -> Result<(Self, Opened), StateError> {
        match connect(path) {
            Ok(connection) => Ok((Self { connection }, Opened::Sound)),
            Err(error) if damaged(&error) => {
                durable::rename(path, &beside(path, ".damaged"))?;
                // They belong to the damaged one.
                for ending in ["-wal", "-shm", "-journal"] {
                    durable::remove(&beside(path, ending))?;
                }
                let connection = connect(path)?;
                Ok((Self { connection }, Opened::Replaced))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn known(&self, name: &str) -> Result<Option<i64>, StateError> {
        Ok(self
            .connection
            .query_row("SELECT value FROM known WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()?)
    }

    /// The newest signed time that was accepted, unix seconds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn signed_time_s(&self) -> Result<Option<i64>, StateError> {
        self.known(SIGNED_TIME)
    }

    /// The build time of the newest release that this box has run, unix seconds. The running image's own is a floor
    /// besides, which needs no disk.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn release_floor_built_s(&self) -> Result<Option<i64>, StateError> {
        self.known(RELEASE_FLOOR)
    }

    /// Raises the floor; it never falls.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn raise_release_floor(&mut self, built_s: i64) -> Result<(), StateError> {
        raise(&self.connection, RELEASE_FLOOR, built_s)?;
        Ok(())
    }
}

impl TrustedState for DatabaseState {
    fn load(&self, bounds: &Bounds) -> Result<Stored, StateError> {
        let root = self
            .connection
            .query_row(
                "SELECT file FROM root ORDER BY version DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()?;
        let mut stored = Stored {
            root,
            ..Stored::default()
        };
        let mut query = self.connection.prepare("SELECT name, file FROM role")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            if stored.roles.len() >= bounds.stored_roles {
                return Err(StateError::TooMany(bounds.stored_roles));
            }
            let name: String = row.get(0)?;
            stored.roles.insert(RoleName::new(&name), row.get(1)?);
        }
        Ok(stored)
    }

    fn apply(&mut self, changes: &[Change]) -> Result<(), StateError> {
        let transaction = self.connection.transaction()?;
        for change in changes {
            match change {
                Change::Root { version, file } => {
                    transaction.execute(
                        "INSERT OR REPLACE INTO root VALUES (?1, ?2)",
                        params![version, file],
                    )?;
                    transaction.execute("DELETE FROM root WHERE version < ?1", [version])?;
                }
                Change::Role { role, file } => {
                    transaction.execute(
                        "INSERT OR REPLACE INTO role VALUES (?1, ?2)",
                        params![role.as_str(), file],
                    )?;
                }
                Change::Forget(role) => {
                    transaction.execute("DELETE FROM role WHERE name = ?1", [role.as_str()])?;
                }
                Change::SignedTime(time_s) => raise(&transaction, SIGNED_TIME, *time_s)?,
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn raise(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO known VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
            params![name, value],
        )
        .map(|_| ())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A few megabytes at most: the whole file is looked at.
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(verdict),
        ));
    }
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

fn damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    )
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}
