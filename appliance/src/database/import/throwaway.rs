//! A MariaDB server of its own for one import: own data directory, own socket, no network, nothing durable until its
//! clean stop. It never sees the live data directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::error::ImportError;
use crate::database::client::Client;
use crate::database::{founding, server};
use crate::system::durable::{self, Owner};
use crate::system::process::{Invocation, Running};

/// mariadb-install-db runs some hundred statements, each flushed: a minute on an old disk at 120 IOPS.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);
/// A fresh server makes its temporary tablespace and is up.
const START_LIMIT: Duration = Duration::from_secs(300);
/// One statement of our own: counting the rows of a whole big table on an old disk.
const STATEMENT_LIMIT: Duration = Duration::from_secs(6 * 3600);
/// How often a server that comes up is asked whether it has.
const POLL: Duration = Duration::from_millis(100);

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

    fn socket(&self) -> PathBuf {
        self.directory.join("run/socket")
    }

    fn owner(&self, mode: u32) -> Owner {
        self.user
            .map_or(Owner::mode(mode), |id| Owner::user(id, mode))
    }
}

/// The running server. Dropping it kills it.
#[derive(Debug)]
pub struct Throwaway {
    running: Running,
    site: Site,
}

impl Throwaway {
    /// Makes a new data directory and starts a server on it.
    ///
    /// # Errors
    /// [`ImportError::Server`], [`ImportError::Process`], [`ImportError::Durable`].
    pub async fn start(site: Site) -> Result<Self, ImportError> {
        for name in ["database", "tmp", "run"] {
            durable::directory(&site.directory.join(name), site.owner(0o700))?;
        }
        install(&site)?;
        let mut invocation = Invocation::new(server::SERVER).args(arguments(&site));
        if let Some(id) = site.user {
            invocation = invocation.as_user(id);
        } else if rustix::process::geteuid().is_root() {
            invocation = invocation.arg("--user=root");
        }
        let mut throwaway = Self {
            running: invocation.dies_with_us().spawn()?,
            site,
        };
        throwaway.wait_until_up().await?;
        Ok(throwaway)
    }

    /// A connection as the server's root.
    ///
    /// # Errors
    /// [`ImportError::Sql`].
    pub async fn root(&self) -> Result<Client, ImportError> {
        Ok(Client::connect(&self.site.socket(), STATEMENT_LIMIT).await?)
    }

    /// A connection as OpenMRS's account. The dump's statements run with its rights only: whatever a dump says, it
    /// reaches nothing but its own database.
    ///
    /// # Errors
    /// [`ImportError::Server`].
    pub async fn account(&self, password: &str) -> Result<mysql_async::Conn, ImportError> {
        let options = mysql_async::OptsBuilder::default()
            .socket(Some(self.site.socket().to_string_lossy()))
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
    pub fn stop(mut self) -> Result<(), ImportError> {
        self.running.terminate(server::STOP_LIMIT)?;
        Ok(())
    }

    async fn wait_until_up(&mut self) -> Result<(), ImportError> {
        let socket = self.site.socket();
        let deadline = tokio::time::Instant::now() + START_LIMIT;
        loop {
            if self.running.has_ended()? {
                return Err(ImportError::Server("it ended by itself".to_string()));
            }
            match Client::connect(&socket, Duration::from_secs(5)).await {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error.into()),
                Err(_) => tokio::time::sleep(POLL).await,
            }
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

fn install(site: &Site) -> Result<(), ImportError> {
    let scratch = site.directory.join("tmp");
    let mut invocation =
        founding::install(Path::new(server::INSTALL), &site.database(), &scratch).in_directory("/");
    if let Some(id) = site.user {
        invocation = invocation.as_user(id);
    }
    invocation.run(INSTALL_LIMIT)?;
    Ok(())
}

fn arguments(site: &Site) -> Vec<String> {
    let mut all = vec![
        "--no-defaults".to_string(),
        joined("--datadir=", &site.database()),
        joined("--socket=", &site.socket()),
        joined("--pid-file=", &site.directory.join("run/pid")),
        joined("--tmpdir=", &site.directory.join("tmp")),
        format!("--innodb-buffer-pool-size={}", site.pool_bytes),
    ];
    all.extend(FAST.iter().map(|s| (*s).to_string()));
    all
}

/// For the import only: a power cut costs the whole attempt anyway. The final server has its own settings.
const FAST: &[&str] = &[
    "--skip-networking",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--skip-slave-start",
    "--innodb-doublewrite=OFF",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=O_DIRECT",
    // The live server's size, so that its first start has no log to resize.
    "--innodb-log-file-size=256M",
    "--innodb-strict-mode=OFF",
    "--innodb-sort-buffer-size=8M",
    "--innodb-lock-wait-timeout=3600",
    "--max-allowed-packet=256M",
    "--performance-schema=OFF",
    "--event-scheduler=OFF",
    "--local-infile=OFF",
    "--symbolic-links=OFF",
    "--character-set-server=utf8mb4",
    "--log-warnings=1",
];

fn joined(flag: &str, path: &Path) -> String {
    format!("{flag}{}", path.display())
}
