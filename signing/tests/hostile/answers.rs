//! A mirror that answers wrongly, targets that are not what was signed, delegations that lead astray.
use std::collections::BTreeMap;
use std::io::Write;

use crate::case;
use crate::made::{
    Made, NOW_S, Said, delegation, delegations, impatient, key, refused, state, target,
};
use posto_signing::publish::signer::Signer;
use posto_signing::update::{self, UpdateError};
use posto_signing::workflow::{Policy, Refusal, Workflow};
use serde_json::Value;

/// As a web server packs it (RFC 1952).
fn packed(content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

pub(crate) fn endless_short_silent_redirected_and_failing_answers_end_the_update_and_change_nothing()
 {
    let mut made = Made::new();
    made.publish();
    // To the very file that would be right here.
    let elsewhere = format!("http://{}/elsewhere.json", made.server.address);
    let right = made.server.file("metadata/timestamp.json");
    made.server.put("elsewhere.json", right.clone());
    for (name, said) in [
        ("an endless timestamp", Said::Endless),
        (
            "a timestamp shorter than said",
            Said::Short(1_000, b"{}".to_vec()),
        ),
        ("a timestamp that stops", Said::Silent(b"{".to_vec())),
        ("a timestamp byte by byte", Said::Drip(right.clone())),
        ("an endless head", Said::EndlessHead),
        ("a redirect to the right file", Said::Redirect(elsewhere)),
        (
            "a redirect loop",
            Said::Redirect("/metadata/timestamp.json".to_owned()),
        ),
        ("a failing mirror", Said::Status(500)),
        ("an empty timestamp", Said::File(Vec::new())),
        ("a timestamp nested deeply", Said::File(vec![b'['; 16_000])),
        (
            "a number beyond all",
            Said::File(b"{\"signatures\": [], \"signed\": 1e999}".to_vec()),
        ),
        ("a packed timestamp", Said::Packed(packed(&right))),
        ("a packed bomb", Said::Packed(packed(&vec![b' '; 64 << 20]))),
    ] {
        case(name);
        let honest = made.server.picture();
        let mut known = state();
        made.update(&mut known).unwrap();
        made.server.asked();
        let before = known.clone();
        made.server.say("metadata/timestamp.json", said);
        let stored = before.stored.clone();
        let mut workflow =
            Workflow::begin(&made.first_root, stored, Policy::of_a_box(), NOW_S).unwrap();
        let mut source = made.source_with(impatient());
        assert!(update::refresh(&mut workflow, &mut source, &mut known).is_err());
        assert!(workflow.targets().is_none());
        assert_eq!(known.stored, before.stored);
        let asked = made.server.asked();
        let again = |path: &&String| *path == "metadata/timestamp.json";
        assert_eq!(asked.iter().filter(again).count(), 1, "{name}");
        assert!(!asked.contains(&"elsewhere.json".to_owned()));
        made.server.show(honest);
    }
}

pub(crate) fn a_root_longer_than_the_bound_is_not_read_to_its_end() {
    case("an endless root");
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

pub(crate) fn a_missing_timestamp_snapshot_or_targets_is_no_update() {
    for (name, path) in [
        ("no timestamp", "metadata/timestamp.json"),
        ("no snapshot", "metadata/1.snapshot.json"),
        ("no targets", "metadata/1.targets.json"),
    ] {
        case(name);
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

pub(crate) fn a_target_is_what_was_signed_or_nothing() {
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
    for (name, wrong) in [
        (
            "another target of the same length",
            Said::File(b"wrong content".to_vec()),
        ),
        (
            "a longer target",
            Said::File(b"right content and more".to_vec()),
        ),
        ("a shorter target", Said::File(b"right".to_vec())),
        (
            "a target shorter than said",
            Said::Short(13, b"right".to_vec()),
        ),
        ("an endless target", Said::Endless),
        ("a target that stops", Said::Silent(b"right".to_vec())),
        (
            "a target byte by byte",
            Said::Drip(b"right content".to_vec()),
        ),
        ("a target that is not there", Said::Status(404)),
    ] {
        case(name);
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

pub(crate) fn a_signed_path_that_leaves_the_folder_is_not_fetched() {
    let mut made = Made::new();
    for path in ["../escape", "/etc/passwd", "a/../../escape"] {
        made.targets.insert(path.to_owned(), target(b"x"));
    }
    made.publish();
    let folder = tempfile::tempdir().unwrap();
    made.server.asked();
    for (name, path) in [
        ("a target above its folder", "../escape"),
        ("a target at the root", "/etc/passwd"),
        ("a target above its folder, inside", "a/../../escape"),
    ] {
        case(name);
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

pub(crate) fn a_target_is_found_through_delegations_and_only_where_they_reach() {
    case("a delegation beyond its paths");
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

pub(crate) fn delegations_that_lead_astray_end_the_search() {
    let by = key();
    let many: Vec<String> = (0..40).map(|number| format!("r{number}")).collect();
    let one = vec!["r0".to_owned()];
    let again = Signer::from_pem(&by.to_pem().unwrap()).unwrap();
    for (name, roles, signer, has) in [
        ("a delegated role signed by another key", one, key(), "x"),
        ("more delegations than are followed", many, again, "y"),
    ] {
        case(name);
        let mut made = Made::new();
        let to: Vec<Value> = roles
            .iter()
            .map(|role| delegation(role, &["*"], &by, false))
            .collect();
        made.delegations = Some(delegations(&to, &[&by]));
        for role in &roles {
            let targets = BTreeMap::from([(has.to_owned(), target(b"x"))]);
            made.delegate(role, 1, &targets, &signer);
        }
        made.publish();
        let mut state = state();
        let mut workflow = made.update(&mut state).unwrap();
        let found = update::find(&mut workflow, "x", &mut made.source(), &mut state);
        let expected = match found {
            Err(UpdateError::Refused(Refusal::Threshold { .. })) => roles.len() == 1,
            Err(UpdateError::Refused(Refusal::Delegations(32))) => roles.len() > 32,
            _ => false,
        };
        assert!(expected, "{name}: {found:?}");
        assert!(workflow.found().is_none());
    }
}
