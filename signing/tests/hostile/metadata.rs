//! A repository that lies, over a real socket: what the client must refuse, and what it must survive.
use std::collections::BTreeMap;

use crate::case;
use crate::made::{DAY_S, Made, NOW_S, Role, key, refused, state, version};
use posto_signing::envelope::Malformed;
use posto_signing::metadata::Metadata;
use posto_signing::workflow::{Policy, Refusal};
use serde_json::Value;

fn edit(made: &Made, path: &str, change: impl FnOnce(&mut Value)) {
    let mut file: Value = serde_json::from_slice(&made.server.file(path)).unwrap();
    change(&mut file);
    made.server.put(path, serde_json::to_vec(&file).unwrap());
}

pub(crate) fn an_honest_repository_is_taken_and_asked_for_no_more_than_needed() {
    let mut made = Made::new();
    made.add_target("a/b.txt", b"content");
    made.publish();
    let mut state = state();
    made.server.asked();
    let workflow = made.update(&mut state).unwrap();
    assert_eq!(workflow.targets().unwrap().common().version, 2);
    assert_eq!(
        made.server.asked(),
        [
            "metadata/2.root.json",
            "metadata/timestamp.json",
            "metadata/2.snapshot.json",
            "metadata/2.targets.json"
        ]
    );
    assert_eq!(state.signed_time_s, Some(NOW_S));
    // Nothing new: two questions.
    made.update(&mut state).unwrap();
    assert_eq!(
        made.server.asked(),
        ["metadata/2.root.json", "metadata/timestamp.json"]
    );
}

pub(crate) fn rotated_roots_are_followed_one_by_one_and_a_root_of_strangers_is_not() {
    let mut made = Made::new();
    made.rotate("root");
    made.rotate("root");
    let mut known = state();
    made.update(&mut known).unwrap();
    assert_eq!(version(&known, "root"), 3);
    case("a root signed by strangers");
    // The next one is signed by its own new keys only.
    made.roles.insert("root".to_owned(), Role::of(1, 1));
    made.root(&[]);
    assert!(matches!(
        refused(made.update(&mut known)),
        Refusal::Threshold { signers: 0, .. }
    ));
    assert_eq!(version(&known, "root"), 3);
}

pub(crate) fn a_skipped_or_repeated_root_version_is_refused() {
    for (name, wrong) in [
        ("a repeated root version", 1),
        ("a skipped root version", 3),
    ] {
        case(name);
        let mut made = Made::new();
        made.versions.insert("root".to_owned(), wrong - 1);
        made.root(&[]);
        let file = made.server.file(&format!("metadata/{wrong}.root.json"));
        made.server.put("metadata/2.root.json", file);
        assert!(matches!(
            refused(made.update(&mut state())),
            Refusal::Version { wanted: 2, .. }
        ));
    }
}

pub(crate) fn endless_rotations_end_at_the_bound() {
    case("endless rotations of the root");
    let mut made = Made::new();
    for _ in 0..6 {
        made.root(&[]);
    }
    let mut policy = Policy::strict();
    policy.bounds.root_rotations = 4;
    let mut state = state();
    made.update_at(&mut state, policy, NOW_S).unwrap();
    assert_eq!(version(&state, "root"), 5);
    // An expired root at the bound is kept before it is refused (5.3.8 comes before 5.3.10).
    made.expires_s.insert("root".to_owned(), NOW_S);
    made.root(&[]);
    let mut state = self::state();
    policy.bounds.root_rotations = 7;
    assert!(matches!(
        refused(made.update_at(&mut state, policy, NOW_S)),
        Refusal::Expired { .. }
    ));
    assert_eq!(version(&state, "root"), 8);
}

