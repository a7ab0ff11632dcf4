//! Snapshots of a real server under load on a real XFS, each recovered on a clone.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod ground;

use std::path::Path;
use std::time::{Duration, Instant};

use ground::clinic::{self, Ack, Writers};
use ground::mariadb::{Server, block_on};
use ground::site::{Never, Site, request};
use posto::snapshot::manifest::{Manifest, Method};
use posto::snapshot::shelf;
use posto::snapshot::take::{Progress, Standstill, take};

const OLD_ROWS: u64 = 300_000;

/// The longest time without any acknowledgement between two moments, in milliseconds.
fn longest_gap(acks: &[Ack], from: Instant, to: Instant) -> f64 {
    let mut ends: Vec<Instant> = acks
        .iter()
        .map(|ack| ack.ended)
        .filter(|at| (from..=to).contains(at))
        .collect();
    ends.extend([from, to]);
    ends.sort();
    ends.windows(2)
        .map(|two| (two[1] - two[0]).as_secs_f64() * 1e3)
        .fold(0.0, f64::max)
}

fn slowest(acks: &[Ack], from: Instant, to: Instant) -> f64 {
    let during = acks
        .iter()
        .filter(|ack| ack.ended >= from && ack.began <= to);
    during
        .map(|ack| (ack.ended - ack.began).as_secs_f64() * 1e3)
        .fold(0.0, f64::max)
}

/// Takes one, recovers it, and holds it against what was acknowledged before the cut.
fn take_and_recover(here: &Site, writers: &Writers) -> Manifest {
    let start = Instant::now();
    writers.wait_for(150);
    let (began, mut acknowledged) = (Instant::now(), Vec::new());
    let manifest = here
        .take(&Never, &mut |progress| {
            if progress == Progress::Cut {
                acknowledged = writers.acks();
            }
        })
        .unwrap();
    let ended = Instant::now();
    assert_eq!(manifest.method, Method::HotClone);
    writers.wait_for(20);
    let acks = writers.acks();
    let cut = manifest.cut.as_ref().unwrap();
    eprintln!(
        "snapshot {}: held {:.1} ms, whole {:.0} ms, redo {} KB; longest gap before {:.0} ms, during {:.0} ms; slowest transaction before {:.0} ms, during {:.0} ms; {} acknowledged",
        manifest.id,
        manifest.held_us as f64 / 1e3,
        (ended - began).as_secs_f64() * 1e3,
        (cut.lsn - cut.checkpoint_lsn) / 1024,
        longest_gap(&acks, start, began),
        longest_gap(&acks, began, ended),
        slowest(&acks, start, began),
        slowest(&acks, began, ended),
        acknowledged.len(),
    );
    here.recovered(&manifest, |server| {
        assert_eq!(
            clinic::missing(server, &acknowledged),
            [],
            "acknowledged before the cut"
        );
        assert_eq!(clinic::torn(server), 0);
        assert_eq!(clinic::damage(server), Vec::<String>::new());
        for (table, key) in [("obs", "obs_id"), ("encounter", "encounter_id")] {
            let there = server.number(&format!(
                "SELECT COALESCE(MAX({key}), 0) FROM openmrs.{table}"
            ));
            assert!(there >= manifest.highest[table], "{table}");
        }
    });
    manifest
}

#[test]
fn every_snapshot_under_load_recovers_with_every_commit_acknowledged_before_its_cut() {
    // A small log, so that it goes round several times.
    let Some(here) = Site::new(OLD_ROWS, 24) else {
        return;
    };
    let writers = Writers::start(here.server().socket(), 3, OLD_ROWS);
    let mut manifests = Vec::new();
    for _ in 0..6 {
        manifests.push(take_and_recover(&here, &writers));
        // The journal goes on in another file.
        here.server().run(&["FLUSH BINARY LOGS"]);
    }
    writers.stop();
    let first = &manifests[0];
    let schema = first.schema.as_ref().unwrap();
    assert_eq!((schema.changesets, schema.newest.as_str()), (2, "newest"));
    assert!(first.mariadb.contains("MariaDB"), "{}", first.mariadb);
    let journal = manifests[5].cut.as_ref().unwrap().binlog.as_ref().unwrap();
    assert!(journal.position > 0 && journal.file.starts_with("binlog.0"));

    let snapshots = shelf::list(&here.places).unwrap();
    assert_eq!(
        snapshots
            .iter()
            .map(|one| &one.manifest)
            .collect::<Vec<_>>(),
        manifests.iter().collect::<Vec<_>>()
    );
    let kept = snapshots[0].directory.clone();
    assert!(kept.join("openmrs/openmrs-runtime.properties").exists());
    assert!(!kept.join("openmrs/lucene").exists());
    for left_out in ["ibtmp1", "box.pid"] {
        assert!(here.places.database().join(left_out).exists());
        assert!(!kept.join("database").join(left_out).exists(), "{left_out}");
    }
}

