//! Asks the database: writes and reads back in one go, or only asks how many connections are taken.

use std::path::PathBuf;
use std::time::Duration;

use crate::database::client::{Client, SqlError};
use crate::database::heartbeat;
use crate::supervise::seen::{Sql, SqlAnswer, ms};

/// Connecting and answering.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// A write costs the disk two flushes.
const WRITE_EVERY: Duration = Duration::from_secs(20);

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    answer: SqlAnswer,
    connections: Option<(u32, u32)>,
}

impl Heard {
    fn trouble(error: &SqlError) -> Self {
        Self {
            answer: answer_of(error),
            connections: None,
        }
    }
}

/// Keeps its connection.
#[derive(Debug)]
pub(super) struct Asker {
    socket: PathBuf,
    client: Option<Client>,
    wrote: Option<Duration>,
}

impl Asker {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            client: None,
            wrote: None,
        }
    }

    pub(super) async fn ask(&mut self, now: Duration) -> Heard {
        let kept = self.client.is_some();
        match self.try_ask(now).await {
            // The server was restarted, or cut a connection that rested: that is no bad answer yet.
            Err(error) if kept && answer_of(&error) == SqlAnswer::Refused => self
                .try_ask(now)
                .await
                .unwrap_or_else(|error| Heard::trouble(&error)),
            Err(error) => Heard::trouble(&error),
            Ok(heard) => heard,
        }
    }

    async fn try_ask(&mut self, now: Duration) -> Result<Heard, SqlError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::connect_as(heartbeat::ACCOUNT, &self.socket, LIMIT).await?,
        };
        let due = self
            .wrote
            .is_none_or(|at| now.saturating_sub(at) >= WRITE_EVERY);
        let heard = if due {
            let right = heartbeat::beat(&mut client, ms(now)).await?;
            self.wrote = right.then_some(now);
            Heard {
                answer: if right {
                    SqlAnswer::Good
                } else {
                    SqlAnswer::Wrong
                },
                connections: None,
            }
        } else {
            Heard {
                answer: SqlAnswer::Good,
                connections: heartbeat::connections(&mut client).await?,
            }
        };
        self.client = Some(client);
        Ok(heard)
    }
}

fn answer_of(error: &SqlError) -> SqlAnswer {
    match error {
        SqlError::TooSlow(_) => SqlAnswer::Slow,
        other => match other.code() {
            Some(code) => heartbeat::meaning(code),
            None => SqlAnswer::Refused,
        },
    }
}

/// Brings what was seen up to date.
pub(super) fn note(sql: &mut Sql, heard: &Heard, asked: Duration, now: Duration) {
    let since =
        |holds: bool, before: Option<u64>| holds.then(|| before.unwrap_or_else(|| ms(asked)));
    sql.answer = heard.answer;
    sql.streak
        .note(heard.answer == SqlAnswer::Good, asked, now, LIMIT * 2);
    sql.refused_since = since(heard.answer == SqlAnswer::Refused, sql.refused_since);
    if heard.answer != SqlAnswer::Good {
        sql.connections = None;
    } else if heard.connections.is_some() {
        sql.connections = heard.connections;
    }
    let full = sql
        .connections
        .is_some_and(|(used, allowed)| used >= allowed);
    sql.exhausted_since = since(
        full || heard.answer == SqlAnswer::Exhausted,
        sql.exhausted_since,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn all_connections_taken_is_seen_by_number_and_by_refusal_alike() {
        let mut sql = Sql::default();
        let full = Heard {
            answer: SqlAnswer::Good,
            connections: Some((120, 120)),
        };
        note(&mut sql, &full, at(1), at(1));
        let refused = Heard {
            answer: SqlAnswer::Exhausted,
            connections: None,
        };
        note(&mut sql, &refused, at(5), at(5));
        assert_eq!(sql.exhausted_since, Some(1000));
        let free = Heard {
            connections: Some((20, 120)),
            ..full
        };
        note(&mut sql, &free, at(9), at(9));
        assert_eq!(sql.exhausted_since, None);
    }

    #[tokio::test]
    async fn a_socket_where_nobody_listens_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut asker = Asker::new(dir.path().join("sock"));
        let mut sql = Sql::default();
        let heard = asker.ask(at(1)).await;
        note(&mut sql, &heard, at(1), at(2));
        assert_eq!(
            (sql.answer, sql.refused_since),
            (SqlAnswer::Refused, Some(1000))
        );
    }
}
