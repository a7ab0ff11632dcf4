//! One table written anew by the server itself: `ALTER TABLE ... FORCE`, in place and online. What the clinic changes meanwhile goes into a
//! log that the server applies at the end; a killed server throws the unfinished copy away when it starts.
//!
//! Who waits for whom: at its begin and its end the server needs the table alone for a moment. If somebody's transaction holds it, the rebuild gives
//! up after [`LOCK_WAIT_S`], which is also the longest that a clerk waits for that lock. While the log is applied, writers that never pause
//! waited up to 3.3 s (150 MB, two of them; seen): that is why it is done at night. A snapshot goes on beside it; only where
//! the rebuild's last step meets a snapshot's begin does it give up. The next night comes.

use std::path::Path;
use std::time::Duration;

use super::decide::Table;
use crate::database::client::{Client, SqlError};
use crate::database::counts::qualified;
use crate::system::clock;

/// The least that the server knows besides not waiting at all.
const LOCK_WAIT_S: u32 = 1;
/// No rebuild is as long; the unit's own limit comes before.
const LIMIT: Duration = Duration::from_secs(12 * 3600);
/// Everything else that is asked.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How often we look whether somebody needs the box.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// ER_LOCK_WAIT_TIMEOUT; ER_STATEMENT_TIMEOUT.
const WAITED: [u16; 2] = [1205, 1969];
/// ER_QUERY_INTERRUPTED, ER_CONNECTION_KILLED.
const KILLED: [u16; 2] = [1317, 1927];
/// ER_ALTER_OPERATION_NOT_SUPPORTED, the same with a reason, ER_INNODB_ONLINE_LOG_TOO_BIG, ER_NO_SUCH_TABLE.
const REFUSED: [u16; 4] = [1845, 1846, 1799, 1146];

/// Why a rebuild does not go on to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Somebody's transaction, or a snapshot, held the table.
    Locked,
    /// The unit is stopped: a maintenance, a guard's hold, the box goes off.
    Stopped,
    /// A maintenance began.
    Maintenance,
    /// Memory is short.
    Memory,
    /// The disk fills.
    Room,
    /// The quiet time is over.
    Day,
    /// It does not catch up with what is changed meanwhile.
    TooLong,
}

impl Way {
    /// For the event; texts have `reason-<code>`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Locked => "table-in-use",
            Self::Stopped => "stopped",
            Self::Maintenance => "maintenance",
            Self::Memory => "memory-short",
            Self::Room => "disk-fills",
            Self::Day => "quiet-time-over",
            Self::TooLong => "takes-too-long",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The table lies in a new place.
    Done(Cost),
    /// The table is as it was.
    GaveWay(Way),
    /// The server cannot do it online; the table is as it was.
    Refused(String),
}

/// What it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Wall time.
    pub took: Duration,
    /// Redo that the server wrote meanwhile, the clinic's own included.
    pub redo_bytes: u64,
}

/// Rebuilds. `give_way` is asked every second.
///
/// # Errors
/// [`SqlError`]: the database does not answer, or fails; the table is as it was.
pub async fn rebuild(
    socket: &Path,
    table: &Table,
    give_way: &mut dyn FnMut() -> Option<Way>,
) -> Result<Outcome, SqlError> {
    let mut worker = Client::connect(socket, LIMIT).await?;
    // Before: when it is needed, all connections may be taken.
    let mut killer = Client::connect(socket, ANSWER_LIMIT).await?;
    for statement in [
        format!("SET SESSION lock_wait_timeout={LOCK_WAIT_S}"),
        // Nothing changes that the journal would have to tell.
        "SET SESSION sql_log_bin=0".to_string(),
    ] {
        worker.run(&statement).await?;
    }
    let id = number(&mut worker, "SELECT CONNECTION_ID()").await?;
    let redo_before = redo_bytes(&mut killer).await?;
    let began = clock::since_boot();
    let name = qualified(&table.schema, &table.name);
    let statement = format!("ALTER TABLE {name} FORCE, ALGORITHM=INPLACE, LOCK=NONE");
    let mut way = None;
    let done = {
        let altering = worker.run(&statement);
        let mut altering = std::pin::pin!(altering);
        loop {
            tokio::select! {
                done = &mut altering => break done,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            way = way.or_else(&mut *give_way);
            // Again each time: the first may have come between two statements.
            if way.is_some() {
                let _ = killer.run(&format!("KILL QUERY {id}")).await;
            }
        }
    };
    let Err(error) = done else {
        return Ok(Outcome::Done(Cost {
            took: clock::since_boot().saturating_sub(began),
            redo_bytes: redo_bytes(&mut killer).await?.saturating_sub(redo_before),
        }));
    };
    match error.code() {
        Some(code) if KILLED.contains(&code) => Ok(Outcome::GaveWay(way.unwrap_or(Way::Stopped))),
        Some(code) if WAITED.contains(&code) => Ok(Outcome::GaveWay(Way::Locked)),
        Some(code) if REFUSED.contains(&code) => Ok(Outcome::Refused(error.to_string())),
        _ => Err(error),
    }
}

async fn number(client: &mut Client, query: &str) -> Result<u64, SqlError> {
    Ok(client.rows(query).await?.first().copied().unwrap_or(0))
}

async fn redo_bytes(client: &mut Client) -> Result<u64, SqlError> {
    let query = "SELECT CAST(VARIABLE_VALUE AS UNSIGNED) FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_LSN_CURRENT'";
    number(client, query).await
}
