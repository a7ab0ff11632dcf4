//! The server of one import: a fresh data directory, nothing durable until its clean stop.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::error::ImportError;
use crate::database::client::Client;
use crate::database::private_server::{self, PrivateServer, ServerError};
use crate::database::{founding, server};
use crate::system::durable;

/// mariadb-install-db runs some hundred statements, each flushed: a minute on an old disk at 120 IOPS.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);
/// A fresh server makes its temporary tablespace and is up.
const START_LIMIT: Duration = Duration::from_secs(300);
/// One statement of our own: counting the rows of a whole big table on an old disk.
const STATEMENT_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// Where the server is and as whom it runs.
#[derive(Debug, Clone)]
pub struct Site {
    /// `/data/staging/import-<time>`.
    pub directory: PathBuf,
    /// uid = gid of the server; `None` runs it as the caller (tests without root).
    pub user: Option<u32>,
    /// Buffer pool.
    pub pool_bytes: u64,
}

impl Site {
    /// The new data directory.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.directory.join("database")
    }

    fn private(&self) -> private_server::Site {
        let pool = format!("--innodb-buffer-pool-size={}", self.pool_bytes);
        private_server::Site {
            data: self.database(),
            directory: self.directory.clone(),
            user: self.user,
            settings: FAST
                .iter()
                .map(Into::into)
                .chain(std::iter::once(pool.into()))
                .collect(),
            start_limit: START_LIMIT,
        }
    }
}

/// The running server. Dropping it kills it.
#[derive(Debug)]
pub struct Throwaway {
    server: PrivateServer,
}

impl Throwaway {
    /// Makes a new data directory and starts a server on it.
    ///
    /// # Errors
    /// [`ImportError::Server`], [`ImportError::Process`], [`ImportError::Durable`].
    pub async fn start(site: Site) -> Result<Self, ImportError> {
        let private = site.private();
        durable::directory(&private.data, private.owner(0o700))?;
        private.prepare()?;
        install(&private)?;
        let server = PrivateServer::start(&private).await?;
        Ok(Self { server })
    }

    /// A connection as the server's root.
    ///
    /// # Errors
    /// [`ImportError::Sql`].
    pub async fn root(&self) -> Result<Client, ImportError> {
        Ok(self.server.root(STATEMENT_LIMIT).await?)
    }

    /// A connection as OpenMRS's account. The dump's statements run with its rights only: whatever a dump says, it
    /// reaches nothing but its own database.
    ///
    /// # Errors
    /// [`ImportError::Server`].
    pub async fn account(&self, password: &str) -> Result<mysql_async::Conn, ImportError> {
        let options = mysql_async::OptsBuilder::default()
            .socket(Some(self.server.socket().to_string_lossy()))
            .user(Some(server::ACCOUNT))
            .pass(Some(password))
            .db_name(Some(server::DATABASE))
            .prefer_socket(Some(false));
        let mut connection = mysql_async::Conn::new(options)
            .await
            .map_err(|e| ImportError::Server(e.to_string()))?;
        for statement in SESSION {
            connection
                .query_drop(*statement)
                .await
                .map_err(|e| ImportError::Server(e.to_string()))?;
        }
        Ok(connection)
    }

    /// Stops it cleanly: everything written out, no redo left to apply.
    ///
    /// # Errors
    /// [`ImportError::Process`].
    pub fn stop(self) -> Result<(), ImportError> {
        Ok(self.server.stop()?)
    }
}

impl From<ServerError> for ImportError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Directory(error) => error.into(),
            ServerError::Process(error) => error.into(),
            ServerError::Refused(error) => error.into(),
            ServerError::Ended | ServerError::TooSlow(_) => Self::Server(error.to_string()),
        }
    }
}

/// What every dump gets, as mysqldump's own head would set it, and one transaction per table instead of one per
/// statement.
///
/// The collations are those that `CHARSET=utf8` meant on the old server; the variable exists from 11.2 on.
const SESSION: &[&str] = &[
    "SET SESSION autocommit=0, unique_checks=0, foreign_key_checks=0, sql_mode='NO_AUTO_VALUE_ON_ZERO'",
    "/*M!110200 SET SESSION character_set_collations='utf8mb3=utf8mb3_general_ci,utf8mb4=utf8mb4_general_ci' */",
    "SET SESSION net_read_timeout=86400, wait_timeout=86400",
];

fn install(site: &private_server::Site) -> Result<(), ImportError> {
    let mut invocation = founding::install(Path::new(server::INSTALL), &site.data, &site.scratch())
        .in_directory("/");
    if let Some(id) = site.user {
        invocation = invocation.as_user(id);
    }
    invocation.run(INSTALL_LIMIT)?;
    Ok(())
}

/// For the import only: a power cut costs the whole attempt anyway. The final server has its own settings.
const FAST: &[&str] = &[
    "--skip-log-bin",
    "--innodb-doublewrite=OFF",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=O_DIRECT",
    // The live server's size, so that its first start has no log to resize.
    "--innodb-log-file-size=256M",
    "--innodb-strict-mode=OFF",
    "--innodb-sort-buffer-size=8M",
    "--innodb-lock-wait-timeout=3600",
    "--max-allowed-packet=256M",
    "--log-warnings=1",
];
