//! A repository of static files: read with the client's own eyes, changed by one new edition, the timestamp last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use posto_release::manifest::{Manifest, SIZE_LIMIT_BYTES};
use serde_json::Value;

use super::ceremony::Roots;
use super::document::{self, Edition};
use super::keys::Keys;
use super::patch::Base;
use super::release::{self, Copy, Release, ReleaseError};
use crate::bounds::Bounds;
use crate::durable;
use crate::metadata::{Common, TargetFile};
use crate::role::{RoleName, SNAPSHOT, TARGETS, TIMESTAMP};
use crate::rollout::{self, Rollout};
use crate::source::{FolderSource, Source, SourceError, TargetPath};
use crate::state::MemoryState;
use crate::update::{self, UpdateError};
use crate::workflow::{Answer, Expired, Policy, Request, Stored, Workflow};

mod error;
mod publication;

pub use error::RepositoryError;
pub use publication::Publication;

/// For how long each file is good, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of targets.
    pub targets_s: i64,
    /// Of the snapshot.
    pub snapshot_s: i64,
    /// Of the timestamp.
    pub timestamp_s: i64,
}

/// A repository as its clients see it.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
    /// Versions of timestamp, snapshot, targets; 0 before the first.
    versions: [u64; 3],
    /// The targets file.
    targets_file: Vec<u8>,
    /// Its files.
    pub targets: BTreeMap<String, TargetFile>,
    /// What of it has expired.
    pub expired: Vec<Expired>,
    /// Name, version and expiry of each role.
    pub roles: Vec<(String, Common)>,
    stored: Stored,
}

impl Repository {
    /// Reads the repository in `folder` from this first root on, at the time `now_s`. An empty folder is an
    /// empty repository.
    ///
    /// # Errors
    /// When it is not in order.
    pub fn open(folder: &Path, first: &[u8], now_s: i64) -> Result<Self, RepositoryError> {
        let mut empty = Self {
            folder: folder.to_path_buf(),
            versions: [0; 3],
            targets_file: Vec::new(),
            targets: BTreeMap::new(),
            expired: Vec::new(),
            roles: Vec::new(),
            stored: Stored::default(),
        };
        let metadata = folder.join("metadata");
        if !metadata.join("timestamp.json").exists() {
            let some = std::fs::read_dir(&metadata).is_ok_and(|mut entries| {
                entries.any(|entry| {
                    entry.is_ok_and(|entry| {
                        entry.path().to_string_lossy().ends_with(".snapshot.json")
                    })
                })
            });
            return if some {
                Err(RepositoryError::NoTimestamp(folder.to_path_buf()))
            } else {
                Ok(empty)
            };
        }
        let present = |why| RepositoryError::Present {
            folder: folder.to_path_buf(),
            why: Box::new(why),
        };
        let mut state = MemoryState::default();
        let mut source = FolderSource::new(folder);
        let workflow =
            walk(first, &mut source, &mut state, Policy::of_a_box(), now_s).map_err(present)?;
        let targets = workflow.targets().ok_or(RepositoryError::Role(TARGETS))?;
        if targets.delegations.is_some() {
            return Err(RepositoryError::Delegations);
        }
        empty.targets = targets.targets.clone();
        empty.expired = workflow.expired().to_vec();
        empty.roles = workflow.editions();
        for (name, edition) in &empty.roles {
            let at = [TIMESTAMP, SNAPSHOT, TARGETS]
                .iter()
                .position(|role| role == name);
            if let Some(version) = at.and_then(|at| empty.versions.get_mut(at)) {
                *version = edition.version;
            }
        }
        empty.targets_file = state
            .stored
            .roles
            .get(&RoleName::new(TARGETS))
            .cloned()
            .unwrap_or_default();
        empty.stored = state.stored;
        Ok(empty)
    }

