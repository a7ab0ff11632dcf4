//! Trusted state in SQLite: kept, damaged, emptied.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod made;

use made::{Made, NOW_S, Role};
use posto_signing::rollout::{self, Decision, Rollout, Site, Standing, Updates};
use posto_signing::state::{DatabaseState, Opened, TrustedState};
use posto_signing::time::Clues;
use posto_signing::update::UpdateError;
use posto_signing::workflow::{Change, Policy, Refusal};

fn open(path: &std::path::Path) -> (DatabaseState, Opened) {
    DatabaseState::open(path).unwrap()
}

#[test]
fn what_was_seen_is_remembered_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.sqlite");
    let mut made = Made::new();
    let old = made.server.picture();
    made.rotate("targets");
    made.publish();
    let (mut state, _) = open(&path);
    made.update_at(&mut state, Policy::of_a_box(), NOW_S)
        .unwrap();
    drop(state);
    let (mut state, opened) = open(&path);
    assert_eq!(opened, Opened::Sound);
    assert_eq!(state.signed_time_s().unwrap(), Some(NOW_S));
    // The root that was followed is where the next update begins, although the caller brings the first one.
    made.server.asked();
    made.update_at(&mut state, Policy::of_a_box(), NOW_S)
        .unwrap();
    assert_eq!(
        made.server.asked(),
        ["metadata/3.root.json", "metadata/timestamp.json"]
    );
    made.server.show(old);
    assert!(matches!(
        made.update_at(&mut state, Policy::of_a_box(), NOW_S),
        Err(UpdateError::Refused(Refusal::Rollback { .. }))
    ));
}

#[test]
fn a_state_older_than_the_image_does_not_bring_its_revoked_keys_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut state, _) = open(&folder.path().join("trust.sqlite"));
    let mut made = Made::new();
    made.update_at(&mut state, Policy::of_a_box(), NOW_S)
        .unwrap();
    made.publish();
    let old = made.server.picture();
    made.rotate("timestamp");
    let image_root = made.server.file("metadata/2.root.json");
    // A mirror that has never heard of the rotation, newer than what the state knows.
    made.server.show(old);
    assert!(matches!(
        made.update_from(&image_root, &mut state, Policy::of_a_box(), NOW_S),
        Err(UpdateError::Refused(Refusal::Threshold { signers: 0, .. }))
    ));
}

/// A release that comes by stick brings a root several steps on: what the revoked keys signed goes with it, for good.
#[test]
fn a_newer_root_of_the_image_is_kept_and_what_its_revoked_keys_signed_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.sqlite");
    let mut made = Made::new();
    // A thief with one of two timestamp keys ran its version forward.
    let two = Role::of(2, 1);
    made.roles.insert("timestamp".to_owned(), two);
    made.root(&[]);
    made.versions.insert("timestamp".to_owned(), 1_000_000);
    made.publish();
    let (mut state, _) = open(&path);
    made.update_at(&mut state, Policy::of_a_box(), NOW_S)
        .unwrap();
    made.roles.get_mut("timestamp").unwrap().keys.remove(0);
    made.root(&[]);
    made.versions.insert("timestamp".to_owned(), 5);
    made.publish();
    let image_root = made.server.file("metadata/3.root.json");
    made.update_from(&image_root, &mut state, Policy::of_a_box(), NOW_S)
        .unwrap();
    drop(state);
    // Kept: an update that brings only the first root begins at the image's, and remembers the recovered timestamp.
    let (mut state, _) = open(&path);
    made.server.asked();
    made.update_at(&mut state, Policy::of_a_box(), NOW_S)
        .unwrap();
    assert_eq!(
        made.server.asked(),
        ["metadata/4.root.json", "metadata/timestamp.json"]
    );
    made.versions.insert("timestamp".to_owned(), 4);
    made.publish_timestamp();
    assert!(matches!(
        made.update_from(&image_root, &mut state, Policy::of_a_box(), NOW_S),
        Err(UpdateError::Refused(Refusal::Rollback {
            found: 5,
            seen: 6,
            ..
        }))
    ));
}

#[test]
fn signed_times_and_the_release_floor_never_fall() {
    let folder = tempfile::tempdir().unwrap();
    let (mut state, _) = open(&folder.path().join("trust.sqlite"));
    for time_s in [5, 9, 7] {
        state.apply(&[Change::SignedTime(time_s)]).unwrap();
        state.raise_release_floor(time_s).unwrap();
    }
    assert_eq!(state.signed_time_s().unwrap(), Some(9));
    assert_eq!(state.release_floor_built_s().unwrap(), Some(9));
    // What is signed moves a clock that stands still.
    let clues = Clues {
        image_built_s: 1,
        last_signed_s: state.signed_time_s().unwrap(),
        clock_s: 0,
    };
    assert_eq!(clues.best_s(), 9);
}

/// However short the database is cut: it opens or is put aside, and nothing that is older than the image gets in.
#[test]
fn a_truncated_database_never_lets_an_older_root_or_release_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.sqlite");
    let mut made = Made::new();
    let old = made.server.picture();
    made.rotate("timestamp");
    made.publish();
    let image_root = made.server.file("metadata/2.root.json");
    {
        let (mut state, _) = open(&path);
        made.update_at(&mut state, Policy::of_a_box(), NOW_S)
            .unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.len() > 8_192);
    made.server.show(old);
    let mut replaced = 0;
    for length in (0..whole.len()).step_by(whole.len() / 24) {
        for ending in ["", "-wal", "-shm", ".damaged"] {
            let _ = std::fs::remove_file(folder.path().join(format!("trust.sqlite{ending}")));
        }
        std::fs::write(&path, &whole[..length]).unwrap();
        let (mut state, opened) = open(&path);
        replaced += u32::from(opened == Opened::Replaced);
        let result = made.update_from(&image_root, &mut state, Policy::of_a_box(), 0);
        assert!(
            matches!(
                result,
                Err(UpdateError::Refused(
                    Refusal::Threshold { .. } | Refusal::Rollback { .. }
                ))
            ),
            "{length}: {result:?}"
        );
    }
    assert!(replaced > 10, "{replaced}");
}

#[test]
fn an_emptied_state_takes_no_release_that_is_not_newer_than_the_running_image() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = open(&folder.path().join("trust.sqlite"));
    let image_built_s = 1_000;
    let floor_built_s = state
        .release_floor_built_s()
        .unwrap()
        .unwrap_or(i64::MIN)
        .max(image_built_s);
    let terms = |built_s| Rollout {
        release: "r".to_owned(),
        built_s,
        channel: "stable".to_owned(),
        not_before: None,
        percent: 100,
        minimum_memory_mib: 0,
        minimum_disk_bytes: 0,
        standing: Standing::Offered,
    };
    let site = Site {
        facility: "mz-1",
        updates: Updates::Auto,
        channel: "stable",
        memory_mib: 4_000,
        disk_bytes: 1,
        floor_built_s,
        now_s: 0,
    };
    assert_eq!(
        rollout::decide(&[terms(999), terms(1_000)], &site),
        Decision::UpToDate
    );
    assert!(matches!(
        rollout::decide(&[terms(1_001)], &site),
        Decision::Take(_)
    ));
}

#[test]
fn garbage_is_put_aside_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.sqlite");
    std::fs::write(&path, [7; 9_000]).unwrap();
    let (mut state, opened) = open(&path);
    assert_eq!(opened, Opened::Replaced);
    assert_eq!(
        std::fs::read(folder.path().join("trust.sqlite.damaged")).unwrap(),
        [7; 9_000]
    );
    state.apply(&[Change::SignedTime(1)]).unwrap();
}
