//! A scattered table written anew by a real server on a real XFS: while clerks work, beside a snapshot, in somebody's way, and killed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod ground;

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use ground::clinic::{self, Writers};
use ground::mariadb::{Server, block_on};
use ground::site::{Never, POOL, Site, request};
use posto::database::client::Client;
use posto::database::rebuild::act::{self, Outcome, Way};
use posto::database::rebuild::decide::Table;
use posto::database::rebuild::lying;
use posto::snapshot::take::take;
use rustix::process::{Signal, kill_process};

const ROWS: u64 = 150_000;

fn obs(site: &Site) -> Table {
    let tables = lying::tables(&site.places.database()).unwrap();
    let mut found = tables.into_iter().filter(|table| table.name == "obs");
    found.next().unwrap()
}

fn rebuild(site: &Site, give_way: &mut dyn FnMut() -> Option<Way>) -> Outcome {
    let socket = site.places.database_socket();
    block_on(act::rebuild(&socket, &obs(site), give_way)).unwrap()
}

/// Every other page of the file gets another place, as days of copy on write do it.
fn scatter(site: &Site) {
    use std::os::unix::fs::FileExt;
    let path = site.places.database().join("openmrs/obs.ibd");
    let held = site.xfs.path().join("held");
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let clone = File::create(held).unwrap();
    posto::system::reflink::clone_file(&file, &clone, 8 << 20).unwrap();
    let mut page = vec![0; 16 << 10];
    for at in (0..file.metadata().unwrap().len()).step_by(32 << 10) {
        file.read_exact_at(&mut page, at).unwrap();
        file.write_all_at(&page, at).unwrap();
        // One after the other, as the server's own writes come.
        file.sync_data().unwrap();
    }
}

/// A clinic whose table is scattered.
fn scattered() -> Option<Site> {
    let mut site = Site::new(ROWS, 96)?;
    site.stopped(scatter);
    Some(site)
}

fn is_whole(server: &Server) {
    assert_eq!(clinic::torn(server), 0);
    assert_eq!(clinic::damage(server), Vec::<String>::new());
}

/// What the server leaves of a copy that it did not end.
fn left_overs(database: &Path) -> Vec<String> {
    let names = std::fs::read_dir(database.join("openmrs")).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("#sql"))
        .collect()
}

#[test]
fn a_scattered_table_lies_together_again_with_every_record_entered_meanwhile() {
    let Some(site) = scattered() else {
        return;
    };
    let before = obs(&site);
    let writers = Writers::start(site.server().socket(), 2, ROWS);
    writers.wait_for(20);
    let journal = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='openmrs'";
    let tables = site.server().number(journal);
    let (places, mut taken) = (site.places.clone(), None);
    // A snapshot is taken while the server copies.
    let outcome = rebuild(&site, &mut || {
        let places = places.clone();
        taken.get_or_insert_with(|| {
            let taking = move || block_on(take(&places, &request(), &Never, &mut |_| {})).unwrap();
            std::thread::spawn(taking).join().unwrap()
        });
        None
    });
    writers.wait_for(20);
    let acknowledged = writers.acks();
    writers.stop();
    match outcome {
        // Its last step met the snapshot's beginning.
        Outcome::GaveWay(Way::Locked) => {
            let again = rebuild(&site, &mut || None);
            assert!(matches!(again, Outcome::Done(_)), "{again:?}");
        }
        other => assert!(matches!(other, Outcome::Done(_)), "{other:?}"),
    }
    let after = obs(&site);
    // What the server writes to the copy once the snapshot shares it is scattered anew: how much, is a matter of moments.
    assert!(
        before.extents > after.extents,
        "{} pieces before, {} after",
        before.extents,
        after.extents
    );
    assert_eq!(clinic::missing(site.server(), &acknowledged), []);
    is_whole(site.server());
    assert_eq!(site.server().number(journal), tables);
    if let Some(manifest) = taken {
        site.recovered(&manifest, is_whole);
    }
    // Beside nobody it lies together.
    assert!(matches!(rebuild(&site, &mut || None), Outcome::Done(_)));
    let together = obs(&site);
    assert!(
        before.extents > 4 * together.extents,
        "{} pieces before, {} after",
        before.extents,
        together.extents
    );
}

