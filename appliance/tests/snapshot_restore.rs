//! Restores with a real server on a real XFS: a snapshot put back, the state before kept and brought back; a snapshot that does
//! not come up; interruptions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod ground;

#[allow(dead_code, reason = "the figures use more of it")]
#[path = "snapshot_restore/clinic_box.rs"]
mod clinic_box;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use clinic_box::{Box, PASSWORD};
use posto::maintenance::Stop;
use posto::openmrs::properties;
use posto::snapshot::id::Id;
use posto::snapshot::manifest::{Method, Reason};
use posto::snapshot::restore::error::RestoreError;
use posto::snapshot::restore::plan::{self, Part, Refusal, Standing, Wanted};
use posto::snapshot::restore::run::{Choice, Phase};
use posto::snapshot::restore::{Servers, finish_interrupted};
use posto::snapshot::shelf;

const ANY: Wanted = Wanted {
    only: None,
    accept_unproven: true,
};

fn only(part: Part) -> Wanted {
    Wanted {
        only: Some(part),
        ..Wanted::default()
    }
}

#[test]
fn a_snapshot_comes_back_and_the_state_before_can_be_brought_back_in_turn() {
    let Some(mut clinic) = Box::new() else {
        return;
    };
    let id = clinic.snapshot();
    clinic.prove(id, |_| {});
    let before = clinic.number("SELECT COUNT(*) FROM openmrs.obs");
    clinic.work_on();

    let (_, seen) = clinic.look(Choice::Snapshot(id)).unwrap();
    let planned = plan::plan(&seen, Wanted::default()).unwrap();
    assert!(matches!(planned.standing, Standing::Proven { .. }));
    let newer = planned.newer.unwrap();
    let obs = newer.iter().find(|newer| newer.table == "obs").unwrap();
    assert_eq!((obs.new, obs.changed), (5, Some(2)));

    let begun = Instant::now();
    let done = clinic.restore(Choice::Snapshot(id), Wanted::default());
    let done = done.unwrap();
    eprintln!("restored and asked in {:?}, {done:?}", begun.elapsed());
    assert_eq!(
        *clinic.calls.borrow(),
        ["stop", "start database", "start openmrs"]
    );
    assert_eq!(clinic.number("SELECT COUNT(*) FROM openmrs.obs"), before);
    assert_eq!(
        clinic.number("SELECT COUNT(*) FROM openmrs.obs WHERE date_voided IS NOT NULL"),
        0
    );
    assert_eq!(clinic.file("complex_obs/scan"), "at the snapshot");
    // The snapshot was of another box's password and has no search index.
    assert!(clinic.account_opens(PASSWORD));
    assert_eq!(clinic.search_index(), "");
    let settings = clinic.file("openmrs-runtime.properties");
    for (key, value) in [
        ("connection.password", PASSWORD),
        ("encryption.key", "OLD"),
        ("auto_update_database", "true"),
    ] {
        assert_eq!(properties::get(&settings, key).as_deref(), Some(value));
    }
    clinic.assert_nothing_left();

    let kept = shelf::list(&clinic.places).unwrap().pop().unwrap();
    assert_eq!(kept.id(), done.kept);
    assert_eq!(kept.manifest.method, Method::Stopped);
    assert_eq!(kept.manifest.reason, Reason::BeforeRestore { restored: id });
    let (undone, seen) = clinic.look(Choice::Undo).unwrap();
    assert_eq!(undone.id(), done.kept);
    let planned = plan::plan(&seen, Wanted::default()).unwrap();
    assert_eq!(planned.standing, Standing::Stopped);
    clinic.restore(Choice::Undo, Wanted::default()).unwrap();
    assert_eq!(
        clinic.number("SELECT COUNT(*) FROM openmrs.obs"),
        before + 5
    );
    assert_eq!(
        clinic.number("SELECT COUNT(*) FROM openmrs.obs WHERE date_voided IS NOT NULL"),
        2
    );
    assert_eq!(clinic.file("complex_obs/scan"), "afterwards");
    assert_eq!(shelf::list(&clinic.places).unwrap().len(), 3);
    assert!(clinic.account_opens(PASSWORD));
}

#[test]
fn a_snapshot_whose_database_does_not_start_or_is_not_the_one_that_was_proven_goes_back() {
    let Some(mut clinic) = Box::new() else {
        return;
    };
    let id = clinic.snapshot();
    clinic.work_on();
    let now = clinic.number("SELECT COUNT(*) FROM openmrs.obs");
    assert!(matches!(
        clinic.restore(Choice::Snapshot(id), Wanted::default()),
        Err(RestoreError::Refused(Refusal::Unproven { .. }))
    ));
    // Its proof saw another database.
    clinic.prove(id, |proof| {
        proof.rows.insert("encounter".to_string(), 7);
    });
    let error = clinic.restore(Choice::Snapshot(id), Wanted::default());
    let error = error.unwrap_err();
    assert!(
        matches!(&error, RestoreError::WentBack { reason, .. } if reason.contains("encounter")),
        "{error}"
    );
    // Nobody has proven it, and its redo log is gone to nothing.
    let damaged = clinic.snapshot();
    clinic.damage(damaged);
    let error = clinic.restore(Choice::Snapshot(damaged), ANY).unwrap_err();
    assert!(matches!(error, RestoreError::WentBack { .. }), "{error}");
    assert_eq!(clinic.number("SELECT COUNT(*) FROM openmrs.obs"), now);
    assert_eq!(clinic.file("complex_obs/scan"), "afterwards");
    clinic.assert_nothing_left();
    // Nothing was replaced, so nothing was kept.
    assert_eq!(shelf::list(&clinic.places).unwrap().len(), 2);
    assert_eq!(clinic.calls.borrow().last(), Some(&"start openmrs"));
}

