//! What a proof takes, and what the writers feel of it. Its thread and its server have the unit's niceness and class of I/O.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use posto::maintenance::Stop;
use posto::places::Places;
use posto::snapshot::proof::Depth;
use posto::snapshot::prove::{self, Outcome, Phase, Setting, Watch};
use posto::snapshot::shelf::{self, Snapshot};
use posto::system::process::Invocation;

use crate::clinic_box::Box;
use crate::feeling::{Felt, steady, throw_all_away, writers};
use crate::ground::mariadb::{self, MYSQL, block_on};

/// Both depths beside writers; then all snapshots are thrown away.
pub(crate) fn measure(clinic: &Box, what: &str) {
    let writers = writers(clinic);
    writers.wait_for(200);
    let id = clinic.snapshot();
    for depth in [Depth::Quick, Depth::Full] {
        let before = steady(&writers);
        let begun = Instant::now();
        let (places, snapshot) = (clinic.places.clone(), clinic.listed(id));
        // A thread of its own: niceness is a thread's, and its server inherits it.
        let proof = std::thread::spawn(move || prove_politely(&places, &snapshot, depth));
        let (phases, memory) = proof.join().unwrap();
        let during = (begun, Instant::now());
        writers.wait_for(10);
        let acks = writers.acks();
        let (before, during) = (Felt::of(&acks, &[before]), Felt::of(&acks, &[during]));
        eprintln!(
            "{what}: {} proof {phases}, server at most {} MB, of it its own {}; writers' entry p50 / p99 {} ms before, {} during: p99 {:.2} times; longest gap {:.0} and {:.0} ms",
            depth.code(),
            memory[0] / 1000,
            memory[1] / 1000,
            before.entries.words(),
            during.entries.words(),
            during.entries.at(990) / before.entries.at(990),
            before.gap.as_secs_f64() * 1e3,
            during.gap.as_secs_f64() * 1e3,
        );
    }
    writers.stop();
    throw_all_away(clinic);
}

fn prove_politely(places: &Places, snapshot: &Snapshot, depth: Depth) -> (String, [u64; 2]) {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    for polite in [
        ["/usr/bin/renice", "-n", "19", "-p"],
        ["/usr/bin/ionice", "-c", "3", "-p"],
    ] {
        let [program, arguments @ ..] = polite;
        Invocation::new(program)
            .args(arguments)
            .arg(&thread)
            .run(Duration::from_secs(10))
            .unwrap();
    }
    prove(places, snapshot, depth)
}

/// How long it took, with its steps, and the server's memory in kB.
pub(crate) fn prove(places: &Places, snapshot: &Snapshot, depth: Depth) -> (String, [u64; 2]) {
    let setting = Setting {
        places: places.clone(),
        program: mariadb::program().into(),
        user: Some(MYSQL),
        available_memory_bytes: 1 << 30,
        moment: snapshot.manifest.moment.clone(),
        until: None,
    };
    let peak = Peak::watch(&places.staging());
    let mut phases: Vec<(Phase, Instant)> = Vec::new();
    let mut show = |watch: &Watch| {
        if phases.last().is_none_or(|(phase, _)| *phase != watch.phase) {
            phases.push((watch.phase, Instant::now()));
        }
    };
    let begun = Instant::now();
    let all = shelf::list(places).unwrap();
    let outcome = block_on(prove::prove(
        snapshot,
        depth,
        &all,
        &setting,
        &Stop::default(),
        &mut show,
    ))
    .unwrap();
    let ended = Instant::now();
    let Outcome::Proved(proof) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(proof.is_good(), "{proof:?}");
    let ends = phases.iter().skip(1).map(|(_, at)| *at).chain([ended]);
    let steps: Vec<String> = phases
        .iter()
        .zip(ends)
        .map(|((phase, from), to)| format!("{phase:?} {:.1}", (to - *from).as_secs_f64()))
        .collect();
    let took = (ended - begun).as_secs_f64();
    (format!("{took:.1} s ({})", steps.join(", ")), peak.stop())
}

/// The most memory of the server below a directory, in kB: all (VmHWM) and its own (RssAnon).
struct Peak {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<[u64; 2]>,
}

impl Peak {
    fn watch(staging: &Path) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (seen, staging) = (Arc::clone(&over), staging.to_path_buf());
        let thread = std::thread::spawn(move || {
            let mut most = [0, 0];
            while !seen.load(Ordering::Relaxed) {
                for clone in std::fs::read_dir(&staging).into_iter().flatten().flatten() {
                    let id =
                        std::fs::read_to_string(clone.path().join("run/pid")).unwrap_or_default();
                    let status = std::fs::read_to_string(format!("/proc/{}/status", id.trim()));
                    for line in status.unwrap_or_default().lines() {
                        for (most, name) in most.iter_mut().zip(["VmHWM:", "RssAnon:"]) {
                            if let Some(rest) = line.strip_prefix(name) {
                                let kilobytes = rest.trim().trim_end_matches(" kB").parse();
                                *most = (*most).max(kilobytes.unwrap_or(0));
                            }
                        }
                    }
                }
                posto::system::clock::pause(Duration::from_millis(50));
            }
            most
        });
        Self { over, thread }
    }

    fn stop(self) -> [u64; 2] {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
