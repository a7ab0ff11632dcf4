//! What a power cut inside a stop leaves: the journal closed, a commit's end not flushed. The server refuses such data.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use posto::database::private_server::{PrivateServer, Site};
use posto::database::{journal, refusal};
use posto::snapshot::manifest::Method;
use posto::snapshot::proof::{Depth, Verdict};
use posto::system::reflink::clone_tree;
use rustix::process::{Signal, kill_process};

use crate::ground::mariadb::{self, MYSQL, Server, block_on};
use crate::shelf::{Box, hashes};

/// An acknowledged row of `users` besides the first 300.
const LAST: &str = "INSERT INTO openmrs.users (username) VALUES ('the last one')";

/// The data of a box whose stop was cut, with [`LAST`] committed and acknowledged: its end is in memory when the server is killed.
fn cut_stop(ground: &Box, server: &Server) -> PathBuf {
    server.run(&[LAST]);
    kill_process(server.process(), Signal::STOP).unwrap();
    let data = ground.places.data().join("cut");
    clone_tree(&ground.places.database(), &data, &|_| false).unwrap();
    kill_process(server.process(), Signal::CONT).unwrap();
    close(&data);
    data
}

/// As the server marks its journal closed.
fn close(data: &Path) {
    let last = journal::last(data).unwrap();
    assert_eq!(journal::state(&last).unwrap(), journal::State::InUse);
    let file = std::fs::File::options().write(true).open(&last).unwrap();
    file.write_all_at(&[0], 21).unwrap();
    assert_eq!(journal::state(&last).unwrap(), journal::State::Closed);
}

/// A server on `data`, or why it refused, in its words.
fn start(ground: &Box, data: &Path) -> Result<PrivateServer, String> {
    let site = Site {
        data: data.to_path_buf(),
        directory: ground.places.data().join("private"),
        user: Some(MYSQL),
        settings: ["--log-bin=binlog", "--server-id=1"].map(Into::into).into(),
        start_limit: Duration::from_secs(300),
    };
    std::fs::create_dir_all(&site.directory).unwrap();
    let program = mariadb::program();
    block_on(PrivateServer::start_program(Path::new(&program), &site))
        .map_err(|error| error.to_string())
}

/// Names of the users that come after the first 300.
fn last_users(server: &PrivateServer) -> Vec<String> {
    block_on(async {
        let mut client = server.root(Duration::from_secs(60)).await.unwrap();
        let query = "SELECT username FROM openmrs.users WHERE user_id > 300";
        client.rows(query).await.unwrap()
    })
}

#[test]
fn a_refused_database_comes_up_with_all_that_was_acknowledged_and_is_mended_once() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let data = cut_stop(&ground, &server);
    let words = start(&ground, &data).unwrap_err();
    assert!(words.contains("Found 1 prepared transactions"), "{words}");
    // Refused once more: the log was recovered by then, the transaction still waits.
    let words = start(&ground, &data).unwrap_err();
    assert_eq!(refusal::prepared(&words), Some(1), "{words}");

    assert_eq!(refusal::mend(&data, "something else").unwrap(), None);
    assert_eq!(refusal::mend(&data, &words).unwrap(), Some(1));
    assert_eq!(refusal::mend(&data, &words).unwrap(), None, "only once");
    let server = start(&ground, &data).unwrap();
    assert_eq!(last_users(&server), ["the last one"]);
    server.stop().unwrap();
}

#[test]
fn what_never_reached_the_journal_is_rolled_back_not_committed() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let before = journal::end(&journal::last(&ground.places.database()).unwrap()).unwrap();
    let data = cut_stop(&ground, &server);
    let last = journal::last(&data).unwrap();
    assert!(journal::end(&last).unwrap() > before);
    // As if it had been prepared only: nobody was told that it is there.
    let file = std::fs::File::options().write(true).open(&last).unwrap();
    file.set_len(before).unwrap();
    let words = start(&ground, &data).unwrap_err();
    assert_eq!(refusal::mend(&data, &words).unwrap(), Some(1), "{words}");
    let server = start(&ground, &data).unwrap();
    assert_eq!(last_users(&server), Vec::<String>::new());
    server.stop().unwrap();
}

#[test]
fn a_snapshot_of_such_data_is_proven_and_not_changed() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let data = cut_stop(&ground, &server);
    let highest = [("users".to_string(), 301)].into();
    let taken = ground.of(&data, Method::HotClone, highest);
    let before = hashes(&taken.directory);
    for depth in [Depth::Quick, Depth::Full] {
        let proof = ground.proof(&taken, depth);
        assert_eq!(proof.verdict, Verdict::Good);
        assert_eq!(proof.rows["users"], 301);
    }
    assert_eq!(hashes(&taken.directory), before);
    drop(server);
}
