//! The publisher's tool and the conformance client as programs: from a ceremony to a fetched release over a socket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod ground;
#[path = "../made/mod.rs"]
mod made;
mod patches;
mod token;

use ground::Ground;
use posto_signing::publish::signer::PublicKey;
use serde_json::Value;

#[test]
fn a_release_goes_from_a_ceremony_to_a_client_and_on_a_stick_and_keys_are_rotated_on_the_way() {
    let ground = Ground::new();
    ground.init();
    ground.release("2026.11-1", 1_000, b"first root");
    ground.publish("2026.11-1", &["--percent", "10"]);
    ground.begin_client();
    assert!(ground.fetch("r", "releases/2026.11-1/manifest.json"));
    let fetched = ground.path("fetched/releases%2F2026.11-1%2Fmanifest.json");
    assert_eq!(
        std::fs::read(&fetched).unwrap(),
        std::fs::read(ground.path("2026.11-1/manifest.json")).unwrap()
    );

    // All online keys and the root's are replaced; the client follows.
    ground.signed(&[
        "root",
        "rotate",
        "--ceremony",
        "c",
        "--replace",
        "root-1",
        "--replace",
        "snapshot-1",
        "--replace",
        "timestamp-1",
    ]);
    ground.release("2026.12-1", 2_000, b"second root");
    ground.publish("2026.12-1", &[]);
    assert!(ground.fetch("r", "releases/2026.12-1/manifest.json"));
    let root: Value =
        serde_json::from_slice(&std::fs::read(ground.path("trusted/root.json")).unwrap()).unwrap();
    assert_eq!(root["signed"]["version"], 2);

    std::fs::create_dir(ground.path("stick")).unwrap();
    ground.signed(&["stage", "--repo", "r", "--to", "stick"]);
    std::fs::remove_dir_all(ground.path("fetched")).unwrap();
    assert!(ground.fetch("stick/posto-repository", "releases/2026.12-1/manifest.json"));
    // The older one is not on it.
    assert!(!ground.fetch("stick/posto-repository", "releases/2026.11-1/manifest.json"));
}

#[test]
fn rings_pause_resume_and_withdrawal_are_shown_as_boxes_would_decide() {
    let ground = Ground::new();
    ground.init();
    ground.release("a", 1_000, b"a");
    ground.publish("a", &["--percent", "50"]);
    let sites: String = (0..40).map(|site| format!("mz-{site}\n")).collect();
    std::fs::write(ground.path("sites"), sites).unwrap();
    let rings = || -> Value {
        let text = ground.signed(&["--json", "rings", "--repo", "r", "--facilities", "sites"]);
        serde_json::from_str(&text).unwrap()
    };
    let taking = |rings: &Value| {
        let sites = rings["facilities"].as_array().unwrap();
        sites
            .iter()
            .filter(|site| site["decision"] == "takes it now")
            .count()
    };
    let half = rings();
    assert_eq!(half["facilities"].as_array().unwrap().len(), 40);
    for site in half["facilities"].as_array().unwrap() {
        let first = site["ring"].as_u64().unwrap() < 50;
        assert_eq!(site["decision"] == "takes it now", first, "{site}");
    }
    let change = ["change", "a", "--ceremony", "c", "--repo", "r"];
    let change = |more: &[&str]| ground.signed(&[&change[..], more].concat());
    change(&["--percent", "100"]);
    assert_eq!(taking(&rings()), 40);
    change(&["--pause"]);
    assert_eq!(taking(&rings()), 0);
    change(&["--resume"]);
    assert_eq!(taking(&rings()), 40);
    change(&["--withdraw"]);
    assert_eq!(taking(&rings()), 0);
    let said = ground.refused(&["change", "a", "--ceremony", "c", "--repo", "r", "--resume"]);
    assert!(said.contains("withdrawn"), "{said}");
}

#[test]
fn what_is_not_in_order_is_refused_and_nothing_is_published() {
    let ground = Ground::new();
    ground.init();
    assert!(
        ground
            .refused(&["init", "--ceremony", "c"])
            .contains("rotate")
    );
    ground.release("a", 1_000, b"a");
    let publish = ["publish", "a", "--ceremony", "c", "--repo", "r"];
    // A dry run writes nothing and opens no key.
    std::fs::rename(ground.path("passphrase"), ground.path("away")).unwrap();
    ground.signed(&[&publish[..], &["--dry-run"]].concat());
    assert!(!ground.path("r").exists());
    // No passphrase; the wrong one.
    assert!(ground.refused(&publish).contains("passphrase"));
    std::fs::write(ground.path("passphrase"), "wrong\n").unwrap();
    assert!(ground.refused(&publish).contains("does not open it"));
    std::fs::rename(ground.path("away"), ground.path("passphrase")).unwrap();
    // A file that is not the manifest's.
    let whole = std::fs::read(ground.path("a/root.erofs")).unwrap();
    std::fs::write(ground.path("a/root.erofs"), b"b").unwrap();
    assert!(ground.refused(&publish).contains("not the one"));
    assert!(!ground.path("r/metadata/timestamp.json").exists());
    std::fs::write(ground.path("a/root.erofs"), whole).unwrap();
    ground.publish("a", &[]);
    // The same name with other content.
    std::fs::remove_dir_all(ground.path("a")).unwrap();
    ground.release("a", 1_000, b"another");
    assert!(ground.refused(&publish).contains("never exchanged"));
    // A key that is missing.
    std::fs::remove_file(ground.path("c/keys/targets-1.key")).unwrap();
    ground.release("b", 2_000, b"b");
    let said = ground.refused(&["publish", "b", "--ceremony", "c", "--repo", "r"]);
    assert!(said.contains("0 of the 1 keys"), "{said}");
    // A lost timestamp is not an empty repository; a changed one is nobody's.
    let timestamp = ground.path("r/metadata/timestamp.json");
    let whole = std::fs::read_to_string(&timestamp).unwrap();
    std::fs::write(
        &timestamp,
        whole.replacen("\"version\": 1", "\"version\": 9", 1),
    )
    .unwrap();
    assert!(ground.refused(&publish).contains("not in order"));
    std::fs::remove_file(&timestamp).unwrap();
    assert!(ground.refused(&publish).contains("something was lost"));
}

