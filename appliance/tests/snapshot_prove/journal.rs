//! Snapshot and journal together: what the journal has from the proof's place on is exactly what the snapshot lacks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use posto::snapshot::manifest::Binlog;
use posto::snapshot::proof::{Depth, Proof, Verdict};
use posto::snapshot::shelf::Snapshot;
use posto::system::process::Invocation;
use posto::system::reflink::clone_tree;

use crate::ground::clinic::{self, Writers};
use crate::ground::mariadb::Server;
use crate::shelf::{Box, OBSERVATIONS};

const LIMIT: Duration = Duration::from_secs(300);
const READER: &str = "/usr/bin/mariadb-binlog";
const CLIENT: &str = "/usr/bin/mariadb";
const IMAGES: usize = 4;

/// The live journals from `place` on, as statements.
fn statements(database: &Path, place: &Binlog) -> Vec<u8> {
    let index = std::fs::read_to_string(database.join("binlog.index")).unwrap();
    let names = index.lines().filter_map(|line| line.rsplit('/').next());
    let from = names.skip_while(|name| *name != place.file);
    let paths: Vec<PathBuf> = from.map(|name| database.join(name)).collect();
    assert!(!paths.is_empty(), "{place:?} is not in {index}");
    Invocation::new(READER)
        .arg(format!("--start-position={}", place.position))
        .args(paths)
        .run(LIMIT)
        .unwrap()
}

/// What tells two databases apart.
fn content(server: &Server) -> Vec<(String, Option<u64>)> {
    server.rows("CHECKSUM TABLE openmrs.obs, openmrs.encounter, openmrs.users")
}

/// The snapshot with the journal from `place` on; whether the journal could be applied.
fn replayed(ground: &Box, snapshot: &Snapshot, journal: &[u8]) -> Option<Server> {
    let data = ground.places.data().join("replayed");
    let _ = std::fs::remove_dir_all(&data);
    clone_tree(&snapshot.directory.join("database"), &data, &|_| false).unwrap();
    let socket = ground.places.data().join("replay/socket");
    let server = Server::start(&data, &socket, &[]);
    let applied = Invocation::new(CLIENT)
        .args(["--binary-mode", "--user=root"])
        .arg(format!("--socket={}", socket.display()))
        .input(journal)
        .run(LIMIT);
    applied.is_ok().then_some(server)
}

fn quick(ground: &Box, snapshot: &Snapshot) -> Proof {
    let proof = ground.proof(snapshot, Depth::Quick);
    assert_eq!(proof.verdict, Verdict::Good);
    proof
}

#[test]
fn the_journal_from_the_proofs_place_on_is_exactly_what_the_snapshot_lacks() {
    if ![READER, CLIENT].iter().all(|path| Path::new(path).exists()) {
        eprintln!("SKIPPED: needs {READER} and {CLIENT}");
        return;
    }
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let writers = Writers::start(server.socket(), 3, OBSERVATIONS);
    let mut images = Vec::new();
    for _ in 0..IMAGES {
        writers.wait_for(30);
        images.push(ground.crash_image(&server));
        writers.wait_for(10);
        server.run(&["FLUSH BINARY LOGS"]);
    }
    writers.stop();
    let database = ground.places.database();
    let (live, encounters) = (content(&server), "SELECT COUNT(*) FROM openmrs.encounter");
    let count = server.number(encounters);
    for image in &images {
        let place = quick(&ground, image).binlog.unwrap();
        let journal = statements(&database, &place);
        let replayed = replayed(&ground, image, &journal).expect("the journal does not fit");
        assert_eq!(replayed.number(encounters), count);
        assert_eq!(content(&replayed), live);
        assert_eq!(clinic::torn(&replayed), 500, "those of the beginning");
    }
}
