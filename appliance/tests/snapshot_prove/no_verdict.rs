//! Proofs that could not be made: no verdict, nothing left behind.

use posto::maintenance::Stop;
use posto::snapshot::proof::Depth;
use posto::snapshot::prove::{Phase, ProveError, Watch};
use posto::snapshot::shelf::Snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::shelf::{Box, hashes};

fn assert_unjudged(ground: &Box, taken: &Snapshot, error: &ProveError) {
    assert!(!taken.directory.join("proofs.json").exists(), "{error}");
    assert!(!taken.directory.join("proof-log.txt").exists(), "{error}");
    ground.nothing_is_left();
}

#[test]
fn a_proof_that_cannot_be_made_is_no_bad_verdict() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let taken = ground.crash_image(&server);
    let before = hashes(&taken.directory);
    let setting = ground.setting();

    let mut poor = setting.clone();
    poor.available_memory_bytes = 100 << 20;
    let mut without = setting.clone();
    without.program = ground.places.run().join("no-such-program");
    let mut broken = setting.clone();
    broken.program = "/bin/false".into();
    for setting in [&poor, &without, &broken] {
        let error = ground
            .prove_with(&taken, Depth::Quick, setting, &Stop::default(), &mut |_| {})
            .unwrap_err();
        assert_unjudged(&ground, &taken, &error);
    }

    // Killed while it works, as the kernel does for want of memory.
    let pid = ground
        .places
        .staging()
        .join(format!("proof-{}/run/pid", taken.manifest.id.directory()));
    let mut kill = |watch: &Watch| {
        if watch.phase == Phase::Opening && watch.done == 3 {
            let text = std::fs::read_to_string(&pid).unwrap();
            let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
            kill_process(pid, Signal::KILL).unwrap();
        }
    };
    let error = ground
        .prove_with(&taken, Depth::Quick, &setting, &Stop::default(), &mut kill)
        .unwrap_err();
    assert!(matches!(error, ProveError::Killed(_)), "{error}");
    assert_unjudged(&ground, &taken, &error);

    for phase in [
        Phase::Recovering,
        Phase::Opening,
        Phase::Reading,
        Phase::Checking,
    ] {
        let stop = Stop::default();
        let mut ask = |watch: &Watch| {
            if watch.phase == phase {
                stop.ask();
            }
        };
        let error = ground
            .prove_with(&taken, Depth::Full, &setting, &stop, &mut ask)
            .unwrap_err();
        assert!(
            matches!(error, ProveError::Interrupted),
            "{phase:?}: {error}"
        );
        assert_unjudged(&ground, &taken, &error);
    }
    assert_eq!(hashes(&taken.directory), before);
}

#[test]
fn a_second_proof_waits_for_its_turn_and_a_killed_ones_clone_goes() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let taken = ground.crash_image(&server);
    std::fs::create_dir_all(ground.places.staging().join("proof-000009/database")).unwrap();
    let mut second = None;
    let mut show = |watch: &Watch| {
        if watch.phase == Phase::Cloning {
            let turn = std::fs::File::open(ground.places.run().join("proof.lock")).unwrap();
            let got =
                rustix::fs::flock(&turn, rustix::fs::FlockOperation::NonBlockingLockExclusive);
            second = Some(got.is_ok());
        }
    };
    ground
        .prove_with(
            &taken,
            Depth::Quick,
            &ground.setting(),
            &Stop::default(),
            &mut show,
        )
        .unwrap();
    assert_eq!(second, Some(false));
}
