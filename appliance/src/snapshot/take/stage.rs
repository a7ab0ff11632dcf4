//! BACKUP STAGE (mariadb.com/kb, "BACKUP STAGE"): the server's own way to stand still a little at a time. The locks belong to
//! the connection: they end with it, whatever becomes of us.

use std::time::Duration;

use super::error::TakeError;
use crate::database::client::{Client, SqlError};
use crate::snapshot::manifest::Binlog;

/// How long a change of tables that is just ending may be waited for. Others that want to change tables wait behind us.
const DDL_WAIT: Duration = Duration::from_secs(30);
/// How long running commits may be waited for while new ones already wait behind us.
const COMMIT_WAIT: Duration = Duration::from_secs(2);
/// A taker that hangs must not keep tables from being changed for longer.
const IDLE_LIMIT: Duration = Duration::from_secs(600);
/// One statement, the waits above included: a database that takes longer does not answer.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(45);
/// ER_LOCK_WAIT_TIMEOUT, ER_STATEMENT_TIMEOUT.
const WAITED: [u16; 2] = [1205, 1969];

/// A connection that holds DDL back.
#[derive(Debug)]
pub(super) struct Stage {
    client: Client,
}

impl Stage {
    /// From here on tables are not changed; reads and commits go on.
    pub(super) async fn block_ddl(mut client: Client) -> Result<Self, TakeError> {
        let idle = format!("SET SESSION wait_timeout={}", IDLE_LIMIT.as_secs());
        client.run(&idle).await?;
        wait_at_most(&mut client, DDL_WAIT).await?;
        for statement in ["START", "FLUSH", "BLOCK_DDL"] {
            stage(&mut client, statement, DDL_WAIT).await?;
        }
        wait_at_most(&mut client, COMMIT_WAIT).await?;
        Ok(Self { client })
    }

    /// From here on commits wait.
    pub(super) async fn block_commit(&mut self) -> Result<(), TakeError> {
        stage(&mut self.client, "BLOCK_COMMIT", COMMIT_WAIT).await
    }

    /// Everything goes on.
    pub(super) async fn end(mut self) -> Result<Client, TakeError> {
        stage(&mut self.client, "END", COMMIT_WAIT).await?;
        Ok(self.client)
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Where the server is in its log: (on the disk, in memory).
    pub(super) async fn lsn(&mut self) -> Result<Lsn, TakeError> {
        lsn(&mut self.client).await
    }

    pub(super) async fn journal(&mut self) -> Result<Option<Binlog>, TakeError> {
        // SHOW BINLOG STATUS is the same from 10.5 on, but some forks know this one only.
        let rows: Vec<mysql_async::Row> = self.client.rows("SHOW MASTER STATUS").await?;
        Ok(rows.first().and_then(|row| {
            Some(Binlog {
                file: row.get_opt(0)?.ok()?,
                position: row.get_opt(1)?.ok()?,
            })
        }))
    }
}

/// Where a server is in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lsn {
    /// On the disk.
    pub(super) flushed: u64,
    /// In memory.
    pub(super) current: u64,
}

pub(super) async fn lsn(client: &mut Client) -> Result<Lsn, TakeError> {
    let rows: Vec<(String, String)> = client
        .rows("SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_lsn_current', 'Innodb_lsn_flushed')")
        .await?;
    let of = |name: &str| {
        let found = rows
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
    };
    Ok(Lsn {
        flushed: of("innodb_lsn_flushed"),
        current: of("innodb_lsn_current"),
    })
}

async fn wait_at_most(client: &mut Client, limit: Duration) -> Result<(), SqlError> {
    let statement = format!("SET SESSION lock_wait_timeout={}", limit.as_secs());
    client.run(&statement).await
}

async fn stage(client: &mut Client, name: &str, limit: Duration) -> Result<(), TakeError> {
    match client.run(&format!("BACKUP STAGE {name}")).await {
        Err(error) if error.code().is_some_and(|code| WAITED.contains(&code)) => {
            Err(TakeError::Blocked(limit))
        }
        other => Ok(other?),
    }
}
