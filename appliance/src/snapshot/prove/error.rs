//! Why a proof could not be carried out. That says nothing of the snapshot: no verdict is recorded, and the next proof tries again.

use std::path::PathBuf;
use std::time::Duration;

use crate::database::client::SqlError;
use crate::snapshot::id::Id;
use crate::snapshot::shelf::ShelfError;
use crate::system::durable::DurableError;
use crate::system::process::ProcessError;
use crate::system::reflink::ReflinkError;

/// Nothing was recorded; the snapshot is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// No room for what a recovery writes.
    #[error(
        "a proof needs {needed_bytes} bytes free on the data disk, {free_bytes} are; the snapshot was not judged; make room and try again"
    )]
    NoRoom {
        /// Needed.
        needed_bytes: u64,
        /// Free.
        free_bytes: u64,
    },
    /// No memory for a second server.
    #[error(
        "a proof needs {needed_bytes} bytes of memory, {available_bytes} are available; the snapshot was not judged; it is tried again later"
    )]
    NoMemory {
        /// Needed.
        needed_bytes: u64,
        /// Available.
        available_bytes: u64,
    },
    /// The server program is not there.
    #[error(
        "the database server's program {0} is not there; the snapshot was not judged; this is a fault of the release"
    )]
    NoProgram(PathBuf),
    /// Another proof runs: two servers more would be too much for the box.
    #[error("another proof is under way; try again when it is done")]
    Busy,
    /// Stopped on request.
    #[error("stopped on request; the snapshot was not judged")]
    Interrupted,
    /// The private server was killed.
    #[error(
        "the proof's database server was killed ({0}), for want of memory or by hand; the snapshot was not judged; it is tried again later"
    )]
    Killed(String),
    /// The server says what the box lacks.
    #[error(
        "the proof's database server could not work: {0}; this is not the snapshot's fault; it was not judged; it is tried again later"
    )]
    Lack(String),
    /// It took longer than anything sound.
    #[error(
        "the proof was not done within {} s; the snapshot was not judged; it is tried again later", .0.as_secs()
    )]
    TooSlow(Duration),
    /// The server or a question to it failed in a way that says nothing of the data.
    #[error("the proof's database server: {0}; the snapshot was not judged")]
    Sql(#[from] SqlError),
    /// A program.
    #[error("{0}; the snapshot was not judged")]
    Process(#[from] ProcessError),
    /// The clone.
    #[error("the snapshot could not be cloned: {0}; it was not judged")]
    Clone(#[from] ReflinkError),
    /// A file.
    #[error("{0}; the snapshot was not judged")]
    Durable(#[from] DurableError),
    /// A file of the clone could not be read.
    #[error("{path} could not be read: {source}; the snapshot was not judged")]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The shelf.
    #[error("{0}")]
    Shelf(#[from] ShelfError),
    /// There is no such snapshot.
    #[error("there is no snapshot {0}; 'posto snapshot list' shows them")]
    Unknown(Id),
}