#[test]
fn whoever_needs_the_box_gets_it_at_once_and_the_table_is_as_it_was() {
    let Some(site) = scattered() else {
        return;
    };
    let before = obs(&site);
    let mut asked = 0;
    let outcome = rebuild(&site, &mut || {
        asked += 1;
        Some(Way::Maintenance)
    });
    // A machine that copies the table within the first second was never asked.
    if asked > 0 {
        assert_eq!(outcome, Outcome::GaveWay(Way::Maintenance));
        assert_eq!(obs(&site).extents, before.extents);
    }
    assert_eq!(left_overs(&site.places.database()), [""; 0]);
    is_whole(site.server());
}

#[test]
fn nobody_waits_behind_a_rebuild_that_waits_for_somebodys_transaction() {
    let Some(site) = Site::new(2_000, 24) else {
        return;
    };
    let socket = site.places.database_socket();
    let (opened, is_open) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let holder = std::thread::spawn({
        let socket = socket.clone();
        move || {
            block_on(async {
                let limit = Duration::from_secs(120);
                let mut client = Client::connect(&socket, limit).await.unwrap();
                client.run("START TRANSACTION").await.unwrap();
                let read = "UPDATE openmrs.obs SET person_id = 7 WHERE obs_id = 5";
                client.run(read).await.unwrap();
                opened.send(()).unwrap();
                ended.recv().unwrap();
                client.run("COMMIT").await.unwrap();
            });
        }
    });
    is_open.recv().unwrap();
    let (over, writers) = (AtomicBool::new(false), Writers::start(&socket, 1, 2_000));
    let outcome = rebuild(&site, &mut || None);
    over.store(true, Ordering::Relaxed);
    // Another clerk's entries went on: they come also while the transaction stays open.
    writers.wait_for(20);
    writers.stop();
    assert_eq!(outcome, Outcome::GaveWay(Way::Locked));
    end.send(()).unwrap();
    holder.join().unwrap();
    assert!(matches!(rebuild(&site, &mut || None), Outcome::Done(_)));
    assert_eq!(
        site.server()
            .number("SELECT person_id FROM openmrs.obs WHERE obs_id = 5"),
        7
    );
}

#[test]
fn a_server_killed_in_the_middle_has_every_acknowledged_record_and_no_half_table() {
    let Some(mut site) = scattered() else {
        return;
    };
    let writers = Writers::start(site.server().socket(), 2, ROWS);
    writers.wait_for(20);
    let socket = site.places.database_socket();
    let table = obs(&site);
    let rebuilding = std::thread::spawn(move || {
        block_on(act::rebuild(&socket, &table, &mut || None)).map_err(|error| error.to_string())
    });
    // The copy is there, and it is no longer empty.
    let copy = || {
        let database = site.places.database();
        let names = left_overs(&database);
        let files = names.iter().map(|name| database.join("openmrs").join(name));
        files
            .filter_map(|file| Some(std::fs::metadata(file).ok()?.len()))
            .any(|bytes| bytes > 1 << 20)
    };
    while !copy() {
        assert!(!rebuilding.is_finished(), "it was over before it was seen");
        posto::system::clock::pause(Duration::from_millis(2));
    }
    let acknowledged = writers.acks();
    kill_process(site.server().process(), Signal::KILL).unwrap();
    assert!(rebuilding.join().unwrap().is_err(), "it was still at work");
    drop(writers);
    site.restart(&[POOL]);
    assert_eq!(clinic::missing(site.server(), &acknowledged), []);
    is_whole(site.server());
    assert_eq!(left_overs(&site.places.database()), [""; 0]);
}

/// Keys of this test's rows.
const KEY: &str = ground::clinic::RANDOM_UUID;
