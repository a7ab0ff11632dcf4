//! A repository made in memory with the publisher's own code, and a server on loopback that serves it, or worse.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use posto_signing::hashes::Hashes;
use posto_signing::http::{HttpSource, Patience};
use posto_signing::metadata::TargetFile;
use posto_signing::publish::document::{self, Edition, Signatories};
use posto_signing::publish::signer::{Scheme, Signer};
use posto_signing::state::TrustedState;
use posto_signing::update::{self, UpdateError};
use posto_signing::workflow::{Policy, Workflow};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The time of the tests' updates, unix seconds.
pub(crate) const NOW_S: i64 = 1_800_000_000;
pub(crate) const DAY_S: i64 = 86_400;

pub(crate) fn key() -> Signer {
    Signer::generate(Scheme::Ed25519).unwrap()
}

/// Keys of a role, and how many must sign.
pub(crate) struct Role {
    pub(crate) keys: Vec<Signer>,
    pub(crate) threshold: u64,
}

impl Role {
    pub(crate) fn of(count: usize, threshold: u64) -> Self {
        Self {
            keys: (0..count).map(|_| key()).collect(),
            threshold,
        }
    }

    pub(crate) fn signatories(&self) -> Signatories {
        Signatories {
            keys: self.keys.iter().map(|key| key.public().unwrap()).collect(),
            threshold: self.threshold,
        }
    }
}

/// A repository. Its fields are changed by the tests; `publish` signs what they say.
pub(crate) struct Made {
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) versions: BTreeMap<String, u64>,
    pub(crate) expires_s: BTreeMap<String, i64>,
    pub(crate) targets: BTreeMap<String, TargetFile>,
    pub(crate) delegations: Option<Value>,
    /// Delegated roles in the snapshot, by file name.
    pub(crate) delegated: BTreeMap<String, Value>,
    pub(crate) issued_s: i64,
    pub(crate) first_root: Vec<u8>,
    pub(crate) server: Server,
}

impl Made {
    pub(crate) fn new() -> Self {
        let roles = ["root", "timestamp", "snapshot", "targets"];
        let mut made = Self {
            roles: roles.map(|role| (role.to_owned(), Role::of(1, 1))).into(),
            versions: roles.map(|role| (role.to_owned(), 0)).into(),
            expires_s: roles
                .map(|role| (role.to_owned(), NOW_S + 30 * DAY_S))
                .into(),
            targets: BTreeMap::new(),
            delegations: None,
            delegated: BTreeMap::new(),
            issued_s: NOW_S,
            first_root: Vec::new(),
            server: Server::start(),
        };
        made.root(&[]);
        made.first_root = made.server.file("metadata/1.root.json");
        made.publish();
        made
    }

    fn edition(&mut self, role: &str) -> Edition {
        let version = self.versions.get_mut(role).unwrap();
        *version += 1;
        Edition {
            version: *version,
            expires_s: self.expires_s[role],
        }
    }

    /// The next root, signed by its own keys and these.
    pub(crate) fn root(&mut self, also: &[&Signer]) {
        let edition = self.edition("root");
        let signatories = self
            .roles
            .iter()
            .map(|(name, role)| (name.clone(), role.signatories()))
            .collect();
        let signed = document::root(edition, &signatories).unwrap();
        let signers = self.roles["root"].keys.iter().chain(also.iter().copied());
        let file = document::sign(&signed, signers).unwrap();
        self.server
            .put(&format!("metadata/{}.root.json", edition.version), file);
    }

    /// New keys for a role, trusted from the next root on.
    pub(crate) fn rotate(&mut self, role: &str) {
        let (count, threshold) = {
            let old = &self.roles[role];
            (old.keys.len(), old.threshold)
        };
        let old = self
            .roles
            .insert(role.to_owned(), Role::of(count, threshold))
            .unwrap();
        let also: Vec<&Signer> = if role == "root" {
            old.keys.iter().collect()
        } else {
            Vec::new()
        };
        self.root(&also);
    }

    pub(crate) fn sign(&self, role: &str, signed: &Value) -> Vec<u8> {
        document::sign(signed, &self.roles[role].keys).unwrap()
    }

    /// Targets, snapshot and timestamp, each one version on.
    pub(crate) fn publish(&mut self) {
        self.publish_targets();
        self.publish_snapshot();
    }

