//! A repository made in memory with the publisher's own code, and a server on loopback that serves it, or worse.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use posto_signing::fetch::{Around, FetchError, Offer, Partial, Pieces, Progress, fetch};
use posto_signing::hashes::Hashes;
use posto_signing::http::{Authorities, HttpSource, Patience};
use posto_signing::metadata::TargetFile;
use posto_signing::publish::document::{self, Edition, Signatories};
use posto_signing::publish::signer::{Scheme, Signer};
use posto_signing::role::RoleName;
use posto_signing::source::{Source, TargetPath};
use posto_signing::state::{MemoryState, TrustedState};
use posto_signing::update::{self, UpdateError};
use posto_signing::workflow::{Policy, Refusal, Workflow};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use server::{Said, Server};

/// The time of the tests' updates, unix seconds.
pub(crate) const NOW_S: i64 = 1_800_000_000;
pub(crate) const DAY_S: i64 = 86_400;

/// Fetches from one source that costs, without waiting and without bounds.
pub(crate) fn fetch_from(
    source: &mut dyn Source,
    path: &TargetPath,
    pieces: &Pieces,
    partial: &mut Partial,
) -> Result<Progress, FetchError> {
    let mut offers = [Offer {
        source,
        costs: true,
    }];
    let mut around = Around {
        pause: &mut |_: Duration| {},
        random: &mut || 0,
        may: &mut |_| true,
        say: &mut |_| {},
    };
    fetch(path, pieces, partial, &mut offers, &mut around)
}

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
            &Authorities::Public,
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

/// A mirror that is waited for only shortly.
pub(crate) fn impatient() -> Patience {
    Patience {
        connect: Duration::from_millis(500),
        metadata: Duration::from_millis(500),
        target: Duration::from_millis(500),
    }
}

pub(crate) fn state() -> MemoryState {
    MemoryState::default()
}

pub(crate) fn version(state: &MemoryState, role: &str) -> u64 {
    let file = match role {
        "root" => state.stored.root.as_ref(),
        _ => state.stored.roles.get(&RoleName::new(role)),
    };
    file.map_or(0, |file| {
        let file: Value = serde_json::from_slice(file).unwrap();
        file["signed"]["version"].as_u64().unwrap()
    })
}

pub(crate) fn refused(result: Result<Workflow, UpdateError>) -> Refusal {
    match result {
        Err(UpdateError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}