#[test]
fn what_expires_soon_is_told_by_the_exit_code_and_renewed() {
    let ground = Ground::new();
    ground.init();
    ground.release("a", 1_000, b"a");
    ground.publish("a", &["--days", "5"]);
    let report = ground.sign(&["expire-report", "--repo", "r"]);
    assert_eq!(report.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&report.stdout).contains("SOON"));
    // The targets key stays in its safe.
    std::fs::remove_file(ground.path("c/keys/targets-1.key")).unwrap();
    ground.signed(&["renew", "--ceremony", "c", "--repo", "r"]);
    assert_eq!(
        ground.sign(&["expire-report", "--repo", "r"]).status.code(),
        Some(0)
    );
    ground.begin_client();
    assert!(ground.fetch("r", "releases/a/manifest.json"));
}

#[test]
fn two_of_three_root_keys_on_two_sticks_make_a_root_and_one_does_not() {
    let ground = Ground::new();
    ground.signed(&[
        "init",
        "--ceremony",
        "c",
        "--root",
        "2/3",
        "--targets",
        "1/1",
        "--scheme",
        "ecdsa-p256",
    ]);
    for (stick, name) in [("s1", "root-1"), ("s2", "root-2"), ("s3", "root-3")] {
        std::fs::create_dir(ground.path(stick)).unwrap();
        let place = |folder: &str, ending: &str| ground.path(&format!("{folder}/{name}.{ending}"));
        std::fs::rename(place("c/keys", "key"), place(stick, "key")).unwrap();
        std::fs::copy(place("c/keys", "pub"), place(stick, "pub")).unwrap();
    }
    let rotate = ["root", "rotate", "--ceremony", "c", "--keys", "s1"];
    assert!(ground.refused(&rotate).contains("1 of the 2 keys"));
    assert!(!ground.path("c/root/2.root.json").exists());
    ground.signed(&[&rotate[..], &["--keys", "s3"]].concat());
    assert!(ground.path("c/root/2.root.json").exists());
    // A stick is lost: the other two replace its key, under a number that none had.
    std::fs::remove_dir_all(ground.path("s3")).unwrap();
    let two = ["--keys", "s1", "--keys", "s2"];
    let said = ground.signed(&[&rotate[..4], &two[..], &["--replace", "root-3"]].concat());
    assert!(said.contains("new keys: root-4"), "{said}");
    // Even where nothing is left of it but the roots.
    std::fs::remove_file(ground.path("c/keys/root-4.key")).unwrap();
    std::fs::rename(ground.path("c/keys/root-4.pub"), ground.path("away")).unwrap();
    let said = ground.refused(&[&rotate[..4], &two[..], &["--replace", "root-4"]].concat());
    assert!(said.contains("root-4"), "{said}");
    let public = std::fs::read(ground.path("away")).unwrap();
    let lost = PublicKey::new(serde_json::from_slice(&public).unwrap()).id;
    let said = ground.signed(&[&rotate[..4], &two[..], &["--replace", &lost]].concat());
    assert!(said.contains("new keys: root-5"), "{said}");
    let key = std::fs::read_to_string(ground.path("s1/root-1.key")).unwrap();
    assert!(key.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
}

/// A publication that is cut: whatever is written before the timestamp, clients see the edition before.
#[test]
fn a_publication_cut_before_its_timestamp_changes_nothing_for_clients() {
    let ground = Ground::new();
    ground.init();
    ground.release("a", 1_000, b"a");
    ground.publish("a", &[]);
    let before = std::fs::read(ground.path("r/metadata/timestamp.json")).unwrap();
    ground.release("b", 2_000, b"b");
    ground.publish("b", &[]);
    std::fs::write(ground.path("r/metadata/timestamp.json"), before).unwrap();
    ground.begin_client();
    assert!(ground.fetch("r", "releases/a/manifest.json"));
    assert!(!ground.fetch("r", "releases/b/manifest.json"));
    // And the publisher goes on from there.
    ground.publish("b", &[]);
    assert!(ground.fetch("r", "releases/b/manifest.json"));
}
