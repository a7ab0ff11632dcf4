//! A clinic at work: encounters of [`OBSERVATIONS`] observations each, one transaction an encounter, whose acknowledgements are
//! recorded outside the database.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use posto::database::client::Client;

use crate::KEY;

use super::mariadb::{Server, block_on};

/// Of one encounter.
pub const OBSERVATIONS: u64 = 14;

/// Keys as the server makes them: neighbours lie together, so a snapshot recovers within seconds in a small pool.
pub const ORDERED_UUID: &str = "UUID()";
/// Keys as OpenMRS makes them: no two neighbours begin alike. A snapshot of it recovers in most of a minute in a small pool.
pub const RANDOM_UUID: &str =
    "INSERT(INSERT(INSERT(INSERT(MD5(UUID()), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')";

/// Makes schema `openmrs` with `rows` observations of earlier years (about 0.35 KB each on disk) and random UUIDs.
pub fn found(server: &Server, rows: u64) {
    let fill = format!(
        "INSERT INTO obs (encounter_id, person_id, value_text, uuid) SELECT 0, seq MOD 5000, REPEAT(CHAR(97 + seq MOD 26), 40), {KEY} FROM seq_1_to_{rows}"
    );
    server.run(&[
        "CREATE DATABASE openmrs",
        "USE openmrs",
        "CREATE TABLE encounter (encounter_id INT AUTO_INCREMENT PRIMARY KEY, writer INT NOT NULL, number INT NOT NULL, uuid CHAR(38) NOT NULL UNIQUE) ENGINE=InnoDB",
        "CREATE TABLE obs (obs_id INT AUTO_INCREMENT PRIMARY KEY, encounter_id INT NOT NULL, person_id INT NOT NULL, value_text VARCHAR(200), uuid CHAR(38) NOT NULL UNIQUE, KEY (encounter_id), KEY (person_id)) ENGINE=InnoDB",
        "CREATE TABLE liquibasechangelog (id VARCHAR(63), orderexecuted INT, dateexecuted DATETIME, md5sum VARCHAR(35)) ENGINE=InnoDB",
        "INSERT INTO liquibasechangelog VALUES ('first', 1, '2020-01-01', 'x'), ('newest', 2, '2020-01-01', 'y')",
        &fill,
    ]);
}

/// An acknowledged commit.
#[derive(Debug, Clone, Copy)]
pub struct Ack {
    pub writer: u64,
    pub number: u64,
    pub began: Instant,
    /// When COMMIT was sent.
    pub committing: Instant,
    pub ended: Instant,
}

/// Writers at work. Dropping stops them.
pub struct Writers {
    acks: Arc<Mutex<Vec<Ack>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts `count` of them. Each also changes old rows all over the table, so that many pages are dirty.
    pub fn start(socket: &Path, count: u64, old_rows: u64) -> Self {
        let (acks, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let threads = (0..count)
            .map(|writer| {
                let (acks, stop) = (Arc::clone(&acks), Arc::clone(&stop));
                let socket: PathBuf = socket.to_path_buf();
                std::thread::spawn(move || block_on(work(&socket, writer, old_rows, &acks, &stop)))
            })
            .collect();
        Self {
            acks,
            stop,
            threads,
        }
    }

    /// All acknowledgements by now.
    pub fn acks(&self) -> Vec<Ack> {
        self.acks.lock().unwrap().clone()
    }

    /// Waits until `more` commits were acknowledged from now on.
    pub fn wait_for(&self, more: usize) {
        let before = self.acks.lock().unwrap().len();
        while self.acks.lock().unwrap().len() < before + more {
            assert!(
                self.threads.iter().all(|thread| !thread.is_finished()),
                "a writer failed"
            );
            posto::system::clock::pause(Duration::from_millis(20));
        }
    }

    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.end();
    }
}

async fn work(
    socket: &Path,
    writer: u64,
    old_rows: u64,
    acks: &Mutex<Vec<Ack>>,
    stop: &AtomicBool,
) {
    let mut client = Client::connect(socket, Duration::from_secs(120))
        .await
        .unwrap();
    client.run("USE openmrs").await.unwrap();
    let mut random = 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(writer + 1);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let began = Instant::now();
        let mut statements = vec![
            "START TRANSACTION".to_string(),
            format!(
                "INSERT INTO encounter (writer, number, uuid) VALUES ({writer}, {number}, {KEY})"
            ),
            "SET @e = LAST_INSERT_ID()".to_string(),
        ];
        for part in 0..OBSERVATIONS {
            statements.push(format!(
                "INSERT INTO obs (encounter_id, person_id, value_text, uuid) VALUES (@e, {}, 'a value of some length, {part}', {KEY})",
                number % 5000
            ));
        }
        for _ in 0..4 {
            // xorshift: spread over the whole table, the same in every run.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Rows of their own: writers must not wait for each other's locks.
            let row = (random % (old_rows / 8)) * 8 + writer + 1;
            statements.push(format!(
                "UPDATE obs SET person_id = person_id + 1 WHERE obs_id = {row}"
            ));
        }
        for statement in &statements {
            client.run(statement).await.unwrap();
        }
        let committing = Instant::now();
        client.run("COMMIT").await.unwrap();
        let ended = Instant::now();
        acks.lock().unwrap().push(Ack {
            writer,
            number,
            began,
            committing,
            ended,
        });
    }
}

/// Encounters of `server` that lack observations or have too many: transactions that are there in part.
pub fn torn(server: &Server) -> u64 {
    server.number(&format!(
        "SELECT COUNT(*) FROM (SELECT e.encounter_id, COUNT(o.obs_id) AS n FROM openmrs.encounter e LEFT JOIN openmrs.obs o USING (encounter_id) GROUP BY e.encounter_id HAVING n <> {OBSERVATIONS}) t"
    ))
}

/// Of `acks`, those that `server` does not have.
pub fn missing(server: &Server, acks: &[Ack]) -> Vec<(u64, u64)> {
    let there: std::collections::BTreeSet<(u64, u64)> = server
        .rows("SELECT writer, number FROM openmrs.encounter")
        .into_iter()
        .collect();
    acks.iter()
        .map(|ack| (ack.writer, ack.number))
        .filter(|ack| !there.contains(ack))
        .collect()
}

/// What CHECK TABLE says besides OK.
pub fn damage(server: &Server) -> Vec<String> {
    let rows: Vec<(String, String, String, String)> = server
        .rows("CHECK TABLE openmrs.obs, openmrs.encounter, openmrs.liquibasechangelog EXTENDED");
    rows.into_iter()
        .filter(|(_, _, kind, text)| !(kind == "status" && text == "OK"))
        .map(|(table, _, kind, text)| format!("{table}: {kind}: {text}"))
        .collect()
}