    pub(crate) fn publish_targets(&mut self) {
        let edition = self.edition("targets");
        let mut signed = document::targets(edition, &self.targets).unwrap();
        if let Some(delegations) = &self.delegations {
            signed["delegations"] = delegations.clone();
        }
        let file = self.sign("targets", &signed);
        self.server
            .put(&format!("metadata/{}.targets.json", edition.version), file);
    }

    pub(crate) fn publish_snapshot(&mut self) {
        let targets_version = self.versions["targets"];
        let targets = self
            .server
            .file(&format!("metadata/{targets_version}.targets.json"));
        let edition = self.edition("snapshot");
        let mut files = self.delegated.clone();
        files.insert(
            "targets.json".to_owned(),
            document::meta(targets_version, &targets),
        );
        let file = self.sign("snapshot", &document::snapshot(edition, &files).unwrap());
        self.server
            .put(&format!("metadata/{}.snapshot.json", edition.version), file);
        self.publish_timestamp();
    }

    pub(crate) fn publish_timestamp(&mut self) {
        let version = self.versions["snapshot"];
        let snapshot = self
            .server
            .file(&format!("metadata/{version}.snapshot.json"));
        let edition = self.edition("timestamp");
        let meta = document::meta(version, &snapshot);
        let signed = document::timestamp(edition, meta, self.issued_s).unwrap();
        let file = self.sign("timestamp", &signed);
        self.server.put("metadata/timestamp.json", file);
    }

    pub(crate) fn add_target(&mut self, path: &str, content: &[u8]) {
        let file = target(content);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let slash = if folder.is_empty() { "" } else { "/" };
        let hash = file.hashes.naming().unwrap().to_owned();
        self.targets.insert(path.to_owned(), file);
        self.server.put(
            &format!("targets/{folder}{slash}{hash}.{name}"),
            content.to_vec(),
        );
    }

    /// A delegated role that `delegations` names, in the snapshot from the next one on.
    pub(crate) fn delegate(
        &mut self,
        name: &str,
        version: u64,
        targets: &BTreeMap<String, TargetFile>,
        by: &Signer,
    ) {
        let edition = Edition {
            version,
            expires_s: NOW_S + 30 * DAY_S,
        };
        let signed = document::targets(edition, targets).unwrap();
        let file = document::sign(&signed, [by]).unwrap();
        self.delegated
            .insert(format!("{name}.json"), document::meta(version, &file));
        let encoded = posto_signing::role::encode(name);
        self.server
            .put(&format!("metadata/{version}.{encoded}.json"), file);
    }

    pub(crate) fn source(&self) -> HttpSource {
        self.source_with(Patience::default())
    }

    pub(crate) fn source_with(&self, patience: Patience) -> HttpSource {
        let base = format!("http://{}", self.server.address);
        HttpSource::new(
            &format!("{base}/metadata"),
            Some(&format!("{base}/targets/")),
            patience,
        )
    }

    /// One update over the socket, from the first root, at this time.
    pub(crate) fn update_at(
        &self,
        state: &mut dyn TrustedState,
        policy: Policy,
        now_s: i64,
    ) -> Result<Workflow, UpdateError> {
        self.update_from(&self.first_root, state, policy, now_s)
    }

    pub(crate) fn update_from(
        &self,
        anchor: &[u8],
        state: &mut dyn TrustedState,
        policy: Policy,
        now_s: i64,
    ) -> Result<Workflow, UpdateError> {
        let stored = state.load(&policy.bounds)?;
        let mut workflow = Workflow::begin(anchor, stored, policy, now_s)?;
        update::refresh(&mut workflow, &mut self.source(), state)?;
        Ok(workflow)
    }

    pub(crate) fn update(&self, state: &mut dyn TrustedState) -> Result<Workflow, UpdateError> {
        self.update_at(state, Policy::strict(), NOW_S)
    }
}

pub(crate) fn target(content: &[u8]) -> TargetFile {
    let hash: [u8; 32] = Sha256::digest(content).into();
    TargetFile {
        length: content.len() as u64,
        hashes: Hashes::sha256(&hash),
        custom: Value::Null,
    }
}

