//! A power cut after every durable step, twice, in every variant: the end is always one whole state, old or new, and where it is
//! the new one the old one stands among the snapshots.

use std::collections::BTreeMap;

use super::*;
use crate::snapshot::manifest::{FORMAT, Method, Moment, Reason};

const KEPT: u64 = 12;
const RESTORED: u64 = 7;

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

/// A kind of restore.
#[derive(Debug, Clone, Copy)]
struct Variant {
    /// The word in the mark at the exchange.
    word: Word,
    /// OpenMRS was still to be installed, in the present state and in the restored one.
    pending: [bool; 2],
    /// A restore before left its mark behind in the present state.
    old_mark: bool,
}

fn variants() -> Vec<Variant> {
    let mut all = Vec::new();
    for word in [Word::Trusted, Word::Awaited] {
        for pending in [[false, false], [true, false], [false, true]] {
            for old_mark in [false, true] {
                all.push(Variant {
                    word,
                    pending,
                    old_mark,
                });
            }
        }
    }
    all
}

fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        id: id(KEPT),
        moment: Moment {
            unix_s: 1,
            clock_plausible: false,
            effective_s: 1,
            uptime_s: 1,
            boot: "b".into(),
        },
        reason: Reason::BeforeRestore {
            restored: id(RESTORED),
        },
        method: Method::Stopped,
        facility: "cs".into(),
        release: "r".into(),
        release_built: 1,
        mariadb: "11.8.6".into(),
        schema: None,
        cut: None,
        highest: BTreeMap::new(),
        held_us: 0,
        apparent_bytes: 0,
        left_out: crate::snapshot::left_out::LeftOut::default(),
    }
}

fn put(path: &Path, text: &str) {
    durable::write(path, text.as_bytes(), Owner::mode(0o600)).unwrap();
}

fn make(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
}

/// A box in the middle of its life.
fn ground(variant: Variant) -> (tempfile::TempDir, Attempt) {
    // Some thousand flushes: in memory where that is possible.
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    };
    let places = Places::under(dir.path());
    let attempt = Attempt::new(&places, id(KEPT));
    for path in [places.database(), places.openmrs(), places.posto()] {
        make(&path);
    }
    put(&places.database().join("data"), "old");
    put(&places.openmrs().join("file"), "old");
    if variant.pending[0] {
        put(&places.install_pending(), "");
    }
    if variant.old_mark {
        let mark = Mark {
            kept: id(3),
            restored: id(2),
            word: Word::Trusted,
            pending: false,
        };
        put_mark(&places.live(), &mark).unwrap();
    }
    (dir, attempt)
}

fn mark(variant: Variant) -> Mark {
    Mark {
        kept: id(KEPT),
        restored: id(RESTORED),
        word: variant.word,
        pending: variant.pending[1],
    }
}

type Do = Box<dyn Fn(&Attempt)>;

/// Everything that a restore changes on disk, in its order: up to the exchange, the word that it answered, the rest.
fn steps(variant: Variant) -> (Vec<Do>, usize) {
    let mut all: Vec<Do> = vec![
        Box::new(|a| {
            make(&a.places.staging());
            a.begin().unwrap();
        }),
        Box::new(|a| {
            make(&a.staged().join("database"));
            put(&a.staged().join("database/data"), "new");
        }),
        Box::new(|a| {
            make(&a.staged().join("openmrs"));
            put(&a.staged().join("openmrs/file"), "new");
        }),
        Box::new(|a| a.describe(&manifest()).unwrap()),
        Box::new(move |a| a.mark_ready(&mark(variant)).unwrap()),
        Box::new(|a| a.exchange().unwrap()),
    ];
    let mut decided = all.len();
    if variant.word == Word::Awaited {
        all.push(Box::new(|a| a.say(Word::Confirmed).unwrap()));
        decided += 1;
    }
    for step in AFTER {
        all.push(Box::new(move |a| a.do_step(step, &mark(variant)).unwrap()));
    }
    (all, decided)
}

