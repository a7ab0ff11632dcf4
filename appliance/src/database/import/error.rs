//! Why an import did not happen. Every variant but [`ImportError::AfterExchange`] leaves the present
//! database as it was.

use std::borrow::Cow;
use std::path::PathBuf;

use super::lexer::LexError;
use crate::database::client::SqlError;
use crate::maintenance::MaintenanceError;
use crate::services::ServicesError;
use crate::snapshot::restore::exchange::FinishError;
use crate::system::durable::DurableError;
use crate::system::process::ProcessError;
use crate::system::units::UnitError;

/// What stopped the import.
/// The variants without `serde(skip)` are what the confined reader may say.
#[derive(Debug, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum ImportError {
    /// The file cannot be opened or read (a stick pulled out, a bad sector).
    #[error("cannot read {file}: {source}")]
    Read {
        /// The dump.
        file: String,
        /// The kernel's answer.
        #[serde(with = "io_words")]
        source: std::io::Error,
    },
    /// The bytes are not a dump.
    #[error("{file} is not a database dump: {what}")]
    NotADump {
        /// The dump.
        file: String,
        /// What it is instead.
        what: NotADump,
    },
    /// The compressed file ends early.
    #[error("{file} is cut off: its {format} data ends after {bytes} unpacked bytes, in line {line}{}", after(.table))]
    CompressedCutOff {
        /// The dump.
        file: String,
        /// gzip, zstd, xz.
        format: Cow<'static, str>,
        /// Unpacked bytes read.
        bytes: u64,
        /// Line reached.
        line: u64,
        /// Last table seen.
        table: Option<String>,
    },
    /// The compressed file is damaged.
    #[error("{file} is damaged: its {format} data cannot be unpacked after {bytes} bytes, in line {line}{}: {source}", after(.table))]
    CompressedDamaged {
        /// The dump.
        file: String,
        /// gzip, zstd, xz.
        format: Cow<'static, str>,
        /// Unpacked bytes read.
        bytes: u64,
        /// Line reached.
        line: u64,
        /// Last table seen.
        table: Option<String>,
        /// The decoder's words.
        #[serde(with = "io_words")]
        source: std::io::Error,
    },
    /// The dump ends without mysqldump's last line.
    #[error("{file} is cut off: it ends in line {line}{} without `-- Dump completed`", after(.table))]
    NoEndMark {
        /// The dump.
        file: String,
        /// Its last line.
        line: u64,
        /// Last table seen.
        table: Option<String>,
    },
    /// The text cannot be cut into statements.
    #[error("{file}: {source}{}", after(.table))]
    Text {
        /// The dump.
        file: String,
        /// Last table seen.
        table: Option<String>,
        /// What is wrong.
        source: LexError,
    },
    /// A statement that no dump holds.
    #[error("{file}, line {line}: not a statement of a dump: {text}")]
    UnknownStatement {
        /// The dump.
        file: String,
        /// Where.
        line: u64,
        /// How it begins.
        text: String,
    },
    /// Text in a character set that cannot be cut safely.
    #[error("{file}, line {line}: the dump's text is in {charset}, which cannot be read safely")]
    CharacterSet {
        /// The dump.
        file: String,
        /// Where.
        line: u64,
        /// Its name.
        charset: String,
    },
    /// Rows of a table that the dump does not create.
    #[error("{file}, line {line}: rows of the table {table}, which the dump does not create")]
    NoSuchTable {
        /// The dump.
        file: String,
        /// Where.
        line: u64,
        /// The table.
        table: String,
    },
    /// More tables than any OpenMRS has.
    #[error("{file}, line {line}: more than {limit} tables")]
    TooManyTables {
        /// The dump.
        file: String,
        /// Where.
        line: u64,
        /// The bound.
        limit: usize,
    },
    /// A dump, but of something else.
    #[error("{file} holds no OpenMRS database: {} missing; {tables} tables found", .missing.join(", "))]
    #[serde(skip)]
    NotOpenMrs {
        /// The dump.
        file: String,
        /// Tables of OpenMRS that are not there.
        missing: Vec<String>,
        /// Tables there.
        tables: usize,
    },
    /// Several OpenMRS databases in one dump.
    #[error("{file} holds more than one OpenMRS database: {}", .names.join(", "))]
    #[serde(skip)]
    SeveralDatabases {
        /// The dump.
        file: String,
        /// Their names.
        names: Vec<String>,
    },
    /// The database asked for is not in the dump.
    #[error("{file} holds no database {name}; it holds: {}", .names.join(", "))]
    #[serde(skip)]
    NoSuchDatabase {
        /// The dump.
        file: String,
        /// Asked for.
        name: String,
        /// There.
        names: Vec<String>,
    },
    /// Not enough room on the data partition.
    #[error(
        "not enough room: about {needed_bytes} bytes needed, {free_bytes} free on the data partition"
    )]
    #[serde(skip)]
    NoRoom {
        /// Estimate.
        needed_bytes: u64,
        /// Free now.
        free_bytes: u64,
    },
    /// The new server refused a statement.
    #[error("{file}, line {line}{}: the database refused a statement: {message}; it begins: {text}", of(.table))]
    #[serde(skip)]
    Refused {
        /// The dump.
        file: String,
        /// Where the statement starts.
        line: u64,
        /// Its table.
        table: Option<String>,
        /// The server's words, with its error number.
        message: String,
        /// How the statement begins.
        text: String,
    },
    /// Rows are missing or too many.
    #[error("the table {table} has {found} rows, but the dump holds {expected}")]
    #[serde(skip)]
    RowsDiffer {
        /// The table.
        table: String,
        /// Counted in the dump.
        expected: u64,
        /// Counted in the new database.
        found: u64,
    },
    /// A table of the dump is not in the new database.
    #[error("the table {table} of the dump is not in the new database")]
    #[serde(skip)]
    TableMissing {
        /// The table.
        table: String,
    },
    /// The throwaway server cannot be made, started or stopped.
    #[error("the temporary database server failed: {0}")]
    #[serde(skip)]
    Server(String),
    /// The throwaway server refused a question of ours.
    #[error("the temporary database server: {0}")]
    #[serde(skip)]
    Sql(#[from] SqlError),
    /// A program failed.
    #[error(transparent)]
    #[serde(skip)]
    Process(#[from] ProcessError),
    /// A restore before this import was interrupted and could not be ended.
    #[error(transparent)]
    #[serde(skip)]
    UnfinishedRestore(FinishError),
    /// Another maintenance is under way, or it cannot be told.
    #[error(transparent)]
    #[serde(skip)]
    Maintenance(#[from] MaintenanceError),
    /// A file of ours could not be written, renamed or removed.
    #[error(transparent)]
    #[serde(skip)]
    Durable(#[from] DurableError),
    /// systemd.
    #[error(transparent)]
    #[serde(skip)]
    Unit(#[from] UnitError),
    /// The box has no database directory or no password: it was never set up, or its data are not there.
    #[error("{path} is not there: this box has not been set up, or its data are missing")]
    #[serde(skip)]
    NotSetUp {
        /// What is missing.
        path: PathBuf,
    },
    /// Ctrl-C or a stop was asked for.
    #[error("stopped on request")]
    #[serde(skip)]
    Interrupted,
    /// The new database is in place and whole, but something after that failed.
    #[error("the new database is in place, but: {0}")]
    #[serde(skip)]
    AfterExchange(String),
}

/// What a file is when it is not a dump.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum NotADump {
    /// No bytes.
    Empty,
    /// A known format, by its name.
    Format(Cow<'static, str>),
    /// UTF-16 text: a dump redirected by PowerShell.
    Utf16,
    /// Bytes that no text has.
    Binary,
    /// Compressed twice.
    PackedTwice,
    /// Text without any statement.
    NoStatements,
}

impl std::fmt::Display for NotADump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Format(name) => return write!(f, "it is {name}"),
            Self::Utf16 => "it is UTF-16 text, as PowerShell's > writes it; make it again with mysqldump --result-file",
            Self::Binary => "it holds binary data",
            Self::PackedTwice => "it is compressed twice; unpack it once",
            Self::NoStatements => "it holds no SQL statement",
        })
    }
}

