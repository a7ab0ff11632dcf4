//! A real database with the image's own settings, and clerks whose commits are written down when they are acknowledged.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use posto::database::client::Client;
use posto::database::founding;
use posto::database::private_server::{PrivateServer, Site};
use posto::database::server::MYSQL_ID;
use posto::places::Places;
use posto_tests::powercut::Record;

use super::ledger::{Ack, Ledger};

const LIMIT: Duration = Duration::from_secs(180);
/// Observations of one encounter: a transaction is there whole or not at all.
pub(crate) const OBSERVATIONS: u64 = 5;
/// Rows of earlier years, of which each transaction changes some, so that pages all over the files are written.
const OLD_ROWS: u32 = 8000;
const WRITERS: u32 = 3;
/// Small enough that checkpoints and evictions happen within seconds.
const SMALL: [&str; 3] = [
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=16M",
    "--innodb-max-dirty-pages-pct=10",
];
/// Paths and network: the test's own.
const OTHERWISE: [&str; 9] = [
    "datadir",
    "socket",
    "pid-file",
    "bind-address",
    "port",
    "skip-name-resolve",
    "secure-file-priv",
    "tmpdir",
    "innodb_log_file_size",
];

/// `POSTO_TEST_MARIADBD` names another program than the host's.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("POSTO_TEST_MARIADBD")
        .map_or_else(|| "/usr/sbin/mariadbd".into(), PathBuf::from)
}

/// The image's settings. The host's server may be older and not know all of them, so they are loose; those that durability rests
/// on are asked for by [`durable`].
fn settings() -> Vec<OsString> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../image/root/etc/posto/mariadb.cnf");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('['))
        .filter_map(|line| {
            let (name, value) = line.split_once('=').unwrap_or((line, "1"));
            let (name, value) = (name.trim(), value.trim());
            (!OTHERWISE.contains(&name)).then(|| format!("--loose-{name}={value}"))
        })
        .chain(SMALL.map(str::to_string))
        .map(Into::into)
        .collect()
}

/// What the server must say of itself, so that an acknowledged commit is one.
const DURABLE: &str = "SELECT CONCAT_WS(' ', @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@innodb_doublewrite, @@log_bin, @@innodb_flush_method)";

/// Runs one asynchronous call on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub(crate) async fn connect(socket: &Path) -> Client {
    Client::connect(socket, LIMIT).await.unwrap()
}

/// Makes an empty database in `data`.
pub(crate) fn install(data: &Path, scratch: &Path) {
    for path in [data, scratch] {
        std::fs::create_dir_all(path).unwrap();
        std::os::unix::fs::chown(path, Some(MYSQL_ID), Some(MYSQL_ID)).unwrap();
    }
    founding::install(Path::new("/usr/bin/mariadb-install-db"), data, scratch)
        .in_directory("/")
        .as_user(MYSQL_ID)
        .run(LIMIT)
        .unwrap();
}

/// Starts a server on `data`; its socket and scratch files are in `directory`, which is not on the disk.
pub(crate) async fn start(data: &Path, directory: &Path) -> Result<PrivateServer, String> {
    std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    let site = Site {
        data: data.to_path_buf(),
        directory: directory.to_path_buf(),
        user: Some(MYSQL_ID),
        settings: settings(),
        start_limit: LIMIT,
    };
    PrivateServer::start_program(&program(), &site)
        .await
        .map_err(|error| error.to_string())
}