fn content(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn assert_old(attempt: &Attempt, variant: Variant) {
    let places = &attempt.places;
    assert_eq!(content(&places.database().join("data")).unwrap(), "old");
    assert_eq!(content(&places.openmrs().join("file")).unwrap(), "old");
    assert!(!attempt.staging().exists() && !attempt.kept().exists());
    assert_eq!(places.install_pending().exists(), variant.pending[0]);
    assert!(!places.live().join(MARK).exists());
}

fn assert_new(attempt: &Attempt, variant: Variant) {
    let places = &attempt.places;
    assert_eq!(content(&places.database().join("data")).unwrap(), "new");
    assert_eq!(content(&places.openmrs().join("file")).unwrap(), "new");
    let kept = attempt.kept();
    assert_eq!(content(&kept.join("database/data")).unwrap(), "old");
    assert_eq!(content(&kept.join("openmrs/file")).unwrap(), "old");
    assert_eq!(Manifest::read(&kept).unwrap(), manifest());
    assert!(!kept.join(MARK).exists());
    assert_eq!(kept.join(PENDING).exists(), variant.pending[0]);
    assert_eq!(places.install_pending().exists(), variant.pending[1]);
    assert!(!attempt.staging().exists() && !places.live().join(MARK).exists());
}

fn boot(attempt: &Attempt) {
    finish_interrupted(&attempt.places, Servers::Down).unwrap();
}

#[test]
fn a_power_cut_after_any_step_ends_with_one_whole_state_and_a_second_boot_changes_nothing() {
    let mut cuts = 0;
    for variant in variants() {
        let (all, decided) = steps(variant);
        for done in 0..=all.len() {
            let (_dir, attempt) = ground(variant);
            all.iter().take(done).for_each(|step| step(&attempt));
            for _ in 0..2 {
                boot(&attempt);
                if done < decided {
                    assert_old(&attempt, variant);
                } else {
                    assert_new(&attempt, variant);
                }
            }
            cuts += 1;
        }
    }
    assert_eq!(cuts, 6 * (12 + 13));
}

#[test]
fn a_power_cut_while_an_interrupted_restore_is_finished_is_finished_the_next_time() {
    for variant in variants() {
        let (all, decided) = steps(variant);
        for done in decided..all.len() {
            for again in 0..=AFTER.len() {
                let (_dir, attempt) = ground(variant);
                all.iter().take(done).for_each(|step| step(&attempt));
                let steps = AFTER.iter().take(again);
                steps.for_each(|step| attempt.do_step(*step, &mark(variant)).unwrap());
                boot(&attempt);
                assert_new(&attempt, variant);
            }
        }
    }
}

#[test]
fn going_back_survives_a_power_cut_after_each_of_its_steps() {
    for variant in variants() {
        let (all, _) = steps(variant);
        for cut in 1..=4 {
            let (_dir, attempt) = ground(variant);
            all.iter().take(6).for_each(|step| step(&attempt));
            let back: [Do; 3] = [
                Box::new(|a| a.say(Word::Refused).unwrap()),
                Box::new(|a| a.exchange().unwrap()),
                Box::new(|a| a.discard().unwrap()),
            ];
            back.iter().take(cut).for_each(|step| step(&attempt));
            boot(&attempt);
            assert_old(&attempt, variant);
        }
    }
}

#[test]
fn an_unproven_state_goes_back_until_openmrs_is_about_to_start_on_it_and_never_afterwards() {
    let variant = Variant {
        word: Word::Awaited,
        pending: [false, false],
        old_mark: false,
    };
    for said in [None, Some(Word::Refused)] {
        let (_dir, attempt) = ground(variant);
        let (all, _) = steps(variant);
        all.iter().take(6).for_each(|step| step(&attempt));
        if let Some(word) = said {
            attempt.say(word).unwrap();
        }
        // The command was killed; the daemon starts the clinic again, and people enter records.
        confirm(&attempt.places).unwrap();
        put(&attempt.places.database().join("data"), "new");
        boot(&attempt);
        assert_new(&attempt, variant);
    }
}

#[test]
fn while_the_servers_may_run_nothing_live_is_moved() {
    let variant = Variant {
        word: Word::Awaited,
        pending: [false, false],
        old_mark: false,
    };
    let (all, _) = steps(variant);
    for done in 0..=6 {
        let (_dir, attempt) = ground(variant);
        all.iter().take(done).for_each(|step| step(&attempt));
        let ended = finish_interrupted(&attempt.places, Servers::MayRun);
        if done < 6 {
            // It may be another process's; only who holds the snapshots' lock throws it away.
            assert_eq!(ended.unwrap(), []);
            assert_eq!(attempt.staging().exists(), done > 0);
            remove_left_overs(&attempt.places).unwrap();
            assert_old(&attempt, variant);
        } else {
            assert!(matches!(ended, Err(FinishError::NeedsRestart(_))));
            remove_left_overs(&attempt.places).unwrap();
            assert!(attempt.staged().join("database/data").exists());
        }
    }
}

#[test]
fn a_mark_that_cannot_be_read_stops_everything_and_destroys_nothing() {
    let variant = variants()[0];
    let (_dir, attempt) = ground(variant);
    let (all, _) = steps(variant);
    all.iter().take(6).for_each(|step| step(&attempt));
    put(&attempt.places.live().join(MARK), "{");
    let ended = finish_interrupted(&attempt.places, Servers::Down);
    assert!(matches!(ended, Err(FinishError::Mark { .. })));
    assert_eq!(
        content(&attempt.staged().join("database/data")).unwrap(),
        "old"
    );
}
