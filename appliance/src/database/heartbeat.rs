//! The watcher's own row: written and read back, it proves that the database takes records. Schema, table and account are made
//! by root, outside the journal (the binlog), again whenever they are gone: an import exchanges the whole database.

use std::path::Path;
use std::time::Duration;

use super::client::{Client, SqlError};
use crate::supervise::seen::SqlAnswer;

/// The account; the system's user of the same name comes in by the unix socket.
pub const ACCOUNT: &str = "posto";
const LIMIT: Duration = Duration::from_secs(10);
/// All of it: making takes three flushes of the disk. The daemon's own watchdog allows for it.
const WHOLE_LIMIT: Duration = Duration::from_secs(15);
/// Bounded by [`WHOLE_LIMIT`].
const ROOT_AGAIN: Duration = Duration::from_millis(500);
/// Connections ended at once, at most.
const FREE_AT_ONCE: usize = 60;

/// What a server's refusal means to the watcher (error numbers of MariaDB's documentation).
#[must_use]
pub fn meaning(code: u16) -> SqlAnswer {
    match code {
        // Too many connections, of all or of this account.
        1040 | 1203 | 1226 => SqlAnswer::Exhausted,
        // No right, no account, no schema, no table, no plugin for it.
        1044 | 1045 | 1049 | 1142 | 1143 | 1146 | 1524 | 1698 | 1932 => SqlAnswer::Denied,
        _ => SqlAnswer::Wrong,
    }
}

/// Makes account, schema and table, if they are not there.
///
/// # Errors
/// [`SqlError`]; the next try begins where this one ended.
pub async fn make(socket: &Path) -> Result<(), SqlError> {
    within(async {
        let mut client = Client::connect(socket, LIMIT).await?;
        make_with(&mut client).await
    })
    .await
}

async fn within<T>(work: impl Future<Output = Result<T, SqlError>>) -> Result<T, SqlError> {
    tokio::time::timeout(WHOLE_LIMIT, work)
        .await
        .map_err(|_| SqlError::TooSlow(WHOLE_LIMIT))?
}

/// As [`make`], on root's connection.
///
/// # Errors
/// As [`make`].
pub async fn make_with(client: &mut Client) -> Result<(), SqlError> {
    for statement in [
        "SET SESSION sql_log_bin = 0",
        "CREATE DATABASE IF NOT EXISTS posto",
        "CREATE TABLE IF NOT EXISTS posto.heartbeat (id TINYINT UNSIGNED NOT NULL PRIMARY KEY, beat BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB",
        "CREATE USER IF NOT EXISTS posto@localhost IDENTIFIED VIA unix_socket",
        "GRANT SELECT, INSERT, UPDATE ON posto.heartbeat TO posto@localhost",
        "SET SESSION sql_log_bin = 1",
    ] {
        client.run(statement).await?;
    }
    Ok(())
}

/// Writes `beat` and reads it back in one statement; whether it was the same.
///
/// # Errors
/// [`SqlError`].
pub(crate) async fn beat(client: &mut Client, beat: u64) -> Result<bool, SqlError> {
    let rows: Vec<(u64,)> = client
        .rows(&format!(
            "INSERT INTO posto.heartbeat (id, beat) VALUES (1, {beat}) ON DUPLICATE KEY UPDATE beat = {beat} RETURNING beat"
        ))
        .await?;
    Ok(rows == [(beat,)])
}

/// Connections in use and allowed.
///
/// # Errors
/// [`SqlError`].
pub(crate) async fn connections(client: &mut Client) -> Result<Option<(u32, u32)>, SqlError> {
    let rows: Vec<(u32, u32)> = client
        .rows(
            "SELECT CAST(variable_value AS UNSIGNED), @@max_connections FROM information_schema.global_status
             WHERE variable_name = 'THREADS_CONNECTED'",
        )
        .await?;
    Ok(rows.into_iter().next())
}

/// Ends the connections that have slept longest, half of what is allowed; how many. Root has one connection of its own
/// when all others are taken.
///
/// # Errors
/// [`SqlError`].
pub async fn free(socket: &Path) -> Result<u64, SqlError> {
    within(end_sleepers(socket)).await
}

/// Root's own connection may be taken, too (a technician's SQL): it is asked for until somebody lets go.
async fn root(socket: &Path) -> Result<Client, SqlError> {
    loop {
        match Client::connect(socket, LIMIT).await {
            Err(error) if error.code().map(meaning) == Some(SqlAnswer::Exhausted) => {
                tokio::time::sleep(ROOT_AGAIN).await;
            }
            other => return other,
        }
    }
}

async fn end_sleepers(socket: &Path) -> Result<u64, SqlError> {
    let mut client = root(socket).await?;
    let sleepers: Vec<(u64,)> = client
        .rows(&format!(
            "SELECT id FROM information_schema.processlist WHERE command = 'Sleep' AND user <> '{ACCOUNT}' AND id <> CONNECTION_ID()
             ORDER BY time_ms DESC LIMIT {FREE_AT_ONCE}"
        ))
        .await?;
    let mut freed = 0;
    for (id,) in sleepers {
        // It may have woken up or gone by now.
        if client.run(&format!("KILL CONNECTION {id}")).await.is_ok() {
            freed += 1;
        }
    }
    Ok(freed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_room_is_not_one_without_our_account() {
        assert_eq!(meaning(1040), SqlAnswer::Exhausted);
        assert_eq!(meaning(1698), SqlAnswer::Denied);
        assert_eq!(meaning(1290), SqlAnswer::Wrong);
    }
}