#[test]
fn a_change_of_tables_under_way_neither_spoils_a_snapshot_nor_is_spoilt() {
    let Some(here) = Site::new(OLD_ROWS / 3, 96) else {
        return;
    };
    let writers = Writers::start(here.server().socket(), 2, OLD_ROWS / 3);
    let socket = here.server().socket().to_path_buf();
    let altering = std::thread::spawn(move || {
        block_on(async {
            let mut client =
                posto::database::client::Client::connect(&socket, Duration::from_secs(300))
                    .await
                    .unwrap();
            for column in 0..6 {
                client.run(&format!("ALTER TABLE openmrs.obs ADD COLUMN c{column} INT DEFAULT {column}, ALGORITHM=INPLACE, FORCE")).await.unwrap();
            }
        });
    });
    for _ in 0..3 {
        take_and_recover(&here, &writers);
    }
    altering.join().unwrap();
    writers.stop();
    let columns = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema='openmrs' AND table_name='obs'";
    assert_eq!(here.server().number(columns), 11);
    assert_eq!(clinic::torn(here.server()), 0);
}

/// As the cgroup's freezer, with signals.
struct Stopped<'a>(&'a Server);

impl Standstill for Stopped<'_> {
    async fn arm(&self, _: Duration) -> Result<(), String> {
        Ok(())
    }
    async fn freeze(&self) -> Result<bool, String> {
        rustix::process::kill_process(self.0.process(), rustix::process::Signal::STOP).unwrap();
        Ok(true)
    }
    async fn thaw(&self) -> Result<(), String> {
        rustix::process::kill_process(self.0.process(), rustix::process::Signal::CONT).unwrap();
        Ok(())
    }
    async fn disarm(&self) -> Result<(), String> {
        Ok(())
    }
}

fn wait_until_stopped(server: &Server) {
    let path = format!("/proc/{}/stat", server.process().as_raw_nonzero());
    while !std::fs::read_to_string(&path).unwrap().contains(") T ") {
        posto::system::clock::pause(Duration::from_millis(5));
    }
}

#[test]
fn a_database_that_gives_no_answer_is_cloned_as_it_stands_and_goes_on() {
    let Some(here) = Site::new(20_000, 24) else {
        return;
    };
    let writers = Writers::start(here.server().socket(), 2, 20_000);
    writers.wait_for(100);
    let still = Stopped(here.server());
    block_on(still.freeze()).unwrap();
    wait_until_stopped(here.server());
    let acknowledged = writers.acks();
    let manifest = here.take(&still, &mut |_| {}).unwrap();
    assert_eq!(
        (manifest.method, manifest.cut.is_none()),
        (Method::Freeze, true)
    );
    eprintln!("frozen {:.1} ms", manifest.held_us as f64 / 1e3);
    writers.wait_for(20);
    here.recovered(&manifest, |server| {
        assert_eq!(clinic::missing(server, &acknowledged), []);
        assert_eq!(clinic::torn(server), 0);
        assert_eq!(clinic::damage(server), Vec::<String>::new());
    });
}

#[test]
fn rows_that_are_purged_just_before_the_cut_are_not_promised() {
    let Some(here) = Site::new(20_000, 24) else {
        return;
    };
    let socket = here.server().socket().to_path_buf();
    let purge = move || {
        block_on(async {
            let limit = Duration::from_secs(60);
            let mut client = posto::database::client::Client::connect(&socket, limit)
                .await
                .unwrap();
            let purge = "DELETE FROM openmrs.obs WHERE obs_id > 19990";
            client.run(purge).await.unwrap();
        });
    };
    let mut purge = Some(purge);
    let manifest = here
        .take(&Never, &mut |progress| {
            // Asked already, and nobody waits yet.
            if progress == Progress::Cut
                && let Some(purge) = purge.take()
            {
                std::thread::spawn(purge).join().unwrap();
            }
        })
        .unwrap();
    here.recovered(&manifest, |server| {
        let found = server.number("SELECT MAX(obs_id) FROM openmrs.obs");
        assert_eq!(found, 19_990);
        let promised = manifest.promised();
        assert!(
            promised.get("obs").is_none_or(|row| *row <= found),
            "{promised:?}"
        );
        assert_eq!(promised["encounter"], 0, "of the others it is known");
    });
}

#[test]
fn a_killed_taker_holds_nobody_up_and_leaves_nothing_that_is_listed() {
    let Some(here) = Site::new(20_000, 24) else {
        return;
    };
    let writers = Writers::start(here.server().socket(), 2, 20_000);
    writers.wait_for(20);
    // Given up in the middle, while commits wait: the future is dropped, and with it the connection.
    let given_up = block_on(async {
        let request = request();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut sender = Some(sender);
        let mut say = |progress| {
            if progress == Progress::Cut
                && let Some(sender) = sender.take()
            {
                sender.send(()).unwrap();
            }
        };
        let taking = take(&here.places, &request, &Never, &mut say);
        tokio::select! { biased;
            _ = receiver => true,
            _ = taking => false,
        }
    });
    assert!(given_up);
    writers.wait_for(50);
    here.server()
        .run(&["ALTER TABLE openmrs.obs COMMENT='DDL goes on, too'"]);
    assert_eq!(shelf::list(&here.places).unwrap().len(), 0);
    let manifest = take_and_recover(&here, &writers);
    assert_eq!(manifest.id.number(), 2);
    assert!(!Path::new(&here.places.snapshots().join("000001.partial")).exists());
}

/// Keys of this test's rows.
const KEY: &str = ground::clinic::ORDERED_UUID;
