//! Ceremonies of the root: made on a computer without a network, in a folder with `keys/` and `root/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::document::{self, Edition, Signatories};
use super::key_file::{self, KeyRing};
use super::keys::Keys;
use super::signer::{PublicKey, Scheme, Signer};
use crate::bounds::Bounds;
use crate::durable;
use crate::envelope::Envelope;
use crate::metadata::Metadata;
use crate::role::{ROOT, SNAPSHOT, TARGETS, TIMESTAMP};
use crate::workflow::{Answer, Policy, Stored, Workflow};

mod error;

pub use error::CeremonyError;

/// Most keys of one role.
const MOST_KEYS: u64 = 20;

/// A ceremony's folder.
#[derive(Debug, Clone)]
pub struct Ceremony {
    folder: PathBuf,
}

/// The roots of a ceremony, each proven by the one before.
#[derive(Debug, Clone)]
pub struct Roots {
    /// By version, from 1.
    pub files: Vec<Vec<u8>>,
    /// Who may sign, by the newest.
    pub roles: BTreeMap<String, Signatories>,
    /// When the newest expires, unix seconds.
    pub expires_s: i64,
}

impl Roots {
    /// Ids of all keys that were ever named, for one role or any: what was revoked is not taken again.
    fn ids(&self, role: Option<&str>) -> BTreeSet<String> {
        let roles = self.files.iter().filter_map(|file| signatories(file));
        let named = roles
            .flatten()
            .filter(|(name, _)| role.is_none_or(|role| role == name));
        named
            .flat_map(|(_, who)| who.keys)
            .map(|key| key.id)
            .collect()
    }

    /// The first root: what clients begin with.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.files.first().map(Vec::as_slice).unwrap_or_default()
    }
}

/// How many keys, and how many of them are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    /// Needed.
    pub threshold: u64,
    /// Of so many.
    pub keys: u64,
}

/// What a ceremony is going to do; printed by `--dry-run`, done otherwise.
#[derive(Debug, Clone)]
pub struct CeremonyPlan {
    /// The version that is made.
    pub version: u64,
    /// When it expires, unix seconds.
    pub expires_s: i64,
    /// Keys that are made, or taken from tokens, and for which role.
    pub new_keys: Vec<(String, String)>,
    /// Those of them that were noted to be on tokens, by name.
    pub noted: BTreeMap<String, PublicKey>,
    /// Keys that are not trusted any more.
    pub revoked: Vec<String>,
    /// The quorum of each role.
    pub quorums: BTreeMap<String, u64>,
    scheme: Scheme,
    kept: BTreeMap<String, Vec<PublicKey>>,
    before: Option<Signatories>,
}