    /// Signs the next edition: with `targets`, new targets, snapshot and timestamp; without, the same targets once more
    /// under a new snapshot and timestamp.
    ///
    /// # Errors
    /// When there are too few keys, or clients would refuse it.
    pub fn sign(
        &self,
        targets: Option<&BTreeMap<String, TargetFile>>,
        copies: Vec<Copy>,
        roots: &Roots,
        keys: &mut Keys,
        lifetimes: Lifetimes,
        now_s: i64,
    ) -> Result<Publication, RepositoryError> {
        let [timestamp_before, snapshot_before, targets_before] = self.versions;
        let mut sign = |role: &'static str, signed: &Value| {
            let who = roots.roles.get(role).ok_or(RepositoryError::Role(role))?;
            Ok::<_, RepositoryError>(keys.sign(role, &[who], signed)?)
        };
        let mut metadata: Vec<(String, Vec<u8>)> = (1_usize..)
            .zip(&roots.files)
            .map(|(version, file)| (format!("{version}.root.json"), file.clone()))
            .collect();
        let next = |before: u64, lifetime_s: i64| Edition {
            version: before + 1,
            expires_s: now_s.saturating_add(lifetime_s),
        };
        let (targets_version, targets_file) = match targets {
            Some(targets) => {
                let edition = next(targets_before, lifetimes.targets_s);
                let file = sign(TARGETS, &document::targets(edition, targets)?)?;
                metadata.push((format!("{}.targets.json", edition.version), file.clone()));
                (edition.version, file)
            }
            None => (targets_before, self.targets_file.clone()),
        };
        let edition = next(snapshot_before, lifetimes.snapshot_s);
        let files = BTreeMap::from([(
            "targets.json".to_owned(),
            document::meta(targets_version, &targets_file),
        )]);
        let snapshot = sign(SNAPSHOT, &document::snapshot(edition, &files)?)?;
        let meta = document::meta(edition.version, &snapshot);
        metadata.push((format!("{}.snapshot.json", edition.version), snapshot));
        let edition = next(timestamp_before, lifetimes.timestamp_s);
        let timestamp = sign(TIMESTAMP, &document::timestamp(edition, meta, now_s)?)?;
        metadata.push(("timestamp.json".to_owned(), timestamp));
        let publication = Publication { copies, metadata };
        // As a client that knows the present edition, and as one that knows nothing.
        for stored in [self.stored.clone(), Stored::default()] {
            let mut source = Overlay {
                new: &publication.metadata,
                below: FolderSource::new(&self.folder),
            };
            let mut state = MemoryState {
                stored,
                signed_time_s: None,
            };
            walk(
                roots.first(),
                &mut source,
                &mut state,
                Policy::strict(),
                now_s,
            )
            .map_err(|why| RepositoryError::Next(Box::new(why)))?;
        }
        Ok(publication)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether nothing has been published yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets_file.is_empty()
    }

    /// The releases, the oldest first.
    #[must_use]
    pub fn releases(&self) -> Vec<Rollout> {
        rollout::among(&self.targets)
    }

    /// Whether there is a release of this name.
    #[must_use]
    pub fn has(&self, release: &str) -> bool {
        self.targets.contains_key(&rollout::manifest_path(release))
    }

    /// The manifest of a published release.
    ///
    /// # Errors
    /// When there is none, or what lies in the repository is not what was signed.
    pub fn manifest(&self, release: &str) -> Result<Manifest, RepositoryError> {
        let path = rollout::manifest_path(release);
        let unknown = || RepositoryError::NoSuchRelease(release.to_owned());
        let file = self.targets.get(&path).ok_or_else(unknown)?;
        let place = TargetPath::new(&path, file.hashes.naming()).map_err(ReleaseError::from)?;
        let place = self.folder.join("targets").join(place.as_str());
        let text = durable::read(&place, SIZE_LIMIT_BYTES as u64)?
            .ok_or_else(|| ReleaseError::Missing(place.clone()))?;
        file.hashes
            .check(&text)
            .map_err(|why| ReleaseError::Content {
                path: place.clone(),
                why,
            })?;
        let read = Manifest::from_json(&text);
        Ok(read.map_err(|source| ReleaseError::Manifest {
            path: place,
            source,
        })?)
    }

    /// The published release that a patch begins with.
    ///
    /// # Errors
    /// When a manifest cannot be read.
    pub fn release_of(&self, base: &Base) -> Result<Option<String>, RepositoryError> {
        for terms in self.releases().into_iter().rev() {
            if base.is_of(&self.manifest(&terms.release)?) {
                return Ok(Some(terms.release));
            }
        }
        Ok(None)
    }

    /// The targets with this release added; under its name nothing else may be.
    ///
    /// # Errors
    /// When it is there with other content.
    pub fn with_release(
        &self,
        release: &Release,
    ) -> Result<BTreeMap<String, TargetFile>, RepositoryError> {
        let mut targets = self.targets.clone();
        let name = &release.terms.release;
        let manifest = rollout::manifest_path(name);
        for (path, file) in &release.targets {
            let mut file = file.clone();
            if *path == manifest {
                file.custom = release::custom(&release.terms);
            }
            if let Some(there) = targets.insert(path.clone(), file.clone())
                && (there.length, there.hashes) != (file.length, file.hashes)
            {
                return Err(RepositoryError::Exchanged(name.clone()));
            }
        }
        Ok(targets)
    }

    /// The targets with other terms for a release.
    ///
    /// # Errors
    /// When there is no such release.
    pub fn with_terms(
        &self,
        terms: &Rollout,
    ) -> Result<BTreeMap<String, TargetFile>, RepositoryError> {
        let mut targets = self.targets.clone();
        targets
            .get_mut(&rollout::manifest_path(&terms.release))
            .ok_or_else(|| RepositoryError::NoSuchRelease(terms.release.clone()))?
            .custom = release::custom(terms);
        Ok(targets)
    }

    /// All metadata files of the present edition, by name, the timestamp last: what a copy of the repository needs.
    ///
    /// # Errors
    /// When a root cannot be read.
    pub fn metadata(&self) -> Result<Vec<(String, Vec<u8>)>, RepositoryError> {
        let folder = self.folder.join("metadata");
        let longest = Bounds::default().root_bytes;
        let mut files = Vec::new();
        for version in 1_u64.. {
            let name = format!("{version}.root.json");
            let Some(file) = durable::read(&folder.join(&name), longest)? else {
                break;
            };
            files.push((name, file));
        }
        let [_, snapshot, targets] = self.versions;
        for (name, role) in [
            (format!("{targets}.targets.json"), TARGETS),
            (format!("{snapshot}.snapshot.json"), SNAPSHOT),
            ("timestamp.json".to_owned(), TIMESTAMP),
        ] {
            let file = self.stored.roles.get(&RoleName::new(role)).cloned();
            files.push((name, file.ok_or(RepositoryError::Role(role))?));
        }
        Ok(files)
    }
}

/// Updates from the first root.
fn walk(
    first: &[u8],
    source: &mut dyn Source,
    state: &mut MemoryState,
    policy: Policy,
    now_s: i64,
) -> Result<Workflow, UpdateError> {
    let mut workflow = Workflow::begin(first, state.stored.clone(), policy, now_s)?;
    update::refresh(&mut workflow, source, state)?;
    Ok(workflow)
}

/// New metadata over what lies in the folder.
struct Overlay<'a> {
    new: &'a [(String, Vec<u8>)],
    below: FolderSource,
}

impl Source for Overlay<'_> {
    fn metadata(&mut self, request: &Request) -> Result<Answer, SourceError> {
        let name = request.file_name();
        match self.new.iter().find(|(new, _)| *new == name) {
            Some((_, file)) => Ok(Answer::File(file.clone())),
            None => self.below.metadata(request),
        }
    }

    fn target(&mut self, path: &TargetPath) -> Result<Box<dyn std::io::Read>, SourceError> {
        self.below.target(path)
    }

    fn part(
        &mut self,
        path: &TargetPath,
        from: u64,
        bytes: u64,
    ) -> Result<Box<dyn std::io::Read>, SourceError> {
        self.below.part(path, from, bytes)
    }
}
