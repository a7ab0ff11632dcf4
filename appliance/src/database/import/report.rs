//! What an import did, or would do: for the summary at its end and for `--json`.

use std::path::{Path, PathBuf};

use super::census::Database;
use super::collation::DatabaseDefault;
use super::mend::Mends;
use super::source::Format;
use super::survey::Survey;

/// Room on the data partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Room {
    /// Estimate, in bytes.
    pub needed_bytes: u64,
    /// Free; none when it cannot be told.
    pub free_bytes: Option<u64>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableRows {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// Changes on the way in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Adapted {
    /// DEFINER clauses taken off.
    pub definers: u32,
    /// MySQL 8 collations replaced.
    pub collations: u32,
    /// MyISAM tables made InnoDB.
    pub engines: u32,
    /// Account statements left out.
    pub accounts_skipped: u64,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// The dump.
    pub file: PathBuf,
    /// How it is packed.
    pub format: Format,
    /// Unpacked size.
    pub bytes: u64,
    /// Lines.
    pub lines: u64,
    /// The dump program.
    pub producer: Option<String>,
    /// The old server.
    pub server_version: Option<String>,
    /// The dump's database.
    pub database: Option<String>,
    /// Other databases in the dump, left out.
    pub databases_skipped: Vec<String>,
    /// What new tables are made with.
    pub new_tables: DatabaseDefault,
    /// Tables by name.
    pub tables: Vec<TableRows>,
    /// Rows of all tables.
    pub rows: u64,
    /// Views.
    pub views: u64,
    /// Changes on the way in.
    pub adapted: Adapted,
    /// Mends done; none in a dry run.
    pub mends: Option<Mends>,
    /// Room.
    pub room: Room,
    /// Where the old database is kept; none in a dry run.
    pub replaced: Option<PathBuf>,
}

impl Report {
    /// What a survey says about the database chosen.
    #[must_use]
    pub fn of(file: &Path, survey: &Survey, chosen: &Database, room: Room) -> Self {
        let tables: Vec<TableRows> = chosen
            .tables
            .iter()
            .map(|(name, t)| TableRows {
                table: name.clone(),
                rows: t.rows,
            })
            .collect();
        let others = survey
            .census
            .databases
            .iter()
            .filter(|d| d.name != chosen.name);
        Self {
            file: file.to_path_buf(),
            format: survey.format,
            bytes: survey.bytes,
            lines: survey.lines,
            producer: survey.census.producer.clone(),
            server_version: survey.census.server_version.clone(),
            database: chosen.name.clone(),
            databases_skipped: others
                .filter(|d| !d.tables.is_empty())
                .map(Database::shown)
                .collect(),
            new_tables: chosen.new_tables(),
            tables,
            rows: chosen.rows(),
            views: chosen.views,
            adapted: Adapted {
                definers: chosen.changes.definers,
                collations: chosen.changes.collations,
                engines: chosen.changes.engines,
                accounts_skipped: chosen.accounts_skipped,
            },
            mends: None,
            room,
            replaced: None,
        }
    }
}