impl From<ServicesError> for ImportError {
    fn from(error: ServicesError) -> Self {
        match error {
            ServicesError::Unit(error) => Self::Unit(error),
            ServicesError::Sql(error) => Self::Sql(error),
            ServicesError::Server(reason) => Self::Server(reason),
        }
    }
}

fn after(table: &Option<String>) -> String {
    table
        .as_ref()
        .map_or_else(String::new, |table| format!(", after the table {table}"))
}

fn of(table: &Option<String>) -> String {
    table
        .as_ref()
        .map_or_else(String::new, |table| format!(", table {table}"))
}

impl ImportError {
    /// The process's exit code; also listed in the command's help.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } => 3,
            Self::NotADump { .. }
            | Self::CompressedCutOff { .. }
            | Self::CompressedDamaged { .. }
            | Self::NoEndMark { .. }
            | Self::Text { .. }
            | Self::UnknownStatement { .. }
            | Self::CharacterSet { .. }
            | Self::NoSuchTable { .. }
            | Self::TooManyTables { .. } => 4,
            Self::NotOpenMrs { .. }
            | Self::SeveralDatabases { .. }
            | Self::NoSuchDatabase { .. } => 5,
            Self::NoRoom { .. } => 6,
            Self::Refused { .. } | Self::RowsDiffer { .. } | Self::TableMissing { .. } => 7,
            Self::Maintenance(_) => 8,
            Self::AfterExchange(_) => 9,
            Self::Interrupted => 130,
            Self::Server(_)
            | Self::Sql(_)
            | Self::Process(_)
            | Self::Durable(_)
            | Self::Unit(_)
            | Self::UnfinishedRestore(_)
            | Self::NotSetUp { .. } => 1,
        }
    }
}

/// An I/O error as its number, or else its words.
mod io_words {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::io::Error;

    pub(super) fn serialize<S: Serializer>(error: &Error, to: S) -> Result<S::Ok, S::Error> {
        let words = error.raw_os_error().is_none().then(|| error.to_string());
        (error.raw_os_error(), words).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Error, D::Error> {
        let (number, words) = <(Option<i32>, Option<String>)>::deserialize(from)?;
        Ok(number.map_or_else(
            || Error::other(words.unwrap_or_default()),
            Error::from_raw_os_error,
        ))
    }
}