impl Ceremony {
    /// The ceremony in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
    }

    /// Where its keys are.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    fn root(&self, version: usize) -> PathBuf {
        self.folder
            .join("root")
            .join(format!("{version}.root.json"))
    }

    /// All roots, each verified by the one before.
    ///
    /// # Errors
    /// When there is none, or one does not follow.
    pub fn roots(&self) -> Result<Roots, CeremonyError> {
        let bounds = Bounds::default();
        let read = |version| durable::read(&self.root(version), bounds.root_bytes);
        let first = read(1)?.ok_or_else(|| CeremonyError::NotBegun(self.folder.clone()))?;
        let proven = |version, why| CeremonyError::Root {
            path: self.root(version),
            why,
        };
        let mut workflow = Workflow::begin(&first, Stored::default(), Policy::of_a_box(), 0)
            .map_err(|why| proven(1, why))?;
        let mut files = vec![first];
        while let Some(next) = read(files.len() + 1)? {
            workflow
                .answer(Answer::File(next.clone()))
                .map_err(|why| proven(files.len() + 1, why))?;
            files.push(next);
        }
        let path = self.root(files.len());
        let roles = files
            .last()
            .and_then(|file| signatories(file))
            .ok_or(CeremonyError::Unreadable(path))?;
        Ok(Roots {
            roles,
            expires_s: workflow.root().common().expires_s,
            files,
        })
    }

    /// What `init` does.
    ///
    /// # Errors
    /// When there is a root already, or a quorum cannot be.
    pub fn plan_init(
        &self,
        ring: &KeyRing,
        quorums: &BTreeMap<String, Quorum>,
        scheme: Scheme,
        expires_s: i64,
    ) -> Result<CeremonyPlan, CeremonyError> {
        if self.root(1).exists() {
            return Err(CeremonyError::Begun(self.folder.clone()));
        }
        let mut new_keys = Vec::new();
        for (role, Quorum { threshold, keys }) in quorums {
            if *threshold == 0 || threshold > keys || *keys > MOST_KEYS {
                return Err(CeremonyError::Threshold {
                    role: role.clone(),
                    keys: *keys,
                    threshold: *threshold,
                });
            }
            new_keys.extend((1..=*keys).map(|number| (role.clone(), format!("{role}-{number}"))));
        }
        Ok(CeremonyPlan {
            version: 1,
            expires_s,
            noted: noted(ring, &new_keys),
            new_keys,
            revoked: Vec::new(),
            quorums: quorums
                .iter()
                .map(|(role, quorum)| (role.clone(), quorum.threshold))
                .collect(),
            scheme,
            kept: BTreeMap::new(),
            before: None,
        })
    }

    /// What `root rotate` does: the keys of these names (or ids, where nothing else is left of them) are replaced by new ones of the same roles; with none, only the
    /// expiry moves.
    ///
    /// # Errors
    /// When there is no root, or a name is no key of it.
    pub fn plan_rotation(
        &self,
        roots: &Roots,
        ring: &KeyRing,
        replace: &[String],
        scheme: Scheme,
        expires_s: i64,
    ) -> Result<CeremonyPlan, CeremonyError> {
        let mut kept: BTreeMap<String, Vec<PublicKey>> = BTreeMap::new();
        let mut new_keys = Vec::new();
        let mut unused: Vec<&String> = replace.iter().collect();
        for (role, signatories) in &roots.roles {
            let kept = kept.entry(role.clone()).or_default();
            for key in &signatories.keys {
                let name = replace.iter().find(|name| {
                    let named = ring.named(name).map(|named| &named.id);
                    named.unwrap_or(name) == &key.id
                });
                match name {
                    Some(name) => {
                        unused.retain(|left| *left != name);
                        let taken: Vec<String> = new_keys
                            .iter()
                            .map(|(_, name): &(_, String)| name.clone())
                            .collect();
                        new_keys.push((role.clone(), self.free_name(role, &taken, ring, roots)));
                    }
                    None => kept.push(key.clone()),
                }
            }
        }
        if let Some(name) = unused.first() {
            return Err(CeremonyError::NoSuchKey((*name).clone()));
        }
        Ok(CeremonyPlan {
            version: roots.files.len() as u64 + 1,
            expires_s,
            noted: noted(ring, &new_keys),
            new_keys,
            revoked: replace.to_vec(),
            quorums: roots
                .roles
                .iter()
                .map(|(role, signatories)| (role.clone(), signatories.threshold))
                .collect(),
            scheme,
            kept,
            before: roots.roles.get(ROOT).cloned(),
        })
    }

    /// The next name of a role's key: of one that was noted to be on a token and is in no root yet, else a number that none had.
    fn free_name(&self, role: &str, taken: &[String], ring: &KeyRing, roots: &Roots) -> String {
        let name = |number: usize| format!("{role}-{number}");
        let known = roots.ids(None);
        let noted = |name: &String| {
            let key = ring.noted(name);
            key.is_some_and(|key| !known.contains(&key.id)) && !taken.contains(name)
        };
        // A key that was carried away with its public half still has its number.
        let had = roots.ids(Some(role)).len();
        let free = |name: &String| {
            let mut endings = ["key", "pub"].iter();
            let there = endings.any(|ending| self.keys().join(format!("{name}.{ending}")).exists());
            !there && !taken.contains(name) && ring.named(name).is_none()
        };
        (1..=had + MOST_KEYS as usize)
            .map(name)
            .find(noted)
            .or_else(|| (had + 1..).map(name).find(free))
            .unwrap_or_default()
    }

    /// Does it: makes the keys, signs the root with as many of the old and the new keys as are needed, writes it last.
    /// `work` is that of the new keys ([`key_file::DEFAULT_WORK`]). Returns the root's path.
    ///
    /// # Errors
    /// When there are too few keys, or the disk refuses. Without the root, the new keys sign nothing.
    pub fn execute(
        &self,
        plan: &CeremonyPlan,
        keys: &mut Keys,
        work: u8,
    ) -> Result<PathBuf, CeremonyError> {
        durable::directory(&self.keys())?;
        durable::directory(&self.folder.join("root"))?;
        let mut roles = plan.kept.clone();
        // Opened before anything is made: too few old keys end here.
        if let Some(before) = &plan.before {
            keys.open_enough(ROOT, before)?;
        }
        for (role, name) in &plan.new_keys {
            if let Some(key) = plan.noted.get(name) {
                roles.entry(role.clone()).or_default().push(key.clone());
                continue;
            }
            let passphrase = keys.passphrases().new_key(name)?;
            let signer = Signer::generate(plan.scheme)?;
            let public = key_file::seal(&self.keys(), name, &signer, &passphrase, work)?;
            keys.add(signer)?;
            roles.entry(role.clone()).or_default().push(public);
        }
        let roles: BTreeMap<String, Signatories> = plan
            .quorums
            .iter()
            .map(|(role, threshold)| {
                let keys = roles.remove(role).unwrap_or_default();
                let threshold = *threshold;
                (role.clone(), Signatories { keys, threshold })
            })
            .collect();
        let edition = Edition {
            version: plan.version,
            expires_s: plan.expires_s,
        };
        let signed = document::root(edition, &roles)?;
        let mut who: Vec<&Signatories> = plan.before.iter().collect();
        who.extend(roles.get(ROOT));
        let file = keys.sign(ROOT, &who, &signed)?;
        let path = self.root(usize::try_from(plan.version).unwrap_or(usize::MAX));
        // Whoever reads it verifies it; so does he who makes it, before it has its name.
        Workflow::begin(&file, Stored::default(), Policy::of_a_box(), 0).map_err(|why| {
            CeremonyError::Root {
                path: path.clone(),
                why,
            }
        })?;
        durable::write(&path, &file, 0o644)?;
        Ok(path)
    }
}

