//! The client workflow of the TUF specification 1.0, sections 5.2 to 5.7: a state machine over bytes and time.
//! It asks for one file after the other and says what to keep; it reads and writes nothing itself.

use std::collections::BTreeMap;

use crate::bounds::Bounds;
use crate::envelope::{Envelope, RoleKeys};
use crate::hashes::Mismatch;
use crate::key::Key;
use crate::metadata::{Common, MetaFile, Metadata, Root, Snapshot, Targets, Timestamp};
use crate::role::{self, RoleName};

mod policy;
mod refusal;
mod root;
mod search;
mod snapshot;
mod targets;
mod timestamp;

pub use policy::{Expiry, Policy};
pub use refusal::Refusal;
pub use search::Found;

/// Something that has been verified: only the workflow makes it.
#[derive(Debug, Clone)]
pub struct Verified<T>(T);

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What was kept from earlier updates, unread. Whatever of it does not verify any more is not used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The newest root.
    pub root: Option<Vec<u8>>,
    /// The other roles' files.
    pub roles: BTreeMap<RoleName, Vec<u8>>,
}

/// A file that the workflow wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Of which role.
    pub role: RoleName,
    /// In which version; `None`: the file without a version in its name.
    pub version: Option<u64>,
    /// The longest that is read, bytes.
    pub max_bytes: u64,
}

impl Request {
    /// Its name in a repository's metadata folder, percent-encoded.
    #[must_use]
    pub fn file_name(&self) -> String {
        match self.version {
            Some(version) => format!("{version}.{}.json", self.role.encoded()),
            None => format!("{}.json", self.role.encoded()),
        }
    }
}

/// What became of a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The file; at most as long as asked for.
    File(Vec<u8>),
    /// The repository has no such file.
    Absent,
}

/// What to keep, in this order, before the workflow goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This root is the newest now.
    Root {
        /// Its version.
        version: u64,
        /// Its file.
        file: Vec<u8>,
    },
    /// This file of another role is trusted now.
    Role {
        /// The role.
        role: RoleName,
        /// Its file.
        file: Vec<u8>,
    },
    /// What is stored of this role is not trusted any more.
    Forget(RoleName),
    /// A signed time that is past.
    SignedTime(i64),
}

/// Metadata that is used although its time is over ([`Expiry::Warn`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Which.
    pub role: RoleName,
    /// When, unix seconds.
    pub expires_s: i64,
}

/// One update. Its time is fixed at the beginning (specification 5.1).
#[derive(Debug)]
pub struct Workflow {
    policy: Policy,
    now_s: i64,
    stage: Stage,
    stored: BTreeMap<RoleName, Vec<u8>>,
    opening: Vec<Change>,
    rotations: u32,
    root_is_fresh: bool,
    root: Verified<Root>,
    timestamp: Option<Verified<Timestamp>>,
    snapshot: Option<Verified<Snapshot>>,
    /// The top-level targets and the delegated ones, by role.
    targets: BTreeMap<RoleName, Verified<Targets>>,
    expired: Vec<Expired>,
}

#[derive(Debug)]
enum Stage {
    Root,
    Timestamp,
    Snapshot,
    Targets,
    /// The four roles are up to date.
    Ready,
    Search(search::Search),
    /// Something was refused: nothing more is asked, nothing is found.
    Refused,
}

impl Workflow {
    /// Begins an update from the root that the caller trusts without proof, or from the stored one if that is newer.
    /// `now_s` is the best known time, unix seconds.
    ///
    /// # Errors
    /// When the caller's root is not a root signed by itself.
    pub fn begin(
        anchor: &[u8],
        stored: Stored,
        policy: Policy,
        now_s: i64,
    ) -> Result<Self, Refusal> {
        // 5.2. Load trusted root.
        let mut root = root::trusted(anchor, &policy.bounds)?;
        let mut roles = stored.roles;
        let mut opening = Vec::new();
        let known = stored
            .root
            .and_then(|file| root::trusted(&file, &policy.bounds).ok());
        // What an emptied, truncated or older state holds never weakens the caller's root.
        match known {
            Some(known) if known.common().version > root.common().version => root = known,
            Some(known) if known.common().version == root.common().version => {}
            older => {
                opening.push(Change::Root {
                    version: root.common().version,
                    file: anchor.to_vec(),
                });
                // The caller's root is a step on from the stored one, as a fetched one would be.
                if let Some(older) = older {
                    opening.extend(root::forget(&root, &older, &mut roles));
                }
            }
        }
        Ok(Self {
            policy,
            now_s,
            stage: Stage::Root,
            stored: roles,
            opening,
            rotations: 0,
            root_is_fresh: false,
            root,
            timestamp: None,
            snapshot: None,
            targets: BTreeMap::new(),
            expired: Vec::new(),
        })
    }

