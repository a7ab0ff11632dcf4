//! What a proof costs, for docs/benchmarks.md: `cargo test -p posto --test snapshot_prove figures -- --ignored --nocapture`.
//! `POSTO_ROWS` sets the size (3,000,000 observations are about 1.1 GB).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use posto::maintenance::Stop;
use posto::snapshot::manifest::Method;
use posto::snapshot::proof::Depth;
use posto::snapshot::prove::{Outcome, Phase, Watch};

use crate::ground::clinic;
use crate::shelf::Box;

#[test]
#[ignore = "a measurement: minutes"]
fn figures() {
    let Some(ground) = Box::new() else {
        return;
    };
    let rows: u64 = std::env::var("POSTO_ROWS").map_or(200_000, |text| text.parse().unwrap());
    let server = ground.server();
    clinic::found(&server, rows);
    server.run(&[
        "USE openmrs",
        "CREATE TABLE users (user_id INT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(50)) ENGINE=InnoDB",
        // Spread over the table, as a day of random UUIDs is: pages to recover.
        "UPDATE obs SET person_id = person_id + 1 WHERE obs_id MOD 500 = 0",
    ]);
    let crashed = ground.crash_image(&server);
    server.stop();
    let stopped = ground.of(&ground.places.database(), Method::Stopped, BTreeMap::new());
    let bytes = std::fs::metadata(stopped.directory.join("database/openmrs/obs.ibd"))
        .unwrap()
        .len();
    eprintln!("obs: {rows} rows, {} MB", bytes / 1_000_000);
    for (name, mut taken, depth) in [
        ("crash image, quick", crashed.clone(), Depth::Quick),
        ("clean stop, quick", stopped.clone(), Depth::Quick),
        ("crash image, full", crashed, Depth::Full),
        ("clean stop, full", stopped, Depth::Full),
    ] {
        taken.manifest.highest.clear();
        let peak = Peak::watch(&ground.places.staging());
        let mut phases: Vec<(Phase, std::time::Instant)> = Vec::new();
        let mut show = |watch: &Watch| {
            if phases.last().is_none_or(|(phase, _)| *phase != watch.phase) {
                phases.push((watch.phase, std::time::Instant::now()));
            }
        };
        let begun = std::time::Instant::now();
        let outcome = ground
            .prove_with(
                &taken,
                depth,
                &ground.setting(),
                &Stop::default(),
                &mut show,
            )
            .unwrap();
        let Outcome::Proved(proof) = outcome else {
            panic!("{outcome:?}");
        };
        let ended = std::time::Instant::now();
        let spans: Vec<String> = phases
            .iter()
            .zip(phases.iter().skip(1).map(|(_, at)| *at).chain([ended]))
            .map(|((phase, at), next)| format!("{phase:?} {:.1} s", (next - *at).as_secs_f64()))
            .collect();
        let [memory, anonymous] = peak.stop();
        eprintln!(
            "{name}: {:.1} s ({}), server {} MB at most, of it {} MB anonymous, {:?}",
            (ended - begun).as_secs_f64(),
            spans.join(", "),
            memory / 1000,
            anonymous / 1000,
            proof.verdict
        );
    }
}

/// The most memory of the server below a directory, in kB: all (VmHWM) and its own (RssAnon).
struct Peak {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<[u64; 2]>,
}

impl Peak {
    fn watch(staging: &std::path::Path) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (seen, staging) = (Arc::clone(&over), staging.to_path_buf());
        let thread = std::thread::spawn(move || {
            let mut most = [0, 0];
            while !seen.load(Ordering::Relaxed) {
                for clone in std::fs::read_dir(&staging).unwrap().flatten() {
                    let pid =
                        std::fs::read_to_string(clone.path().join("run/pid")).unwrap_or_default();
                    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim()));
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
