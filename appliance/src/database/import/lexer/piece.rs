//! What the lexer hands on, what it may hold, and why it gives up.

/// What the lexer may hold in memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest statement that is not a list of rows.
    pub statement_bytes: usize,
    /// Rows of one INSERT are handed on when this much has gathered.
    pub batch_bytes: usize,
    /// The longest single row.
    pub row_bytes: usize,
}

impl Default for Limits {
    /// mysqldump writes no row above its own max_allowed_packet (24 MiB unless raised; `--hex-blob`
    /// doubles that), and 1 MiB batches keep the server busy without making transactions of seconds.
    fn default() -> Self {
        Self {
            statement_bytes: 16 << 20,
            batch_bytes: 1 << 20,
            row_bytes: 64 << 20,
        }
    }
}

/// One whole thing found in the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A statement that is not a plain list of rows, without its delimiter and comments.
    Statement {
        /// The statement as the server gets it.
        text: &'a [u8],
        /// Line it starts on, from 1.
        line: u64,
    },
    /// A batch of rows: an INSERT that is whole by itself.
    Rows {
        /// `INSERT INTO t VALUES (..),(..)`.
        text: &'a [u8],
        /// Length of the part up to and with `VALUES`.
        head_bytes: usize,
        /// Rows in this batch.
        rows: u64,
        /// Line the batch starts on, from 1.
        line: u64,
    },
    /// A `-- ` comment between statements: mysqldump says there who it is and that it finished.
    Comment {
        /// The text after the dashes, at most 512 bytes of it.
        text: &'a [u8],
        /// Its line, from 1.
        line: u64,
    },
}

/// Why the text cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum LexError {
    /// A statement is longer than [`Limits::statement_bytes`].
    #[error("the statement that starts on line {line} is longer than {limit_bytes} bytes")]
    StatementTooLong {
        /// Where it starts.
        line: u64,
        /// The bound.
        limit_bytes: usize,
    },
    /// A row is longer than [`Limits::row_bytes`].
    #[error("a row after line {line} is longer than {limit_bytes} bytes")]
    RowTooLong {
        /// Where its batch starts.
        line: u64,
        /// The bound.
        limit_bytes: usize,
    },
    /// Something other than rows after VALUES (`ON DUPLICATE KEY`, an unbalanced bracket, ...).
    #[error("line {line}: after VALUES something stands that is no row")]
    NotRows {
        /// Where.
        line: u64,
    },
    /// A DELIMITER line without, or with a far too long, delimiter.
    #[error("line {line}: a DELIMITER line that names no usable delimiter")]
    BadDelimiter {
        /// Where.
        line: u64,
    },
    /// The text ends inside a statement: the dump was cut off.
    #[error("the file ends in the middle of the statement that starts on line {line}")]
    Unfinished {
        /// Where the statement starts.
        line: u64,
    },
}