#[test]
fn a_stop_asked_for_before_the_exchange_leaves_everything_as_it_was() {
    let Some(mut clinic) = Box::new() else {
        return;
    };
    let id = clinic.snapshot();
    clinic.work_on();
    let now = clinic.number("SELECT COUNT(*) FROM openmrs.obs");
    for phase in [Phase::Cloning, Phase::Stopping] {
        let stop = Stop::default();
        let error = clinic
            .restore_with(Choice::Snapshot(id), ANY, &stop, &mut |at| {
                if at == phase {
                    stop.ask();
                }
            })
            .unwrap_err();
        assert!(matches!(error, RestoreError::Interrupted), "{error}");
        assert_eq!(clinic.number("SELECT COUNT(*) FROM openmrs.obs"), now);
        clinic.assert_nothing_left();
    }
    assert_eq!(shelf::list(&clinic.places).unwrap().len(), 1);
}

#[test]
fn a_part_alone_comes_back_with_what_belongs_to_the_database() {
    let Some(mut clinic) = Box::new() else {
        return;
    };
    let id = clinic.snapshot();
    clinic.prove(id, |_| {});
    let before = clinic.number("SELECT COUNT(*) FROM openmrs.obs");
    clinic.work_on();
    clinic
        .restore(Choice::Snapshot(id), only(Part::Database))
        .unwrap();
    assert_eq!(clinic.number("SELECT COUNT(*) FROM openmrs.obs"), before);
    assert_eq!(clinic.file("complex_obs/scan"), "afterwards");
    assert_eq!(clinic.file("configuration_checksums/x"), "at the snapshot");
    assert_eq!(clinic.search_index(), "");
    let settings = clinic.file("openmrs-runtime.properties");
    assert_eq!(
        properties::get(&settings, "encryption.key").as_deref(),
        Some("OLD")
    );
    clinic.restore(Choice::Undo, Wanted::default()).unwrap();
    clinic
        .restore(Choice::Snapshot(id), only(Part::Openmrs))
        .unwrap();
    assert_eq!(
        clinic.number("SELECT COUNT(*) FROM openmrs.obs"),
        before + 5
    );
    assert_eq!(clinic.file("complex_obs/scan"), "at the snapshot");
    assert_eq!(clinic.file("configuration_checksums/x"), "afterwards");
    let settings = clinic.file("openmrs-runtime.properties");
    assert_eq!(
        properties::get(&settings, "encryption.key").as_deref(),
        Some("NEW")
    );
}

#[test]
fn a_power_cut_at_the_databases_start_ends_at_boot_forward_where_proven_and_back_where_not() {
    let Some(mut clinic) = Box::new() else {
        return;
    };
    let proven = clinic.snapshot();
    clinic.prove(proven, |_| {});
    let before = clinic.number("SELECT COUNT(*) FROM openmrs.obs");
    clinic.work_on();
    let cut = |clinic: &mut Box, id: Id| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(std::boxed::Box::new(|_| {}));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            clinic.restore_with(Choice::Snapshot(id), ANY, &Stop::default(), &mut |phase| {
                assert!(phase != Phase::Starting, "the power is cut");
            })
        }));
        std::panic::set_hook(hook);
        assert!(ended.is_err());
        finish_interrupted(&clinic.places, Servers::Down).unwrap();
        clinic.start();
    };
    let unproven = clinic.snapshot();
    cut(&mut clinic, unproven);
    assert_eq!(
        clinic.number("SELECT COUNT(*) FROM openmrs.obs"),
        before + 5
    );
    clinic.assert_nothing_left();

    cut(&mut clinic, proven);
    assert_eq!(clinic.number("SELECT COUNT(*) FROM openmrs.obs"), before);
    // Before OpenMRS starts, as its unit does.
    clinic.prepare_openmrs();
    assert!(clinic.account_opens(PASSWORD));
    clinic.assert_nothing_left();
    let kept = shelf::list(&clinic.places).unwrap().pop().unwrap();
    assert_eq!(
        kept.manifest.reason,
        Reason::BeforeRestore { restored: proven }
    );
    clinic.restore(Choice::Undo, Wanted::default()).unwrap();
    assert_eq!(
        clinic.number("SELECT COUNT(*) FROM openmrs.obs"),
        before + 5
    );
}

/// Keys of this test's rows.
const KEY: &str = ground::clinic::ORDERED_UUID;
