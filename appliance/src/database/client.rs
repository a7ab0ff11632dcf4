//! SQL as database root over the unix socket: the socket tells the server who asks, no password exists.

use std::path::Path;
use std::time::Duration;

use mysql_async::prelude::Queryable;

/// What went wrong with a question to the database.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// No connection.
    #[error("the database does not answer at {socket}: {source}")]
    Connect {
        /// The socket.
        socket: String,
        /// The driver's words.
        source: mysql_async::Error,
    },
    /// A statement failed.
    #[error("the database refused a statement: {0}")]
    Statement(#[from] mysql_async::Error),
    /// No answer in time.
    #[error("the database did not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
}

impl SqlError {
    /// The server's error number, when it was the server that said no.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Connect { source, .. } | Self::Statement(source) => match source {
                mysql_async::Error::Server(error) => Some(error.code),
                _ => None,
            },
            Self::TooSlow(_) => None,
        }
    }
}

/// One connection. Dropping it closes it.
#[derive(Debug)]
pub struct Client {
    connection: mysql_async::Conn,
    limit: Duration,
}

impl Client {
    /// Connects as the database's root by the unix socket (the process must be the system's root). Every later
    /// statement must be done within `limit`, too.
    ///
    /// # Errors
    /// [`SqlError::Connect`], [`SqlError::TooSlow`].
    pub async fn connect(socket: &Path, limit: Duration) -> Result<Self, SqlError> {
        Self::connect_as("root", socket, limit).await
    }

    /// As [`Client::connect`], as `account`: the process must be that user of the system.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_as(
        account: &str,
        socket: &Path,
        limit: Duration,
    ) -> Result<Self, SqlError> {
        let options = mysql_async::OptsBuilder::default()
            .socket(Some(socket.to_string_lossy()))
            .user(Some(account))
            .prefer_socket(Some(false));
        let connection = tokio::time::timeout(limit, mysql_async::Conn::new(options))
            .await
            .map_err(|_| SqlError::TooSlow(limit))?
            .map_err(|source| SqlError::Connect {
                socket: socket.display().to_string(),
                source,
            })?;
        Ok(Self { connection, limit })
    }

    /// Runs one statement without a result.
    ///
    /// # Errors
    /// [`SqlError::Statement`], [`SqlError::TooSlow`].
    pub async fn run(&mut self, statement: &str) -> Result<(), SqlError> {
        tokio::time::timeout(self.limit, self.connection.query_drop(statement))
            .await
            .map_err(|_| SqlError::TooSlow(self.limit))?
            .map_err(Into::into)
    }

    /// Runs one statement with `?` for each of `values`.
    ///
    /// # Errors
    /// As [`Client::run`].
    pub async fn run_with(
        &mut self,
        statement: &str,
        values: Vec<mysql_async::Value>,
    ) -> Result<u64, SqlError> {
        tokio::time::timeout(self.limit, self.connection.exec_drop(statement, values))
            .await
            .map_err(|_| SqlError::TooSlow(self.limit))??;
        Ok(self.connection.affected_rows())
    }

    /// All rows of a query. For small results: everything is in memory.
    ///
    /// # Errors
    /// As [`Client::run`].
    pub async fn rows<T>(&mut self, query: &str) -> Result<Vec<T>, SqlError>
    where
        T: mysql_async::prelude::FromRow + Send + 'static,
    {
        tokio::time::timeout(self.limit, self.connection.query(query))
            .await
            .map_err(|_| SqlError::TooSlow(self.limit))?
            .map_err(Into::into)
    }
}