pub(crate) fn a_threshold_of_two_is_not_reached_by_one_key_however_often_it_signs() {
    let mut made = Made::new();
    let one = key();
    made.roles.insert(
        "timestamp".to_owned(),
        Role {
            keys: vec![one, key()],
            threshold: 2,
        },
    );
    made.root(&[]);
    made.publish();
    made.update(&mut state()).unwrap();
    case("one signature of two taken away");
    let whole = made.server.picture();
    edit(&made, "metadata/timestamp.json", |file| {
        file["signatures"].as_array_mut().unwrap().pop();
    });
    assert!(matches!(
        refused(made.update(&mut state())),
        Refusal::Threshold {
            signers: 1,
            threshold: 2,
            ..
        }
    ));
    case("one signature twice towards a threshold");
    edit(&made, "metadata/timestamp.json", |file| {
        let again = file["signatures"][0].clone();
        file["signatures"].as_array_mut().unwrap().push(again);
    });
    assert!(matches!(
        refused(made.update(&mut state())),
        Refusal::Malformed { .. }
    ));
    case("one signature as another key's");
    made.server.show(whole);
    edit(&made, "metadata/timestamp.json", |file| {
        let sig = file["signatures"][0]["sig"].clone();
        file["signatures"][1]["sig"] = sig;
    });
    assert!(matches!(
        refused(made.update(&mut state())),
        Refusal::Threshold { signers: 1, .. }
    ));
}

