//! A MariaDB server of our own on a given data directory: own socket, no network, no right of root, dies with us. Imports load
//! into one, snapshots are proven by one. It never sees the live data directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::client::{Client, SqlError};
use super::founding::option;
use super::server::{SERVER, STOP_LIMIT};
use crate::system::durable::{self, DurableError, Owner};
use crate::system::process::{Invocation, ProcessError, Running};

/// How often a server that comes up is asked whether it has.
const POLL: Duration = Duration::from_millis(100);
/// One connection attempt.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Under memory pressure the kernel ends this server before the clinic's own (proc_pid_oom_score_adj(5)).
const FIRST_TO_DIE: &str = "900";

/// What every such server is told besides its paths: nothing of it is reached from outside, nothing in the data makes it do
/// anything by itself.
const ALWAYS: &[&str] = &[
    "--skip-networking",
    "--skip-name-resolve",
    "--skip-slave-start",
    "--event-scheduler=OFF",
    "--local-infile=OFF",
    "--symbolic-links=OFF",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
];

/// Where the server is and as whom it runs.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its data directory; must be there, of the server's user.
    pub data: PathBuf,
    /// Holds `run/` (socket, pid file) and `tmp/`, which are made for the server's user alone: only that user and root reach the
    /// socket, and the server takes nobody but the system's root for its own root.
    pub directory: PathBuf,
    /// uid = gid of the server; `None` runs it as the caller (tests without root).
    pub user: Option<u32>,
    /// More of its settings, as `--name=value`.
    pub settings: Vec<OsString>,
    /// From its start to its first answer, crash recovery included.
    pub start_limit: Duration,
}

impl Site {
    /// The socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.run().join("socket")
    }

    /// Socket, pid file and, if the settings say so, the server's log.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.directory.join("run")
    }

    /// Temporary files.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.directory.join("tmp")
    }

    /// Makes `run/` and `tmp/`.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn prepare(&self) -> Result<(), DurableError> {
        for path in [self.run(), self.scratch()] {
            durable::directory(&path, self.owner(0o700))?;
        }
        Ok(())
    }

    /// The server's user with these permission bits.
    #[must_use]
    pub fn owner(&self, mode: u32) -> Owner {
        self.user
            .map_or(Owner::mode(mode), |id| Owner::user(id, mode))
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut all = vec![
            OsString::from("--no-defaults"),
            option("datadir", &self.data),
            option("socket", &self.socket()),
            option("pid-file", &self.run().join("pid")),
            option("tmpdir", &self.scratch()),
        ];
        all.extend(ALWAYS.iter().map(OsString::from));
        all.extend(self.settings.iter().cloned());
        if self.user.is_none() && rustix::process::geteuid().is_root() {
            all.push("--user=root".into());
        }
        all
    }
}

/// Why the server is not up, or did not stop as it should.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its directories cannot be made.
    #[error(transparent)]
    Directory(#[from] DurableError),
    /// It could not be started, or ended with an error.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ended by itself, without an error.
    #[error("the private database server ended by itself")]
    Ended,
    /// It did not answer in time; it was killed.
    #[error("the private database server did not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// It answers, but refuses its root.
    #[error("the private database server does not let its root in: {0}")]
    Refused(#[source] SqlError),
}

/// The running server. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct PrivateServer {
    running: Running,
    socket: PathBuf,
}

impl PrivateServer {
    /// Starts the server of `site` and waits until it answers. Makes `run/` and `tmp/` if they are not there. Dropping the
    /// future before it is done kills the server, too. The calling thread must outlive the server.
    ///
    /// # Errors
    /// [`ServerError`]; no server runs then.
    pub async fn start(site: &Site) -> Result<Self, ServerError> {
        Self::start_program(Path::new(SERVER), site).await
    }

    /// As [`PrivateServer::start`], with this server program.
    ///
    /// # Errors
    /// As [`PrivateServer::start`].
    pub async fn start_program(program: &Path, site: &Site) -> Result<Self, ServerError> {
        site.prepare()?;
        let mut invocation = Invocation::new("/usr/bin/choom")
            .args(["-n", FIRST_TO_DIE, "--"])
            .arg(program)
            .args(site.arguments())
            .in_directory("/");
        if let Some(id) = site.user {
            invocation = invocation.as_user(id);
        }
        let mut server = Self {
            running: invocation.dies_with_us().spawn()?,
            socket: site.socket(),
        };
        server.wait_until_up(site.start_limit).await?;
        Ok(server)
    }

    /// The server's socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The server's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// A connection as the server's root; each statement must be done within `limit`.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn root(&self, limit: Duration) -> Result<Client, SqlError> {
        Client::connect(&self.socket, limit).await
    }

    /// Whether it has ended, and how, without waiting.
    ///
    /// # Errors
    /// [`ProcessError::Failed`] when it ended with an error.
    pub fn has_ended(&mut self) -> Result<bool, ProcessError> {
        self.running.has_ended()
    }

    /// Gives a server that is ending by itself `limit` to be done with it, then kills it.
    ///
    /// # Errors
    /// [`ProcessError::Failed`] with how it ended, [`ProcessError::TooSlow`] if it did not.
    pub fn ending(&mut self, limit: Duration) -> Result<(), ProcessError> {
        self.running.wait(limit)
    }

    /// Stops it cleanly: everything written out, no redo left to apply.
    ///
    /// # Errors
    /// [`ProcessError`]; it does not run any more.
    pub fn stop(mut self) -> Result<(), ProcessError> {
        self.running.terminate(STOP_LIMIT)
    }

    async fn wait_until_up(&mut self, limit: Duration) -> Result<(), ServerError> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            if self.running.has_ended()? {
                return Err(ServerError::Ended);
            }
            match Client::connect(&self.socket, CONNECT_LIMIT).await {
                Ok(_) => return Ok(()),
                // The server itself said no: more attempts change nothing.
                Err(error) if error.code().is_some() => return Err(ServerError::Refused(error)),
                Err(_) if tokio::time::Instant::now() > deadline => {
                    return Err(ServerError::TooSlow(limit));
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }
}
