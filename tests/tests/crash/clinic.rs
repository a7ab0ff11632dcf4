//! A real database with the image's own settings, and clerks whose commits are written down when they are acknowledged.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use posto::database::client::{Client, SqlError};
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

/// `POSTO_CRASH_SETTINGS`: other settings, to see that the harness notices what they lose: name=value, between blanks.
fn others() -> Vec<(String, String)> {
    let text = std::env::var("POSTO_CRASH_SETTINGS").unwrap_or_default();
    let pair = |word: &str| {
        let (name, value) = word.split_once('=').expect("POSTO_CRASH_SETTINGS");
        (name.to_string(), value.to_string())
    };
    text.split_whitespace().map(pair).collect()
}

/// The image's settings. The host's server may be older and not know all of them, so they are loose; those that durability rests
/// on are asked for by [`found`].
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
        .chain(
            others()
                .into_iter()
                .map(|(name, value)| format!("--{name}={value}")),
        )
        .map(Into::into)
        .collect()
}

/// What the server must say of itself, so that an acknowledged commit is one.
const DURABLE: [(&str, &str); 5] = [
    ("innodb_flush_log_at_trx_commit", "1"),
    ("sync_binlog", "1"),
    ("innodb_doublewrite", "ON"),
    ("log_bin", "ON"),
    ("innodb_flush_method", "O_DIRECT"),
];

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
    let others = others();
    for (name, durable) in DURABLE {
        let other = others.iter().rfind(|(other, _)| other == name);
        let expected = other.map_or(durable, |(_, value)| value);
        let query = format!("SELECT CONCAT(@@{name})");
        let said: Vec<String> = client.rows(&query).await.unwrap();
        assert_eq!(said, [expected], "{name}: the settings are not in force");
    }
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

/// Clerks at work. Dropping stops them.
#[derive(Debug)]
pub(crate) struct Clerks {
    stop: Arc<AtomicBool>,
    /// From now on the server may go away under them.
    closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Clerks {
    pub(crate) fn begin(
        places: &Places,
        world: u32,
        ledger: &Arc<Ledger>,
        record: &Record,
    ) -> Self {
        let (stop, closing): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let threads = (0..WRITERS)
            .map(|writer| {
                let (ledger, record) = (Arc::clone(ledger), record.clone());
                let (stop, closing) = (Arc::clone(&stop), Arc::clone(&closing));
                let socket = places.database_socket();
                std::thread::spawn(move || {
                    let work = enter(&socket, world, writer, &ledger, &record, &stop);
                    let ended = block_on(work);
                    // What a clerk had begun when the server went was not acknowledged.
                    assert!(ended.is_ok() || closing.load(Ordering::SeqCst), "{ended:?}");
                })
            })
            .collect();
        Self {
            stop,
            closing,
            threads,
        }
    }

    /// They go on until the server does not let them any more.
    pub(crate) fn to_the_last(&self) {
        self.closing.store(true, Ordering::SeqCst);
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
) -> Result<(), SqlError> {
    let mut client = connect(socket).await;
    client.run("USE openmrs").await?;
    let mut rows = fastrand::Rng::with_seed(u64::from(world * WRITERS + writer));
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
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
            client.run(statement).await?;
        }
        ledger.enter(Ack {
            world,
            writer,
            number,
            begun,
            position: record.position().unwrap(),
        });
    }
    Ok(())
}
