//! The catalogue: an index of the snapshots' directories, and one of the two places that remember the largest number ever
//! given. SQLite in WAL with synchronous=FULL. Columns are only ever added, so that the release before can open it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};

use super::manifest::Manifest;
use super::proof::{self, Proof, Verdict};
use crate::system::durable::{self, DurableError};
use crate::system::sqlite::{is_damage, put_aside};

/// Another command of ours writes for some milliseconds.
const BUSY: Duration = Duration::from_secs(5);
const SCHEMA: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-256;
    CREATE TABLE IF NOT EXISTS number (id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;
    CREATE TABLE IF NOT EXISTS snapshot (
      id INTEGER PRIMARY KEY,
      effective_s INTEGER NOT NULL DEFAULT 0, apparent_bytes INTEGER NOT NULL DEFAULT 0,
      verdict TEXT, depth TEXT,
      manifest TEXT NOT NULL, proofs TEXT NOT NULL DEFAULT '[]') STRICT;";

/// Why the catalogue could not be used. The snapshots' directories are as they were: they are what counts.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// SQLite's answer.
    #[error(
        "the catalogue of snapshots {path} cannot be used: {source}; the snapshots themselves are as they were"
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A damaged one could not be put aside.
    #[error("the damaged catalogue of snapshots could not be put aside: {0}")]
    Aside(#[from] DurableError),
}

/// What the catalogue says of one snapshot: the texts of manifest and proofs, to be compared with the directory's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    manifest: String,
    proofs: String,
}

impl Row {
    /// What should stand there.
    pub(super) fn of(manifest: &Manifest, proofs: &[Proof]) -> Self {
        Self {
            manifest: serde_json::to_string(manifest).unwrap_or_default(),
            proofs: serde_json::to_string(proofs).unwrap_or_default(),
        }
    }
}

/// The open catalogue.
#[derive(Debug)]
pub struct Catalogue {
    connection: Connection,
    path: PathBuf,
}

impl Catalogue {
    /// Opens it, or makes it. A damaged one is put aside beside it, and an empty one made: reconciliation fills it.
    ///
    /// # Errors
    /// [`CatalogueError`] when the disk is full, read-only or away.
    pub fn open(path: &Path) -> Result<Self, CatalogueError> {
        match Self::try_open(path) {
            Err(CatalogueError::Sqlite { source, .. }) if is_damage(&source) => {
                put_aside(path)?;
                Self::try_open(path)
            }
            other => other,
        }
    }

    fn try_open(path: &Path) -> Result<Self, CatalogueError> {
        let failed = |source| CatalogueError::Sqlite {
            path: path.to_path_buf(),
            source,
        };
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        // Some kilobytes: what is damaged is found here, not when a number is given.
        let word: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(failed)?;
        if word != "ok" {
            let damage = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(failed(rusqlite::Error::SqliteFailure(damage, Some(word))));
        }
        Ok(Self {
            connection,
            path: path.to_path_buf(),
        })
    }

    /// The largest number that this file knows to have been given; 0: none.
    ///
    /// # Errors
    /// [`CatalogueError::Sqlite`].
    pub fn highest(&self) -> Result<u64, CatalogueError> {
        let sql =
            "SELECT max((SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'number'),
                              (SELECT coalesce(max(id), 0) FROM snapshot))";
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(|source| self.failed(source))
    }

    /// Remembers that `number` was given, for ever.
    ///
    /// # Errors
    /// [`CatalogueError::Sqlite`]; nothing was remembered.
    pub fn give(&mut self, number: u64) -> Result<(), CatalogueError> {
        let give = || -> rusqlite::Result<()> {
            durable::step().map_err(cut)?;
            let one = self.connection.unchecked_transaction()?;
            one.execute("INSERT OR IGNORE INTO number (id) VALUES (?1)", [number])?;
            // AUTOINCREMENT remembers the largest in sqlite_sequence; its row need not stay.
            one.execute("DELETE FROM number WHERE id < ?1", [number])?;
            one.commit()
        };
        give().map_err(|source| self.failed(source))
    }

    /// Enters a snapshot or what changed of it.
    ///
    /// # Errors
    /// [`CatalogueError::Sqlite`]; the catalogue is as before.
    pub fn put(&mut self, manifest: &Manifest, proofs: &[Proof]) -> Result<(), CatalogueError> {
        self.change(&[(manifest, proofs)], &[])
    }

    /// Takes a snapshot off. None there is fine.
    ///
    /// # Errors
    /// [`CatalogueError::Sqlite`].
    pub fn take_off(&mut self, number: u64) -> Result<(), CatalogueError> {
        self.change(&[], &[number])
    }

    /// Enters and takes off, all of it or nothing.
    ///
    /// # Errors
    /// [`CatalogueError::Sqlite`]; the catalogue is as before.
    pub(super) fn change(
        &mut self,
        entered: &[(&Manifest, &[Proof])],
        taken_off: &[u64],
    ) -> Result<(), CatalogueError> {
        let change = || -> rusqlite::Result<()> {
            durable::step().map_err(cut)?;
            let one = self.connection.unchecked_transaction()?;
            for (manifest, proofs) in entered {
                enter(&one, manifest, proofs)?;
            }
            for number in taken_off {
                one.execute("DELETE FROM snapshot WHERE id = ?1", [number])?;
            }
            one.commit()
        };
        change().map_err(|source| self.failed(source))
    }

    /// What it says of each.
    pub(super) fn rows(&self) -> Result<BTreeMap<u64, Row>, CatalogueError> {
        let rows = || -> rusqlite::Result<_> {
            let mut statement = self
                .connection
                .prepare("SELECT id, manifest, proofs FROM snapshot")?;
            let rows = statement.query_map([], |row| {
                let (manifest, proofs) = (row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, Row { manifest, proofs }))
            })?;
            rows.collect()
        };
        rows().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> CatalogueError {
        CatalogueError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }
}