    /// What to keep before anything is asked: the caller's root, where the stored one is older or gone. Once.
    #[must_use]
    pub fn opening(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.opening)
    }

    /// The next file that is wanted; `None` when the update (or the search) is at its end.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        let bounds = &self.policy.bounds;
        let (role, version, max_bytes) = match &self.stage {
            // 5.3.3: version N+1, never without its version.
            Stage::Root => (
                RoleName::new(role::ROOT),
                Some(self.root.common().version.saturating_add(1)),
                bounds.root_bytes,
            ),
            // 5.4.1: never with a version.
            Stage::Timestamp => (RoleName::new(role::TIMESTAMP), None, bounds.timestamp_bytes),
            // 5.5.1
            Stage::Snapshot => {
                let meta = &self.timestamp.as_ref()?.snapshot;
                (
                    RoleName::new(role::SNAPSHOT),
                    self.consistent(meta.version),
                    meta.length.unwrap_or(u64::MAX).min(bounds.snapshot_bytes),
                )
            }
            // 5.6.1
            Stage::Targets => return self.request_targets(&RoleName::new(role::TARGETS)),
            Stage::Search(search) => return self.request_targets(search.wanted()?),
            Stage::Ready | Stage::Refused => return None,
        };
        Some(Request {
            role,
            version,
            max_bytes,
        })
    }

    /// Takes what became of the request, and says what to keep.
    ///
    /// # Errors
    /// When it is refused: the update is at its end, what was kept stays trusted.
    pub fn answer(&mut self, answer: Answer) -> Result<Vec<Change>, Refusal> {
        let taken = self.take(answer);
        if taken.is_err() {
            self.stage = Stage::Refused;
        }
        taken
    }

    fn take(&mut self, answer: Answer) -> Result<Vec<Change>, Refusal> {
        let request = self.request().ok_or(Refusal::OutOfTurn)?;
        let file = match answer {
            Answer::File(file) if file.len() as u64 > request.max_bytes => {
                return Err(Refusal::TooLong {
                    role: request.role,
                    max_bytes: request.max_bytes,
                });
            }
            Answer::File(file) => Some(file),
            Answer::Absent => None,
        };
        match (&self.stage, file) {
            (Stage::Root, file) => self.take_root(file),
            (_, None) => Err(Refusal::Absent(request.role)),
            (Stage::Timestamp, Some(file)) => self.take_timestamp(file),
            (Stage::Snapshot, Some(file)) => self.take_snapshot(file),
            (Stage::Targets, Some(file)) => self.take_top_targets(file),
            (Stage::Search(_), Some(file)) => self.take_delegated(file),
            (Stage::Ready | Stage::Refused, _) => Err(Refusal::OutOfTurn),
        }
    }

    /// The root that all is verified by.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// The top-level targets, once the four roles are up to date.
    #[must_use]
    pub fn targets(&self) -> Option<&Verified<Targets>> {
        match self.stage {
            Stage::Ready | Stage::Search(_) => self.targets.get(&RoleName::new(role::TARGETS)),
            _ => None,
        }
    }

    /// What is used although its time is over. Empty: as fresh as the best known time can tell.
    #[must_use]
    pub fn expired(&self) -> &[Expired] {
        &self.expired
    }

    /// Name, version and expiry (unix seconds) of the four roles, as far as the update has come.
    #[must_use]
    pub fn editions(&self) -> Vec<(String, Common)> {
        let named = |name: &str, common: &Common| (name.to_owned(), common.clone());
        let mut editions = vec![named(role::ROOT, self.root.common())];
        editions.extend(
            self.timestamp
                .iter()
                .map(|timestamp| named(role::TIMESTAMP, timestamp.common())),
        );
        editions.extend(
            self.snapshot
                .iter()
                .map(|snapshot| named(role::SNAPSHOT, snapshot.common())),
        );
        editions.extend(
            self.targets()
                .map(|targets| named(role::TARGETS, targets.common())),
        );
        editions
    }

    /// The version in a file's name, where the repository is a consistent one (5.3.12).
    fn consistent(&self, version: u64) -> Option<u64> {
        self.root.consistent_snapshot.then_some(version)
    }

    /// The freeze attack's check: the fixed time of this update lies before the expiry.
    fn fresh(&mut self, role: &RoleName, expires_s: i64) -> Result<(), Refusal> {
        if self.now_s < expires_s {
            return Ok(());
        }
        match self.policy.expiry {
            Expiry::Refuse => Err(Refusal::Expired {
                role: role.clone(),
                expires_s,
                now_s: self.now_s,
            }),
            Expiry::Warn => {
                let expired = Expired {
                    role: role.clone(),
                    expires_s,
                };
                if !self.expired.contains(&expired) {
                    self.expired.push(expired);
                }
                Ok(())
            }
        }
    }
}

/// Reads a file and checks the arbitrary software attack: a threshold of those who may sign has signed.
fn signed<T: Metadata>(
    role: &RoleName,
    file: &[u8],
    keys: &BTreeMap<String, Key>,
    by: &RoleKeys,
    bounds: &Bounds,
) -> Result<T, Refusal> {
    let malformed = |why| Refusal::Malformed {
        role: role.clone(),
        why,
    };
    let envelope = Envelope::read(file, bounds).map_err(malformed)?;
    let metadata = T::read(&envelope).map_err(malformed)?;
    threshold(role, &envelope, keys, by)?;
    Ok(metadata)
}

fn threshold(
    role: &RoleName,
    envelope: &Envelope,
    keys: &BTreeMap<String, Key>,
    by: &RoleKeys,
) -> Result<(), Refusal> {
    let signers = envelope.signers(keys, by);
    if signers < by.threshold {
        return Err(Refusal::Threshold {
            role: role.clone(),
            signers,
            threshold: by.threshold,
        });
    }
    Ok(())
}

/// Whether the file is the one that was announced.
fn announced(role: &RoleName, meta: &MetaFile, file: &[u8]) -> Result<(), Refusal> {
    let mismatch = |why| Refusal::Mismatch {
        role: role.clone(),
        why,
    };
    let found = file.len() as u64;
    if let Some(said) = meta.length
        && said != found
    {
        return Err(mismatch(Mismatch::Length { said, found }));
    }
    match &meta.hashes {
        Some(hashes) => hashes.check(file).map_err(mismatch),
        None => Ok(()),
    }
}

fn same_version(role: &RoleName, found: u64, wanted: u64) -> Result<(), Refusal> {
    if found == wanted {
        return Ok(());
    }
    Err(Refusal::Version {
        role: role.clone(),
        found,
        wanted,
    })
}
