//! A restore until the database's first answer, beside the load of the same database's dump by the stock client.

use std::fs::File;
use std::time::{Duration, Instant};

use posto::maintenance::Stop;
use posto::snapshot::restore::plan::Wanted;
use posto::snapshot::restore::run::{Choice, Phase};
use posto::system::process::Invocation;

use crate::clinic_box::Box;
use crate::feeling::{throw_all_away, writers};
use crate::ground::mariadb::Server;

const LIMIT: Duration = Duration::from_secs(3 * 3600);

/// A restore after the clinic has worked on; then all snapshots are thrown away.
pub(crate) fn measure(clinic: &mut Box, what: &str, entries: usize) {
    // Of a working clinic: there is redo to recover.
    let writers = writers(clinic);
    writers.wait_for(entries);
    let id = clinic.snapshot();
    writers.wait_for(entries);
    writers.stop();
    clinic.prove(id, |proof| proof.rows.clear());
    let mut steps: Vec<(Phase, Instant)> = Vec::new();
    let begun = Instant::now();
    clinic
        .restore_with(
            Choice::Snapshot(id),
            Wanted::default(),
            &Stop::default(),
            &mut |phase| steps.push((phase, Instant::now())),
        )
        .unwrap();
    let ends = steps.iter().skip(1).map(|(_, at)| *at);
    let words: Vec<String> = steps
        .iter()
        .zip(ends.chain([Instant::now()]))
        .map(|((phase, from), to)| format!("{phase:?} {:.1}", (to - *from).as_secs_f64()))
        .collect();
    let at = |wanted: Phase| steps.iter().find(|(phase, _)| *phase == wanted).unwrap().1;
    // The state before is kept only when the restored one has answered.
    let answered = at(Phase::Keeping);
    eprintln!(
        "{what}: restore to the first answers {:.1} s, of it with the clinic shut {:.1} s ({})",
        (answered - begun).as_secs_f64(),
        (answered - at(Phase::Stopping)).as_secs_f64(),
        words.join(", ")
    );
    throw_all_away(clinic);
}

/// The dump into another server of the same kind.
pub(crate) fn load_a_dump(clinic: &Box) {
    let other = clinic.xfs.path().join("other");
    let (data, socket) = (other.join("data"), other.join("run/sock"));
    Server::install(&data, &other.join("scratch"));
    let settings = [
        format!("--innodb-buffer-pool-size={}M", clinic.size.pool_mib),
        format!("--innodb-log-file-size={}M", clinic.size.log_mib),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = Server::start(&data, &socket, &settings);
    server.run(&["CREATE DATABASE openmrs"]);
    // Beside the box's disk, as from a stick.
    let dump = clinic.xfs.beside().join("dump.sql");
    let begun = Instant::now();
    Invocation::new("/usr/bin/mariadb-dump")
        .arg(format!(
            "--socket={}",
            clinic.places.database_socket().display()
        ))
        .arg(format!("--result-file={}", dump.display()))
        .args(["--single-transaction", "openmrs"])
        .run(LIMIT)
        .unwrap();
    let dumped = begun.elapsed();
    let begun = Instant::now();
    Invocation::new("/usr/bin/mariadb")
        .arg(format!("--socket={}", socket.display()))
        .arg("openmrs")
        .stdin_from(File::open(&dump).unwrap().into())
        .run(LIMIT)
        .unwrap();
    eprintln!(
        "the same database's dump: {} MB, made in {:.1} s, loaded by the stock client in {:.1} s",
        std::fs::metadata(&dump).unwrap().len() / 1_000_000,
        dumped.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    server.stop();
    std::fs::remove_dir_all(&other).unwrap();
    std::fs::remove_file(&dump).unwrap();
}
