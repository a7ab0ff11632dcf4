//! A real server as the box's own runs: durable, binlog on, O_DIRECT. `POSTO_TEST_MARIADBD` names another program than the host's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use posto::database::client::Client;
use posto::database::founding;
use posto::system::process::{Invocation, Running};

/// uid = gid of MariaDB on the box.
pub const MYSQL: u32 = 811;
const LIMIT: Duration = Duration::from_secs(300);

/// Whether there is one; says why not.
pub fn is_here() -> bool {
    let here = Path::new(&program()).exists() && rustix::process::geteuid().is_root();
    if !here {
        eprintln!("SKIPPED: needs root and mariadbd (package mariadb-server)");
    }
    here
}

pub fn program() -> String {
    std::env::var("POSTO_TEST_MARIADBD").unwrap_or_else(|_| "/usr/sbin/mariadbd".to_string())
}

/// Dropping it kills it.
pub struct Server {
    running: Running,
    socket: PathBuf,
}

impl Server {
    /// Makes a new data directory.
    pub fn install(data: &Path, scratch: &Path) {
        for path in [data, scratch] {
            std::fs::create_dir_all(path).unwrap();
            std::os::unix::fs::chown(path, Some(MYSQL), Some(MYSQL)).unwrap();
        }
        founding::install(Path::new("/usr/bin/mariadb-install-db"), data, scratch)
            .in_directory("/")
            .as_user(MYSQL)
            .run(LIMIT)
            .unwrap();
    }

    /// Starts one on `data` and waits until it answers at `socket`. `more` are its settings besides the usual ones.
    pub fn start(data: &Path, socket: &Path, more: &[&str]) -> Self {
        let directory = socket.parent().unwrap();
        std::fs::create_dir_all(directory).unwrap();
        std::os::unix::fs::chown(directory, Some(MYSQL), Some(MYSQL)).unwrap();
        let running = Invocation::new(program())
            .args([
                "--no-defaults".to_string(),
                format!("--datadir={}", data.display()),
                format!("--socket={}", socket.display()),
                format!("--pid-file={}", data.join("box.pid").display()),
                format!("--tmpdir={}", directory.display()),
            ])
            .args(USUAL)
            .args(more)
            .as_user(MYSQL)
            .dies_with_us()
            .spawn()
            .unwrap();
        let mut server = Self {
            running,
            socket: socket.to_path_buf(),
        };
        for _ in 0..3000 {
            server.running.has_ended().unwrap();
            if block_on(Client::connect(socket, Duration::from_secs(2))).is_ok() {
                return server;
            }
            posto::system::clock::pause(Duration::from_millis(50));
        }
        panic!("the server does not come up on {}", data.display());
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process.
    pub fn process(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(i32::try_from(self.running.id()).unwrap()).unwrap()
    }

    /// A clean end.
    pub fn stop(mut self) {
        self.running.terminate(LIMIT).unwrap();
    }

    /// Runs statements one after the other.
    pub fn run(&self, statements: &[&str]) {
        block_on(async {
            let mut client = self.client().await;
            for statement in statements {
                client
                    .run(statement)
                    .await
                    .unwrap_or_else(|e| panic!("{statement}: {e}"));
            }
        });
    }

    /// All rows of a query.
    pub fn rows<T>(&self, query: &str) -> Vec<T>
    where
        T: mysql_async::prelude::FromRow + Send + 'static,
    {
        block_on(async { self.client().await.rows(query).await.unwrap() })
    }

    /// The one number of a query.
    pub fn number(&self, query: &str) -> u64 {
        self.rows(query)[0]
    }

    async fn client(&self) -> Client {
        Client::connect(&self.socket, LIMIT).await.unwrap()
    }
}

const USUAL: &[&str] = &[
    "--skip-networking",
    "--skip-name-resolve",
    "--log-bin=binlog",
    "--server-id=1",
    "--binlog-format=ROW",
    "--binlog-row-image=MINIMAL",
    "--sync-binlog=1",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-flush-method=O_DIRECT",
    "--performance-schema=OFF",
    "--character-set-server=utf8mb4",
];

/// Runs one asynchronous call on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
