//! A mirror that answers wrongly, targets that are not what was signed, delegations that lead astray.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod made;

use std::collections::BTreeMap;

use made::{Made, NOW_S, Said, delegation, delegations, impatient, key, refused, state, target};
use posto_signing::update::{self, UpdateError};
use posto_signing::workflow::{Policy, Refusal, Workflow};
use serde_json::Value;

#[test]
fn endless_short_silent_redirected_and_failing_answers_end_the_update_and_change_nothing() {
    let mut made = Made::new();
    made.publish();
    // To the very file that would be right here.
    let elsewhere = format!("http://{}/elsewhere.json", made.server.address);
    let right = made.server.file("metadata/timestamp.json");
    made.server.put("elsewhere.json", right);
    for said in [
        Said::Endless,
        Said::Short(1_000, b"{}".to_vec()),
        Said::Silent(b"{".to_vec()),
        Said::Redirect(elsewhere),
        Said::Status(500),
        Said::File(Vec::new()),
        Said::File(vec![b'['; 16_000]),
        Said::File(b"{\"signatures\": [], \"signed\": 1e999}".to_vec()),
    ] {
        let honest = made.server.picture();
        let mut known = state();
        made.update(&mut known).unwrap();
        let before = known.clone();
        made.server.say("metadata/timestamp.json", said);
        let stored = before.stored.clone();
        let mut workflow =
            Workflow::begin(&made.first_root, stored, Policy::of_a_box(), NOW_S).unwrap();
        let mut source = made.source_with(impatient());
        assert!(update::refresh(&mut workflow, &mut source, &mut known).is_err());
        assert!(workflow.targets().is_none());
        assert_eq!(known.stored, before.stored);
        made.server.show(honest);
    }
}

#[test]
fn a_root_longer_than_the_bound_is_not_read_to_its_end() {
    let made = Made::new();
    made.server.say("metadata/2.root.json", Said::Endless);
    assert!(matches!(
        refused(made.update(&mut state())),
        Refusal::TooLong {
            max_bytes: 512_000,
            ..
        }
    ));
}

#[test]
fn a_missing_timestamp_snapshot_or_targets_is_no_update() {
    for path in [
        "metadata/timestamp.json",
        "metadata/1.snapshot.json",
        "metadata/1.targets.json",
    ] {
        let made = Made::new();
        made.server.remove(path);
        assert!(matches!(
            refused(made.update(&mut state())),
            Refusal::Absent(_)
        ));
    }
}

fn fetch(made: &Made, path: &str, folder: &std::path::Path) -> Result<Vec<u8>, UpdateError> {
    let mut state = state();
    let mut workflow = made.update(&mut state)?;
    let mut source = made.source_with(impatient());
    let found = update::find(&mut workflow, path, &mut source, &mut state)?;
    let place = update::download(&found, true, &mut source, folder)?;
    assert!(place.starts_with(folder));
    Ok(std::fs::read(place).unwrap())
}

#[test]
fn a_target_is_what_was_signed_or_nothing() {
    let mut made = Made::new();
    made.add_target("a/b.bin", b"right content");
    made.publish();
    let folder = tempfile::tempdir().unwrap();
    let asked = made
        .server
        .picture()
        .into_keys()
        .find(|path| path.starts_with("targets/"))
        .unwrap();
    for wrong in [
        Said::File(b"wrong content".to_vec()),
        Said::File(b"right content and more".to_vec()),
        Said::File(b"right".to_vec()),
        Said::Short(13, b"right".to_vec()),
        Said::Endless,
        Said::Silent(b"right".to_vec()),
        Said::Status(404),
    ] {
        let honest = made.server.picture();
        made.server.say(&asked, wrong);
        assert!(fetch(&made, "a/b.bin", folder.path()).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        made.server.show(honest);
    }
    assert_eq!(
        fetch(&made, "a/b.bin", folder.path()).unwrap(),
        b"right content"
    );
    // What is there and right is not fetched again; what is there and wrong is.
    made.server.asked();
    fetch(&made, "a/b.bin", folder.path()).unwrap();
    assert!(!made.server.asked().contains(&asked));
    std::fs::write(folder.path().join("a%2Fb.bin"), b"wrong content").unwrap();
    assert_eq!(
        fetch(&made, "a/b.bin", folder.path()).unwrap(),
        b"right content"
    );
}

#[test]
fn a_signed_path_that_leaves_the_folder_is_not_fetched() {
    let mut made = Made::new();
    for path in ["../escape", "/etc/passwd", "a/../../escape"] {
        made.targets.insert(path.to_owned(), target(b"x"));
    }
    made.publish();
    let folder = tempfile::tempdir().unwrap();
    made.server.asked();
    for path in ["../escape", "/etc/passwd", "a/../../escape"] {
        assert!(matches!(
            fetch(&made, path, folder.path()),
            Err(UpdateError::Source(_))
        ));
    }
    assert!(
        made.server
            .asked()
            .iter()
            .all(|path| path.starts_with("metadata/"))
    );
}

#[test]
fn a_target_is_found_through_delegations_and_only_where_they_reach() {
    let mut made = Made::new();
    let (a, b) = (key(), key());
    made.delegations = Some(delegations(
        &[
            delegation("a", &["x/*"], &a, false),
            delegation("b", &["*/*"], &b, false),
        ],
        &[&a, &b],
    ));
    let both = BTreeMap::from([
        ("x/1".to_owned(), target(b"by a")),
        ("y/1".to_owned(), target(b"by a, who may not")),
    ]);
    made.delegate("a", 1, &both, &a);
    made.delegate(
        "b",
        1,
        &BTreeMap::from([("x/1".to_owned(), target(b"by b"))]),
        &b,
    );
    made.publish();
    let mut state = state();
    let mut workflow = made.update(&mut state).unwrap();
    let mut source = made.source();
    let found = update::find(&mut workflow, "x/1", &mut source, &mut state).unwrap();
    assert_eq!((found.role.as_str(), &found.file), ("a", &target(b"by a")));
    assert!(matches!(
        update::find(&mut workflow, "y/1", &mut source, &mut state),
        Err(UpdateError::Unknown(_))
    ));
}

#[test]
fn a_delegated_role_signed_by_another_key_ends_the_search() {
    let mut made = Made::new();
    let (a, thief) = (key(), key());
    made.delegations = Some(delegations(&[delegation("a", &["*"], &a, false)], &[&a]));
    made.delegate(
        "a",
        1,
        &BTreeMap::from([("x".to_owned(), target(b"x"))]),
        &thief,
    );
    made.publish();
    let mut state = state();
    let mut workflow = made.update(&mut state).unwrap();
    let found = update::find(&mut workflow, "x", &mut made.source(), &mut state);
    assert!(matches!(
        found,
        Err(UpdateError::Refused(Refusal::Threshold { .. }))
    ));
    assert!(workflow.found().is_none());
}

#[test]
fn more_delegations_than_are_followed_end_the_search() {
    let mut made = Made::new();
    let by = key();
    let names: Vec<String> = (0..40).map(|number| format!("r{number}")).collect();
    let roles: Vec<Value> = names
        .iter()
        .map(|name| delegation(name, &["*"], &by, false))
        .collect();
    made.delegations = Some(delegations(&roles, &[&by]));
    for name in &names {
        made.delegate(name, 1, &BTreeMap::new(), &by);
    }
    made.publish();
    let mut state = state();
    let mut workflow = made.update(&mut state).unwrap();
    let found = update::find(&mut workflow, "x", &mut made.source(), &mut state);
    assert!(matches!(
        found,
        Err(UpdateError::Refused(Refusal::Delegations(32)))
    ));
}