/// The schema with the rows of earlier years.
pub(crate) async fn found(socket: &Path) {
    let fill = format!(
        "INSERT INTO obs (encounter_id, person_id, value_text, uuid) SELECT 0, seq MOD 5000, REPEAT(CHAR(97 + seq MOD 26), 40), UUID() FROM seq_1_to_{OLD_ROWS}"
    );
    let mut client = connect(socket).await;
    let said: Vec<String> = client.rows(DURABLE).await.unwrap();
    assert_eq!(
        said,
        ["1 1 ON ON O_DIRECT"],
        "the image's settings are not in force"
    );
    for statement in [
        "CREATE DATABASE openmrs",
        "USE openmrs",
        "CREATE TABLE encounter (encounter_id INT AUTO_INCREMENT PRIMARY KEY, world INT UNSIGNED NOT NULL, writer INT UNSIGNED NOT NULL, number INT UNSIGNED NOT NULL, uuid CHAR(38) NOT NULL UNIQUE) ENGINE=InnoDB",
        "CREATE TABLE obs (obs_id INT AUTO_INCREMENT PRIMARY KEY, encounter_id INT NOT NULL, person_id INT NOT NULL, value_text VARCHAR(200), uuid CHAR(38) NOT NULL UNIQUE, KEY (encounter_id), KEY (person_id)) ENGINE=InnoDB",
        "CREATE TABLE liquibasechangelog (id VARCHAR(63), orderexecuted INT, dateexecuted DATETIME, md5sum VARCHAR(35)) ENGINE=InnoDB",
        "INSERT INTO liquibasechangelog VALUES ('first', 1, '2020-01-01', 'x'), ('newest', 2, '2020-01-01', 'y')",
        &fill,
    ] {
        client.run(statement).await.unwrap();
    }
}

/// Waits until InnoDB's log is flushed to its end, as within a second after the last commit it is
/// (innodb_flush_log_at_timeout).
pub(crate) async fn log_is_flushed(socket: &Path) {
    let mut client = connect(socket).await;
    loop {
        let status: Vec<(String, String)> = client
            .rows("SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_lsn_current', 'Innodb_lsn_flushed')")
            .await
            .unwrap();
        let lsn = |name: &str| {
            status
                .iter()
                .find(|(found, _)| found == name)
                .unwrap()
                .1
                .clone()
        };
        if lsn("Innodb_lsn_current") == lsn("Innodb_lsn_flushed") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Clerks at work. Dropping stops them.
#[derive(Debug)]
pub(crate) struct Clerks {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Clerks {
    pub(crate) fn begin(
        places: &Places,
        world: u32,
        ledger: &Arc<Ledger>,
        record: &Record,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..WRITERS)
            .map(|writer| {
                let (stop, ledger, record) =
                    (Arc::clone(&stop), Arc::clone(ledger), record.clone());
                let socket = places.database_socket();
                std::thread::spawn(move || {
                    block_on(enter(&socket, world, writer, &ledger, &record, &stop));
                })
            })
            .collect();
        Self { stop, threads }
    }

    /// Waits until `more` commits were acknowledged from now on.
    pub(crate) fn wait_for(&self, ledger: &Ledger, more: usize) {
        let before = ledger.count();
        posto_tests::wait::until("commits", LIMIT, || {
            assert!(
                self.threads.iter().all(|thread| !thread.is_finished()),
                "a clerk was refused"
            );
            Ok((ledger.count() >= before + more).then_some(()))
        })
        .unwrap();
    }
}

impl Drop for Clerks {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            // One that failed is told of by `wait_for`.
            let _ = thread.join();
        }
    }
}

async fn enter(
    socket: &Path,
    world: u32,
    writer: u32,
    ledger: &Ledger,
    record: &Record,
    stop: &AtomicBool,
) {
    let mut client = connect(socket).await;
    client.run("USE openmrs").await.unwrap();
    let mut rows = fastrand::Rng::with_seed(u64::from(world * WRITERS + writer));
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let begun = record.position().unwrap();
        let mut statements = vec![
            "START TRANSACTION".to_string(),
            format!(
                "INSERT INTO encounter (world, writer, number, uuid) VALUES ({world}, {writer}, {number}, UUID())"
            ),
            "SET @e = LAST_INSERT_ID()".to_string(),
            format!(
                "INSERT INTO obs (encounter_id, person_id, value_text, uuid) SELECT @e, {number} MOD 5000, 'a value', UUID() FROM seq_1_to_{OBSERVATIONS}"
            ),
        ];
        for _ in 0..3 {
            // Rows of their own: clerks must not wait for each other's locks.
            let row = rows.u32(0..OLD_ROWS / WRITERS - 1) * WRITERS + writer + 1;
            statements.push(format!(
                "UPDATE obs SET person_id = person_id + 1 WHERE obs_id = {row}"
            ));
        }
        statements.push("COMMIT".to_string());
        for statement in &statements {
            client.run(statement).await.unwrap();
        }
        ledger.enter(Ack {
            world,
            writer,
            number,
            begun,
            position: record.position().unwrap(),
        });
    }
}
