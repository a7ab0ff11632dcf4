//! Before an orderly stop: nobody commits any more, and what was committed is flushed.
//!
//! A server that is told to end right after a commit marks its journal (binlog) as closed before InnoDB has flushed that commit's
//! last record. A power cut between the two leaves transactions prepared that nobody can decide, and the next start refuses
//! ("Found 1 prepared transactions"): seen with cuts on a recorded disk, docs/verification.md.

use std::path::Path;
use std::time::Duration;

use super::client::{Client, SqlError};

/// A server that does not answer is ended all the same.
const LIMIT: Duration = Duration::from_secs(3);

/// Does it on the server at `socket`. Each of the two is tried for 3 s, whatever became of the other.
///
/// # Errors
/// [`SqlError`] of the first that failed; the server can be stopped all the same.
pub async fn settle(socket: &Path) -> Result<(), SqlError> {
    // Waits for statements that run; the accounts of root and of replication are left out by the server.
    let no_commits = run(socket, "SET GLOBAL read_only=ON").await;
    let flushed = run(socket, "FLUSH ENGINE LOGS").await;
    no_commits.and(flushed)
}

async fn run(socket: &Path, statement: &str) -> Result<(), SqlError> {
    let all = async {
        let mut client = Client::connect(socket, LIMIT).await?;
        client.run(statement).await
    };
    tokio::time::timeout(LIMIT, all)
        .await
        .map_err(|_| SqlError::TooSlow(LIMIT))?
}