fn enter(connection: &Connection, manifest: &Manifest, proofs: &[Proof]) -> rusqlite::Result<()> {
    let row = Row::of(manifest, proofs);
    let last = proof::last(proofs);
    let verdict = last.map(|last| match last.verdict {
        Verdict::Good => "good",
        Verdict::Bad { .. } => "bad",
    });
    connection.execute(
        "INSERT INTO snapshot (id, effective_s, apparent_bytes, verdict, depth, manifest, proofs)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET effective_s = ?2, apparent_bytes = ?3, verdict = ?4, depth = ?5,
           manifest = ?6, proofs = ?7",
        params![
            manifest.id.number(),
            bounded(manifest.moment.effective_s),
            bounded(manifest.apparent_bytes),
            verdict,
            last.map(|last| last.depth.code()),
            row.manifest,
            row.proofs
        ],
    )?;
    Ok(())
}

/// SQLite's integers have a sign.
fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn cut(source: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(source))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_number_once_given_is_remembered_although_nothing_was_entered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshots.sqlite");
        let mut catalogue = Catalogue::open(&path).unwrap();
        assert_eq!(catalogue.highest().unwrap(), 0);
        catalogue.give(7).unwrap();
        catalogue.give(41).unwrap();
        catalogue.give(8).unwrap();
        drop(catalogue);
        assert_eq!(Catalogue::open(&path).unwrap().highest().unwrap(), 41);
    }

    #[test]
    fn a_damaged_catalogue_is_put_aside_whether_its_head_or_its_middle_is_damaged() {
        for (from, length) in [(0, 100), (4096, 3000)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("snapshots.sqlite");
            let mut catalogue = Catalogue::open(&path).unwrap();
            for number in 1..50 {
                catalogue.give(number).unwrap();
            }
            drop(catalogue);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[from..from + length].fill(0xA5);
            std::fs::write(&path, bytes).unwrap();
            let mut catalogue = Catalogue::open(&path).unwrap();
            assert_eq!(catalogue.highest().unwrap(), 0);
            catalogue.give(3).unwrap();
            let aside = std::fs::read_dir(dir.path())
                .unwrap()
                .filter_map(Result::ok)
                .filter(|entry| entry.file_name().to_string_lossy().contains("damaged"))
                .count();
            assert_eq!(aside, 1);
        }
    }

    /// The release before this one made its tables without what was added since.
    #[test]
    fn a_catalogue_with_columns_of_a_later_release_is_read_and_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshots.sqlite");
        drop(Catalogue::open(&path).unwrap());
        let later = Connection::open(&path).unwrap();
        later
            .execute_batch("ALTER TABLE snapshot ADD COLUMN copied TEXT; CREATE TABLE copy (id INTEGER) STRICT;")
            .unwrap();
        drop(later);
        let mut catalogue = Catalogue::open(&path).unwrap();
        let manifest = crate::snapshot::shelf::tests::manifest(5);
        catalogue.put(&manifest, &[]).unwrap();
        assert_eq!(catalogue.rows().unwrap().len(), 1);
    }
}
