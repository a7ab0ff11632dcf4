//! A folder with a ceremony, release directories and a repository, and both programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use posto_release::identity::{Distro, ReleaseIdentity};
use posto_release::manifest::{FORMAT, FileEntry, Manifest, MinimumBox};
use posto_release::verity::VerityTarget;
use sha2::{Digest, Sha256};

use crate::made::Server;

pub(crate) struct Ground {
    folder: tempfile::TempDir,
    /// For the publisher's tool, besides.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("passphrase"), "correct horse\n").unwrap();
        Self {
            folder,
            environment: Vec::new(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// New keys are cheap to open here: the tests open them often.
    pub(crate) fn sign(&self, words: &[&str]) -> Output {
        let makes_keys = matches!(words.first(), Some(&"init" | &"root"));
        let cheap: &[&str] = if makes_keys {
            &["--scrypt-work", "14"]
        } else {
            &[]
        };
        Command::new(env!("CARGO_BIN_EXE_posto-sign"))
            .current_dir(self.folder.path())
            .env("POSTO_SIGN_PASSPHRASE_FILE", self.path("passphrase"))
            .envs(self.environment.iter().cloned())
            .args(words)
            .args(cheap)
            .output()
            .unwrap()
    }

    pub(crate) fn signed(&self, words: &[&str]) -> String {
        let output = self.sign(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.sign(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn init(&self) {
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

    /// A release directory whose images are made of `content`.
    pub(crate) fn release(&self, name: &str, built: u64, content: &[u8]) {
        let folder = self.path(name);
        std::fs::create_dir(&folder).unwrap();
        let mut files = std::collections::BTreeMap::new();
        for (number, file) in ["root.erofs", "vmlinuz", "initrd.img"].iter().enumerate() {
            let content = [content, &[number as u8]].concat();
            let entry = FileEntry {
                sha256: Sha256::digest(&content).into(),
                bytes: content.len() as u64,
            };
            files.insert((*file).to_owned(), entry);
            std::fs::write(folder.join(file), content).unwrap();
        }
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
            files,
            verity: VerityTarget {
                data_blocks: 1,
                hash_start: 1,
                root_hash: Sha256::digest(content).into(),
                salt: vec![],
            },
            versions: [].into(),
            minimum_box: MinimumBox::default(),
        };
        std::fs::write(folder.join("manifest.json"), manifest.to_json().unwrap()).unwrap();
    }

    pub(crate) fn publish(&self, name: &str, more: &[&str]) {
        let words = ["publish", name, "--ceremony", "c", "--repo", "r"];
        self.signed(&[&words[..], more].concat());
    }

    pub(crate) fn client(&self, words: &[&str]) -> bool {
        Command::new(env!("CARGO_BIN_EXE_tuf-conformance-client"))
            .current_dir(self.folder.path())
            .args(words)
            .output()
            .unwrap()
            .status
            .success()
    }

    pub(crate) fn begin_client(&self) {
        std::fs::create_dir(self.path("trusted")).unwrap();
        assert!(self.client(&["--metadata-dir", "trusted", "init", "c/root/1.root.json"]));
    }

    pub(crate) fn fetch(&self, repository: &str, target: &str) -> bool {
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
pub(crate) fn serve(folder: &Path) -> Server {
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