fn noted(ring: &KeyRing, new_keys: &[(String, String)]) -> BTreeMap<String, PublicKey> {
    let noted = |(_, name): &(String, String)| Some((name.clone(), ring.noted(name)?.clone()));
    new_keys.iter().filter_map(noted).collect()
}

/// The four roles' signatories in a root file.
fn signatories(file: &[u8]) -> Option<BTreeMap<String, Signatories>> {
    #[derive(Deserialize)]
    struct Wire {
        keys: BTreeMap<String, Value>,
        roles: BTreeMap<String, Role>,
    }
    #[derive(Deserialize)]
    struct Role {
        keyids: Vec<String>,
        threshold: u64,
    }
    let envelope = Envelope::read(file, &Bounds::default()).ok()?;
    let wire = Wire::deserialize(&envelope.signed).ok()?;
    let mut roles = BTreeMap::new();
    for name in [ROOT, TIMESTAMP, SNAPSHOT, TARGETS] {
        let role = wire.roles.get(name)?;
        let keys = role
            .keyids
            .iter()
            .map(|id| {
                Some(PublicKey {
                    id: id.clone(),
                    object: wire.keys.get(id)?.clone(),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        let threshold = role.threshold;
        roles.insert(name.to_owned(), Signatories { keys, threshold });
    }
    Some(roles)
}
