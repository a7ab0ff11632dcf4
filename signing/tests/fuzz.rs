//! Fuzz targets of what a mirror, a stick or the trusted state may hold.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

#[path = "../../tests/fuzz/target.rs"]
mod target;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use posto_signing::bounds::Bounds;
use posto_signing::canonical::canonical;
use posto_signing::envelope::Envelope;
use posto_signing::fetch::{Piece, Pieces};
use posto_signing::metadata::{Metadata, Root, Snapshot, Targets, Timestamp};
use posto_signing::pattern;
use posto_signing::publish::document::{self, Edition, Signatories};
use posto_signing::publish::signer::{Scheme, Signer};
use posto_signing::role::RoleName;
use posto_signing::rollout::Rollout;
use posto_signing::source::TargetPath;
use posto_signing::time;
use posto_signing::workflow::{Answer, Policy, Stored, Workflow};
use serde_json::json;
use target::fuzz;

/// One small repository, signed by one key: root, timestamp, snapshot, targets.
fn files() -> &'static [Vec<u8>; 4] {
    static FILES: OnceLock<[Vec<u8>; 4]> = OnceLock::new();
    FILES.get_or_init(|| {
        let by = Signer::generate(Scheme::Ed25519).unwrap();
        let edition = Edition { version: 1, expires_s: 4_000_000_000 };
        let who = Signatories { keys: vec![by.public().unwrap()], threshold: 1 };
        let roles = ["root", "timestamp", "snapshot", "targets"]
            .map(|role| (role.to_owned(), who.clone()))
            .into();
        let key = by.public().unwrap();
        let mut targets = document::targets(edition, &BTreeMap::new()).unwrap();
        targets["targets"]["a"] = json!({"length": 1, "hashes": {"sha256": "00", "sha512": "11"}, "custom": {"x": 1}});
        targets["delegations"] = json!({"keys": {key.id.clone(): key.object}, "roles": [
            {"name": "b", "keyids": [key.id], "threshold": 1, "terminating": true, "paths": ["x/*", "[a-z]?"]},
            {"name": "c", "keyids": [], "threshold": 1, "path_hash_prefixes": ["00"]}]});
        let targets = document::sign(&targets, [&by]).unwrap();
        let snapshot = document::snapshot(
            edition,
            &BTreeMap::from([
                ("targets.json".to_owned(), document::meta(1, &targets)),
                ("b.json".to_owned(), json!({"version": 1})),
            ]),
        );
        let snapshot = document::sign(&snapshot.unwrap(), [&by]).unwrap();
        let timestamp = document::timestamp(edition, document::meta(1, &snapshot), 1).unwrap();
        [
            document::sign(&document::root(edition, &roles).unwrap(), [&by]).unwrap(),
            document::sign(&timestamp, [&by]).unwrap(),
            snapshot,
            targets,
        ]
    })
}

fn seeds() -> [&'static [u8]; 4] {
    files().each_ref().map(Vec::as_slice)
}

#[test]
fn metadata() {
    fuzz!(seeds(), |bytes: &[u8]| {
        if let Ok(envelope) = Envelope::read(bytes, &Bounds::default()) {
            let _ = Root::read(&envelope);
            let _ = (Timestamp::read(&envelope), Snapshot::read(&envelope));
            if let Ok(targets) = Targets::read(&envelope) {
                for path in ["a", "x/y", ""] {
                    let _ = targets
                        .delegations
                        .as_ref()
                        .map(|delegations| delegations.covering(path));
                }
                let _: Vec<_> = targets
                    .targets
                    .values()
                    .map(|file| Rollout::of(&file.custom))
                    .collect();
            }
        }
    });
}

/// Whatever a mirror answers at whichever step: no panic, and after a refusal nothing is found.
#[test]
fn answers() {
    fuzz!(seeds(), |bytes: &[u8]| {
        // Which of the four files it stands for: each verification costs, so one an input.
        let step = bytes.len() % 4;
        let stored = Stored {
            root: Some(bytes.to_vec()),
            roles: [RoleName::new("timestamp"), RoleName::new("b")]
                .map(|role| (role, bytes.to_vec()))
                .into(),
        };
        let mut workflow = Workflow::begin(&files()[0], stored, Policy::of_a_box(), 0).unwrap();
        let mut honest = true;
        for at in 0..4 {
            let answer = match (at == step, at) {
                (true, _) => Answer::File(bytes.to_vec()),
                (false, 0) => Answer::Absent,
                (false, _) => Answer::File(files()[at].clone()),
            };
            if workflow.request().is_none() || workflow.answer(answer).is_err() {
                honest = false;
                break;
            }
        }
        if workflow.targets().is_some()
            && workflow.search("x/y").is_ok()
            && workflow.request().is_some()
        {
            let _ = workflow.answer(Answer::File(bytes.to_vec()));
        }
        if !honest {
            assert!(workflow.targets().is_none() && workflow.found().is_none());
        }
    });
}

/// What has a canonical form reads back as the same value with the same form.
#[test]
fn canonical_json() {
    fuzz!(seeds(), |bytes: &[u8]| {
        if let Ok(value) = serde_json::from_slice(bytes)
            && let Ok(form) = canonical(&value, 32)
            && let Ok(back) = serde_json::from_slice(&form)
        {
            assert_eq!(value, back);
            assert_eq!(canonical(&back, 32).unwrap(), form);
        }
    });
}

/// What is a list of pieces reads back as the same bytes, and is a row without gaps.
#[test]
fn pieces() {
    let of = |bytes| Piece {
        bytes,
        sha256: [7; 32],
    };
    let one = Pieces::new(vec![of(1)]).unwrap().to_list();
    let more = Pieces::new(vec![of(524_288), of(524_288), of(99)]).unwrap();
    fuzz!([&one[..], &more.to_list()], |bytes: &[u8]| {
        if let Ok(pieces) = Pieces::parse(bytes) {
            assert_eq!(pieces.to_list(), bytes);
            let last = pieces.bytes() - 1;
            assert!(pieces.around(last).is_some() && pieces.around(last + 1).is_none());
            assert!(pieces.rest(0, 1) <= pieces.bytes());
        }
    });
}

#[test]
fn names_and_patterns() {
    fuzz!(
        [b"a/*.t[a-z]\0a/b.tx".as_slice(), b"..%2F\0-"],
        |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let (one, other) = text.split_once('\0').unwrap_or((&text, ""));
            let _ = (pattern::matches(one, other), time::read(one));
            let role = RoleName::new(one);
            assert!(!role.encoded().contains('/'));
            assert_eq!(RoleName::decode(&role.encoded()), Some(role));
            if let Ok(path) = TargetPath::new(one, None) {
                let inside = std::path::Path::new(path.as_str());
                assert!(
                    inside
                        .components()
                        .all(|part| matches!(part, std::path::Component::Normal(_)))
                );
            }
        }
    );
}
