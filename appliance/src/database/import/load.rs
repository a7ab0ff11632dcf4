//! Sends a dump to the throwaway server: a confined process reads, unpacks and cuts; this side sends.
//!
//! Memory: one batch in the pipe, one in the channel, one being sent (about 1 MiB each, at most one row of 64 MiB
//! each); in the reader one batch and the decoder's window (at most 160 MiB, for a file packed with xz -9 64 MiB).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mysql_async::prelude::Queryable;
use tokio::sync::mpsc;

use super::census::{Wanted, beginning};
use super::error::ImportError;
use super::reading::frame::Batch;
use super::reading::{Message, Reader, Reading};
use super::space;
use super::survey::Survey;
use crate::database::server;

/// Batches between two looks at the free room: 64 MiB of dump.
const ROOM_EVERY: u64 = 64;
/// ER_ERROR_DURING_COMMIT.
const ERROR_DURING_COMMIT: u16 = 1180;

/// How far the load is, for whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows sent.
    pub rows: AtomicU64,
    /// The table being loaded.
    pub table: std::sync::Mutex<String>,
}

/// Loads the whole dump over `connection` and gives back what was counted.
///
/// # Errors
/// What is wrong with the dump, the server's refusal with line and table, [`ImportError::NoRoom`] or
/// [`ImportError::Interrupted`].
pub async fn load(
    reading: Reading,
    reader: &Reader,
    wanted: Wanted,
    mut connection: mysql_async::Conn,
    stop: Arc<AtomicBool>,
    progress: &Progress,
    room: &Path,
) -> Result<Survey, ImportError> {
    let (sender, receiver) = mpsc::channel(1);
    let mut sending = Sending {
        file: reading.name.clone(),
        room: room.to_path_buf(),
        open: None,
        batches: 0,
    };
    let under_way = reading.begin(reader, wanted, Some(sender))?;
    sending
        .all(&mut connection, receiver, &stop, progress)
        .await?;
    let survey = under_way.survey().await?;
    let _ = connection.disconnect().await;
    Ok(survey)
}

struct Sending {
    file: String,
    room: PathBuf,
    /// The table whose rows are in the open transaction, and the line of its last batch.
    open: Option<(String, u64)>,
    batches: u64,
}

impl Sending {
    async fn all(
        &mut self,
        connection: &mut mysql_async::Conn,
        mut receiver: mpsc::Receiver<Message>,
        stop: &AtomicBool,
        progress: &Progress,
    ) -> Result<(), ImportError> {
        while let Some(message) = receiver.recv().await {
            if stop.load(Ordering::Relaxed) {
                return Err(ImportError::Interrupted);
            }
            match message {
                Message::BeginAgain => {
                    self.open = None;
                    for verb in ["DROP DATABASE", "CREATE DATABASE", "USE"] {
                        let sql = format!("{verb} {}", server::DATABASE).into_bytes();
                        self.send(
                            connection,
                            &Batch {
                                sql,
                                line: 0,
                                table: None,
                                rows: 0,
                            },
                        )
                        .await?;
                    }
                }
                Message::Send(batch) => {
                    self.commit_before(connection, &batch).await?;
                    self.look_at_room()?;
                    if let (Some(table), Ok(mut shown)) = (&batch.table, progress.table.lock()) {
                        shown.clone_from(table);
                    }
                    self.send(connection, &batch).await?;
                    progress.rows.fetch_add(batch.rows, Ordering::Relaxed);
                }
            }
        }
        self.commit(connection).await
    }

    /// One transaction per table: it ends where another table's rows or any other statement begin.
    async fn commit_before(
        &mut self,
        connection: &mut mysql_async::Conn,
        batch: &Batch,
    ) -> Result<(), ImportError> {
        let same = matches!((&self.open, &batch.table), (Some((open, _)), Some(table)) if open == table && batch.rows > 0);
        if !same {
            self.commit(connection).await?;
        }
        if batch.rows > 0
            && let Some(table) = &batch.table
        {
            self.open = Some((table.clone(), batch.line));
        }
        Ok(())
    }

    async fn commit(&mut self, connection: &mut mysql_async::Conn) -> Result<(), ImportError> {
        // Duplicate keys of a sorted load show only here: the error belongs to the table.
        if let Some((table, line)) = self.open.take() {
            let sql = b"COMMIT".to_vec();
            self.send(
                connection,
                &Batch {
                    sql,
                    line,
                    table: Some(table),
                    rows: 0,
                },
            )
            .await?;
        }
        Ok(())
    }

    fn look_at_room(&mut self) -> Result<(), ImportError> {
        self.batches += 1;
        if !self.batches.is_multiple_of(ROOM_EVERY) {
            return Ok(());
        }
        match space::free_bytes(&self.room) {
            Some(free_bytes) if free_bytes < space::RESERVE_BYTES => Err(ImportError::NoRoom {
                needed_bytes: space::RESERVE_BYTES,
                free_bytes,
            }),
            _ => Ok(()),
        }
    }

    async fn send(
        &self,
        connection: &mut mysql_async::Conn,
        batch: &Batch,
    ) -> Result<(), ImportError> {
        let Err(error) = connection.query_drop(batch.sql.as_slice()).await else {
            return Ok(());
        };
        let message = match &error {
            mysql_async::Error::Server(said) if said.code == ERROR_DURING_COMMIT => {
                reason(connection, &batch.sql, said_by(said)).await
            }
            mysql_async::Error::Server(said) => said_by(said),
            other => other.to_string(),
        };
        Err(ImportError::Refused {
            file: self.file.clone(),
            line: batch.line,
            table: batch.table.clone(),
            message,
            text: beginning(&batch.sql),
        })
    }
}

/// Error 1180 of a sorted load hides its reason ("Operation not permitted during COMMIT"): the same rows sent again
/// the slow way name the duplicate key. The attempt is lost in any case.
async fn reason(connection: &mut mysql_async::Conn, sql: &[u8], first: String) -> String {
    let again = async {
        connection.query_drop("ROLLBACK").await?;
        connection.query_drop("SET SESSION unique_checks=1").await?;
        connection.query_drop(sql).await
    };
    match again.await {
        Err(mysql_async::Error::Server(said)) => said_by(&said),
        _ => format!("{first}; most likely two rows of the table have the same key"),
    }
}

fn said_by(said: &mysql_async::ServerError) -> String {
    format!("{} (error {})", said.message, said.code)
}