/// A delegation to one key.
pub(crate) fn delegation(name: &str, paths: &[&str], by: &Signer, terminating: bool) -> Value {
    json!({"name": name, "keyids": [by.public().unwrap().id], "threshold": 1, "paths": paths, "terminating": terminating})
}

pub(crate) fn delegations(roles: &[Value], by: &[&Signer]) -> Value {
    let keys: BTreeMap<String, Value> = by
        .iter()
        .map(|key| {
            let public = key.public().unwrap();
            (public.id, public.object)
        })
        .collect();
    json!({"keys": keys, "roles": roles})
}

/// What the server says to a path.
#[derive(Clone)]
pub(crate) enum Said {
    File(Vec<u8>),
    /// Zeros without end.
    Endless,
    /// Says so many bytes, sends these, and hangs up.
    Short(u64, Vec<u8>),
    /// Sends this much and then nothing, until the client hangs up.
    Silent(Vec<u8>),
    Redirect(String),
    Status(u16),
}

/// A web server on loopback.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<BTreeMap<String, Said>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            said: Arc::default(),
            asked: Arc::default(),
        };
        let (said, asked) = (server.said.clone(), server.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (said, asked) = (said.clone(), asked.clone());
                std::thread::spawn(move || answer(stream, &said, &asked));
            }
        });
        server
    }

    pub(crate) fn put(&self, path: &str, content: Vec<u8>) {
        self.say(path, Said::File(content));
    }

    pub(crate) fn say(&self, path: &str, said: Said) {
        self.said.lock().unwrap().insert(path.to_owned(), said);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.said.lock().unwrap().remove(path);
    }

    pub(crate) fn file(&self, path: &str) -> Vec<u8> {
        match self.said.lock().unwrap().get(path) {
            Some(Said::File(content)) => content.clone(),
            _ => panic!("{path} is no file"),
        }
    }

    /// All files, as they are now.
    pub(crate) fn picture(&self) -> BTreeMap<String, Said> {
        self.said.lock().unwrap().clone()
    }

    /// Serves an earlier picture.
    pub(crate) fn show(&self, picture: BTreeMap<String, Said>) {
        *self.said.lock().unwrap() = picture;
    }

    /// Paths asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn answer(mut stream: TcpStream, said: &Mutex<BTreeMap<String, Said>>, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    let mut line = String::new();
    let _ = reader.read_line(&mut first);
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        line.clear();
    }
    let Some(path) = first
        .split(' ')
        .nth(1)
        .map(|path| path.trim_start_matches('/'))
    else {
        return;
    };
    asked.lock().unwrap().push(path.to_owned());
    let said = said.lock().unwrap().get(path).cloned();
    let head =
        |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{more}Connection: close\r\n\r\n");
    let length = |count: u64| format!("Content-Length: {count}\r\n");
    let _ = match said {
        None => stream.write_all(head("404 Not Found", &length(0)).as_bytes()),
        Some(Said::Status(status)) => {
            stream.write_all(head(&format!("{status} No"), &length(0)).as_bytes())
        }
        Some(Said::Redirect(to)) => stream
            .write_all(head("302 Found", &format!("Location: {to}\r\n{}", length(0))).as_bytes()),
        Some(Said::File(content)) => stream
            .write_all(head("200 OK", &length(content.len() as u64)).as_bytes())
            .and_then(|()| stream.write_all(&content)),
        Some(Said::Short(claimed, content)) => stream
            .write_all(head("200 OK", &length(claimed)).as_bytes())
            .and_then(|()| stream.write_all(&content)),
        Some(Said::Endless) => {
            let mut sent = stream.write_all(head("200 OK", "").as_bytes());
            while sent.is_ok() {
                sent = stream.write_all(&[b' '; 65_536]);
            }
            Ok(())
        }
        Some(Said::Silent(content)) => stream
            .write_all(head("200 OK", &length(1 << 20)).as_bytes())
            .and_then(|()| stream.write_all(&content))
            .and_then(|()| {
                let mut rest = Vec::new();
                reader.read_to_end(&mut rest).map(|_| ())
            }),
    };
}

/// A mirror that is waited for only shortly.
pub(crate) fn impatient() -> Patience {
    Patience {
        connect: Duration::from_millis(500),
        metadata: Duration::from_millis(500),
        target: Duration::from_millis(500),
    }
}
