//! The publisher's tool and the conformance client as programs: from a ceremony to a fetched release over a socket.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod made;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use made::Server;
use posto_release::identity::{Distro, ReleaseIdentity};
use posto_release::manifest::{FORMAT, FileEntry, Manifest, MinimumBox};
use posto_release::verity::VerityTarget;
use serde_json::Value;
use sha2::{Digest, Sha256};

struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("passphrase"), "correct horse\n").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// New keys are cheap to open here: the tests open them often.
    fn sign(&self, words: &[&str]) -> Output {
        let makes_keys = matches!(words.first(), Some(&"init" | &"root"));
        let cheap: &[&str] = if makes_keys {
            &["--scrypt-work", "14"]
        } else {
            &[]
        };
        Command::new(env!("CARGO_BIN_EXE_posto-sign"))
            .current_dir(self.folder.path())
            .env("POSTO_SIGN_PASSPHRASE_FILE", self.path("passphrase"))
            .args(words)
            .args(cheap)
            .output()
            .unwrap()
    }

    fn signed(&self, words: &[&str]) -> String {
        let output = self.sign(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, words: &[&str]) -> String {
        let output = self.sign(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn init(&self) {
        self.signed(&[
            "init",
            "--ceremony",
            "c",
            "--root",
            "1/1",
            "--targets",
            "1/1",
        ]);
    }

    fn release(&self, name: &str, built: u64, content: &[u8]) {
        let folder = self.path(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("root.img"), content).unwrap();
        let manifest = Manifest {
            format: FORMAT,
            identity: ReleaseIdentity {
                release: name.to_owned(),
                built,
                distro: Distro {
                    name: "d".into(),
                    version: "1".into(),
                    stand_in: true,
                },
            },
            architecture: "x86_64".into(),
            files: [(
                "root.img".to_owned(),
                FileEntry {
                    sha256: Sha256::digest(content).into(),
                    bytes: content.len() as u64,
                },
            )]
            .into(),
            verity: VerityTarget {
                data_blocks: 1,
                hash_start: 1,
                root_hash: [0; 32],
                salt: vec![],
            },
            versions: [].into(),
            minimum_box: MinimumBox::default(),
        };
        std::fs::write(folder.join("manifest.json"), manifest.to_json().unwrap()).unwrap();
    }

    fn publish(&self, name: &str, more: &[&str]) {
        let words = ["publish", name, "--ceremony", "c", "--repo", "r"];
        self.signed(&[&words[..], more].concat());
    }

    fn client(&self, words: &[&str]) -> bool {
        Command::new(env!("CARGO_BIN_EXE_tuf-conformance-client"))
            .current_dir(self.folder.path())
            .args(words)
            .output()
            .unwrap()
            .status
            .success()
    }

    fn begin_client(&self) {
        std::fs::create_dir(self.path("trusted")).unwrap();
        assert!(self.client(&["--metadata-dir", "trusted", "init", "c/root/1.root.json"]));
    }

    fn fetch(&self, repository: &str, target: &str) -> bool {
        let server = serve(&self.path(repository));
        let base = format!("http://{}", server.address);
        self.client(&[
            "--metadata-dir",
            "trusted",
            "--metadata-url",
            &format!("{base}/metadata"),
            "--target-base-url",
            &format!("{base}/targets"),
            "--target-name",
            target,
            "--target-dir",
            "fetched",
            "download",
        ])
    }
}

/// Serves a folder as it is.
fn serve(folder: &Path) -> Server {
    let server = Server::start();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            server.put(&name, std::fs::read(&path).unwrap());
        }
    }
    server
}

#[test]
fn a_release_goes_from_a_ceremony_to_a_client_and_on_a_stick_and_keys_are_rotated_on_the_way() {
    let ground = Ground::new();
    ground.init();
    ground.release("2026.11-1", 1_000, b"first root");
    ground.publish("2026.11-1", &["--percent", "10"]);
    ground.begin_client();
    assert!(ground.fetch("r", "releases/2026.11-1/root.img"));
    let fetched = ground.path("fetched/releases%2F2026.11-1%2Froot.img");
    assert_eq!(std::fs::read(&fetched).unwrap(), b"first root");

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
    assert!(ground.fetch("r", "releases/2026.12-1/root.img"));
    let root: Value =
        serde_json::from_slice(&std::fs::read(ground.path("trusted/root.json")).unwrap()).unwrap();
    assert_eq!(root["signed"]["version"], 2);

    std::fs::create_dir(ground.path("stick")).unwrap();
    ground.signed(&["stage", "--repo", "r", "--to", "stick"]);
    std::fs::remove_dir_all(ground.path("fetched")).unwrap();
    assert!(ground.fetch("stick/posto-repository", "releases/2026.12-1/root.img"));
    // The older one is not on it.
    assert!(!ground.fetch("stick/posto-repository", "releases/2026.11-1/root.img"));
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
    std::fs::write(ground.path("a/root.img"), b"b").unwrap();
    assert!(ground.refused(&publish).contains("sha256"));
    assert!(!ground.path("r/metadata/timestamp.json").exists());
    std::fs::write(ground.path("a/root.img"), b"a").unwrap();
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
    assert!(ground.fetch("r", "releases/a/root.img"));
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
        for ending in ["key", "pub"] {
            let from = ground.path(&format!("c/keys/{name}.{ending}"));
            std::fs::rename(from, ground.path(&format!("{stick}/{name}.{ending}"))).unwrap();
        }
    }
    let rotate = ["root", "rotate", "--ceremony", "c", "--keys", "s1"];
    assert!(ground.refused(&rotate).contains("1 of the 2 keys"));
    assert!(!ground.path("c/root/2.root.json").exists());
    ground.signed(&[&rotate[..], &["--keys", "s3"]].concat());
    assert!(ground.path("c/root/2.root.json").exists());
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
    assert!(ground.fetch("r", "releases/a/root.img"));
    assert!(!ground.fetch("r", "releases/b/root.img"));
    // And the publisher goes on from there.
    ground.publish("b", &[]);
    assert!(ground.fetch("r", "releases/b/root.img"));
}
