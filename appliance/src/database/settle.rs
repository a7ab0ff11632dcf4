//! Before an orderly stop: what was committed, and what still will be, is flushed to its end.
//!
//! A server that is told to end right after a commit marks its journal (binlog) as closed before InnoDB has flushed that commit's
//! last record. A power cut between the two leaves transactions prepared, the journal says that nothing is left to recover, and the
//! next start refuses ("Found 1 prepared transactions"): seen with cuts on a recorded disk.
//!
//! With `innodb_flush_log_at_trx_commit=1` a commit flushes the log when it is prepared and leaves its last record to the next
//! flush, at the latest a second later; with 3 it also waits for that record's flush
//! (storage/innobase/trx/trx0trx.cc, `trx_commit_complete_for_mysql`). The value is looked at after the record was written to the
//! log: a commit that still saw 1 has its record in the log before the second statement flushes it. So nobody has to be kept from
//! committing, whatever account it is.

use std::path::Path;
use std::time::Duration;

use super::client::{Client, SqlError};

/// In this order. Neither is in the journal nor outlives the server.
const STATEMENTS: [&str; 2] = [
    "SET GLOBAL innodb_flush_log_at_trx_commit=3",
    "FLUSH ENGINE LOGS",
];
/// One flush, on a disk that is busy. A server that does not answer is ended all the same.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Does it on the server at `socket`, within [`LIMIT`].
///
/// # Errors
/// [`SqlError`]; the server can be stopped all the same.
pub async fn settle(socket: &Path) -> Result<(), SqlError> {
    let all = async {
        let mut client = Client::connect(socket, LIMIT).await?;
        for statement in STATEMENTS {
            client.run(statement).await?;
        }
        Ok(())
    };
    tokio::time::timeout(LIMIT, all)
        .await
        .map_err(|_| SqlError::TooSlow(LIMIT))?
}