pub(crate) fn one_key_under_two_ids_counts_once() {
    case("one key under two ids towards a threshold");
    let mut made = Made::new();
    let mut root: Value =
        serde_json::from_slice(&made.server.file("metadata/1.root.json")).unwrap();
    let signed = &mut root["signed"];
    let id = signed["roles"]["timestamp"]["keyids"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let object = signed["keys"][&id].clone();
    signed["keys"]["another"] = object;
    signed["roles"]["timestamp"]["keyids"] = serde_json::json!([id, "another"]);
    signed["roles"]["timestamp"]["threshold"] = serde_json::json!(2);
    made.first_root = made.sign("root", signed);
    edit(&made, "metadata/timestamp.json", |file| {
        let mut again = file["signatures"][0].clone();
        again["keyid"] = serde_json::json!("another");
        file["signatures"].as_array_mut().unwrap().push(again);
    });
    assert!(matches!(
        refused(made.update(&mut state())),
        Refusal::Threshold {
            signers: 1,
            threshold: 2,
            ..
        }
    ));
}

pub(crate) fn an_older_timestamp_snapshot_or_targets_is_refused_and_what_was_known_stays() {
    for (name, role) in [
        ("an older timestamp", "timestamp"),
        ("an older snapshot", "snapshot"),
        ("older targets", "targets"),
    ] {
        case(name);
        let mut made = Made::new();
        made.publish();
        made.publish();
        let mut state = state();
        made.update(&mut state).unwrap();
        made.versions.insert(role.to_owned(), 1);
        match role {
            "timestamp" => made.publish_timestamp(),
            "snapshot" => made.publish_snapshot(),
            _ => made.publish(),
        }
        assert!(
            matches!(
                refused(made.update_at(&mut state, Policy::of_a_box(), NOW_S)),
                Refusal::Rollback {
                    found: 2,
                    seen: 3,
                    ..
                }
            ),
            "{role}"
        );
        // The newer timestamp that announced it was rightly signed, and is kept (5.4.5 comes before 5.5.5).
        assert_eq!(
            version(&state, "timestamp"),
            if role == "targets" { 4 } else { 3 }
        );
        assert_eq!(version(&state, "snapshot"), 3);
        assert_eq!(version(&state, "targets"), 3);
    }
}

pub(crate) fn a_replayed_whole_repository_is_refused_under_every_policy_and_clock() {
    case("the whole repository of yesterday");
    let mut made = Made::new();
    let old = made.server.picture();
    made.publish();
    let mut known = state();
    made.update(&mut known).unwrap();
    made.server.show(old);
    for now_s in [0, NOW_S, 4_070_908_800] {
        let mut state = known.clone();
        assert!(matches!(
            refused(made.update_at(&mut state, Policy::of_a_box(), now_s)),
            Refusal::Rollback { .. }
        ));
        assert_eq!(version(&state, "timestamp"), 2);
    }
}

pub(crate) fn a_role_gone_from_the_snapshot_is_refused() {
    case("a role gone from the snapshot");
    let mut made = Made::new();
    let by = key();
    made.delegate("a", 1, &BTreeMap::new(), &by);
    made.publish();
    let mut state = state();
    made.update(&mut state).unwrap();
    made.delegated.clear();
    made.publish();
    assert!(matches!(
        refused(made.update(&mut state)),
        Refusal::Removed(_)
    ));
}

pub(crate) fn a_frozen_repository_is_refused_by_the_specification_and_named_by_a_box() {
    for (name, role) in [
        ("a frozen root", "root"),
        ("a frozen timestamp", "timestamp"),
        ("a frozen snapshot", "snapshot"),
        ("frozen targets", "targets"),
    ] {
        case(name);
        let mut made = Made::new();
        made.expires_s.insert(role.to_owned(), NOW_S);
        made.root(&[]);
        made.publish();
        assert!(
            matches!(refused(made.update(&mut state())), Refusal::Expired { .. }),
            "{role}"
        );
        let workflow = made
            .update_at(&mut state(), Policy::of_a_box(), NOW_S)
            .unwrap();
        let expired: Vec<&str> = workflow
            .expired()
            .iter()
            .map(|expired| expired.role.as_str())
            .collect();
        assert_eq!(expired, [role]);
        // One second earlier it is fresh.
        let workflow = made
            .update_at(&mut state(), Policy::strict(), NOW_S - 1)
            .unwrap();
        assert!(workflow.expired().is_empty());
    }
}

pub(crate) fn a_box_in_1970_now_and_2099_takes_the_same_update_and_refuses_the_same_rollback() {
    for (name, now_s, stale) in [
        ("a rollback in 1970", 0, false),
        ("a rollback now", NOW_S, false),
        ("a rollback in 2099", 4_070_908_800, true),
    ] {
        case(name);
        let mut made = Made::new();
        let mut state = state();
        let workflow = made
            .update_at(&mut state, Policy::of_a_box(), now_s)
            .unwrap();
        assert_eq!(!workflow.expired().is_empty(), stale, "{now_s}");
        made.publish();
        let old = made.server.picture();
        made.publish();
        made.update_at(&mut state, Policy::of_a_box(), now_s)
            .unwrap();
        made.server.show(old);
        assert!(matches!(
            refused(made.update_at(&mut state, Policy::of_a_box(), now_s)),
            Refusal::Rollback { .. }
        ));
    }
}

pub(crate) fn versions_run_forward_by_a_thief_are_recovered_by_revoking_his_key() {
    for (name, stolen) in [
        ("timestamps run forward, and recovery", "timestamp"),
        ("snapshots run forward, and recovery", "snapshot"),
        ("targets run forward, and recovery", "targets"),
    ] {
        case(name);
        let mut made = Made::new();
        let mut state = state();
        // The thief has one of two keys that may each sign alone; the other goes on, so all it signed still verifies.
        for role in ["timestamp", "snapshot", "targets"] {
            made.roles.insert(role.to_owned(), Role::of(2, 1));
        }
        made.root(&[]);
        made.publish();
        made.versions.insert(stolen.to_owned(), 1_000_000);
        match stolen {
            "timestamp" => made.publish_timestamp(),
            "snapshot" => made.publish_snapshot(),
            _ => made.publish(),
        }
        made.update(&mut state).unwrap();
        assert_eq!(version(&state, stolen), 1_000_001);
        made.versions.insert(stolen.to_owned(), 5);
        made.publish();
        refused(made.update(&mut state));
        for role in ["timestamp", "snapshot", "targets"] {
            made.roles.get_mut(role).unwrap().keys.remove(0);
        }
        made.root(&[]);
        made.publish();
        made.update(&mut state).unwrap();
        assert_eq!(version(&state, stolen), 7, "{stolen}");
    }
}

pub(crate) fn what_a_revoked_key_signed_is_refused_even_by_a_box_that_knows_nothing_but_its_image()
{
    case("what a revoked key signed, to a box that lost its state");
    let mut made = Made::new();
    let old = made.server.picture();
    made.rotate("timestamp");
    let newest_root = made.server.file("metadata/2.root.json");
    // An emptied state: only the image's root is left. The old repository, whole and honestly signed then.
    made.server.show(old);
    assert!(matches!(
        refused(made.update_from(&newest_root, &mut state(), Policy::of_a_box(), 0)),
        Refusal::Threshold { signers: 0, .. }
    ));
}

pub(crate) fn files_of_two_editions_are_not_mixed() {
    case("targets of another edition");
    let mut made = Made::new();
    made.add_target("a", b"1");
    made.publish();
    made.publish();
    let earlier = made.server.file("metadata/2.targets.json");
    made.server.put("metadata/3.targets.json", earlier);
    assert!(matches!(
        refused(made.update(&mut state())),
        Refusal::Mismatch { .. }
    ));
    case("a snapshot of another edition");
    let mut made = Made::new();
    made.publish();
    let earlier = made.server.file("metadata/1.snapshot.json");
    made.server.put("metadata/2.snapshot.json", earlier);
    assert!(matches!(
        refused(made.update(&mut state())),
        Refusal::Mismatch { .. }
    ));
}

pub(crate) fn one_role_s_file_is_not_taken_for_another_s_even_with_the_right_keys() {
    case("a snapshot as a timestamp");
    let mut made = Made::new();
    // Timestamp and snapshot by the same key.
    let shared = key();
    let pem = shared.to_pem().unwrap();
    let again = posto_signing::publish::signer::Signer::from_pem(&pem).unwrap();
    made.roles.insert(
        "timestamp".to_owned(),
        Role {
            keys: vec![shared],
            threshold: 1,
        },
    );
    made.roles.insert(
        "snapshot".to_owned(),
        Role {
            keys: vec![again],
            threshold: 1,
        },
    );
    made.root(&[]);
    // And with all that a timestamp has.
    let one = serde_json::json!({"version": 1});
    made.delegated.insert("snapshot.json".to_owned(), one);
    made.publish();
    let snapshot = made.server.file("metadata/2.snapshot.json");
    made.server.put("metadata/timestamp.json", snapshot);
    assert!(matches!(
        refused(made.update(&mut state())),
        Refusal::Malformed {
            why: Malformed::Type { .. },
            ..
        }
    ));
}

pub(crate) fn a_changed_byte_in_what_is_signed_is_refused() {
    let made = Made::new();
    for (name, path) in [
        ("a changed timestamp", "metadata/timestamp.json"),
        ("a changed snapshot", "metadata/1.snapshot.json"),
        ("changed targets", "metadata/1.targets.json"),
    ] {
        case(name);
        let whole = made.server.picture();
        edit(&made, path, |file| {
            file["signed"]["expires"] = serde_json::json!("2999-01-01T00:00:00Z");
        });
        refused(made.update(&mut state()));
        made.server.show(whole);
    }
    made.update(&mut state()).unwrap();
}

pub(crate) fn ecdsa_keys_sign_as_well() {
    let mut made = Made::new();
    let ecdsa = || {
        let scheme = posto_signing::publish::signer::Scheme::EcdsaP256;
        posto_signing::publish::signer::Signer::generate(scheme).unwrap()
    };
    for role in ["timestamp", "targets"] {
        made.roles.insert(
            role.to_owned(),
            Role {
                keys: vec![ecdsa(), key()],
                threshold: 2,
            },
        );
    }
    made.root(&[]);
    made.publish();
    made.update(&mut state()).unwrap();
}

pub(crate) fn a_repository_without_consistent_names_is_read_by_plain_ones() {
    let mut made = Made::new();
    let mut root: Value = serde_json::from_slice(&made.first_root).unwrap();
    root["signed"]["consistent_snapshot"] = serde_json::json!(false);
    made.first_root = made.sign("root", &root["signed"]);
    for role in ["snapshot", "targets"] {
        let file = made.server.file(&format!("metadata/1.{role}.json"));
        made.server.remove(&format!("metadata/1.{role}.json"));
        made.server.put(&format!("metadata/{role}.json"), file);
    }
    made.server.asked();
    made.update(&mut state()).unwrap();
    assert_eq!(
        made.server.asked(),
        [
            "metadata/2.root.json",
            "metadata/timestamp.json",
            "metadata/snapshot.json",
            "metadata/targets.json"
        ]
    );
}

pub(crate) fn an_expired_timestamp_of_the_same_version_is_named_again_at_every_update() {
    case("the same expired timestamp again");
    let made = Made::new();
    let mut state = state();
    made.update(&mut state).unwrap();
    let later_s = NOW_S + 31 * DAY_S;
    assert!(matches!(
        refused(made.update_at(&mut state, Policy::strict(), later_s)),
        Refusal::Expired { .. }
    ));
    let workflow = made
        .update_at(&mut state, Policy::of_a_box(), later_s)
        .unwrap();
    assert_eq!(workflow.expired().len(), 4);
}
