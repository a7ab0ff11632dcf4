//! Root's look at a repository in a folder (the worker's, or a stick): verified from the image's root on and decided anew. Nothing is
//! believed because the worker brought it. The patch comes last: what stands in the slot already needs none.

use std::fs::File;
use std::path::{Path, PathBuf};

use posto_release::manifest::{self, Manifest, ManifestError};
use posto_signing::rollout::{self, Decision, Rollout, Way};
use posto_signing::source::FolderSource;
use posto_signing::state::{MemoryState, StateError, TrustedState};
use posto_signing::update::{self, UpdateError};
use posto_signing::workflow::{Expired, Policy, Refusal, Workflow};

use super::order::Order;
use super::trust::{self, Trust};
use crate::places::Places;

/// Why nothing in the folder is taken. What was there before stands.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The image's root.
    #[error("the image's trusted root is none: {0}")]
    Root(#[from] Refusal),
    /// The lists, or a file.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// Root's trusted state.
    #[error(transparent)]
    State(#[from] StateError),
    /// Nothing newer.
    #[error("it has nothing newer for this box")]
    UpToDate,
    /// Not for this box, or not yet.
    #[error("release {release} is not for this box yet: {why}")]
    Waits {
        /// Which.
        release: String,
        /// In words.
        why: String,
    },
    /// No patch.
    #[error("release {0} was published without a patch that this box could take")]
    NoWay(String),
    /// Its manifest.
    #[error("release {release}: {why}")]
    Manifest {
        /// Which.
        release: String,
        /// What is wrong.
        why: ManifestError,
    },
    /// A manifest under another release's name.
    #[error("the manifest of {0} is another release's")]
    OtherRelease(String),
    /// The patch's copy.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// A release that this box takes, by the lists and its manifest; both signed.
#[derive(Debug)]
pub struct Offered {
    /// Its terms.
    pub terms: Rollout,
    /// Its manifest.
    pub manifest: Manifest,
    lists: Lists,
}

/// A patch that makes it; signed and whole.
#[derive(Debug)]
pub struct Patch {
    /// Root's own copy.
    pub file: File,
    /// It needs no base.
    pub whole: bool,
}

/// What the lists in a folder say to this box.
#[derive(Debug)]
pub struct Lists {
    /// All releases in them, the oldest first.
    pub releases: Vec<Rollout>,
    /// What this box does with them.
    pub decision: Decision,
    /// Lists whose time is over.
    pub expired: Vec<Expired>,
    workflow: Workflow,
    running: String,
}

/// Reads and verifies the lists in `folder`. `clock_s`: what the clock says, unix seconds.
///
/// # Errors
/// [`AcceptError`].
pub fn lists(
    folder: &Path,
    trust: &Trust,
    order: &Order,
    clock_s: i64,
    state: &mut dyn TrustedState,
) -> Result<Lists, AcceptError> {
    let now_s = trust.now_s(clock_s);
    let policy = Policy::of_a_box();
    let stored = state.load(&policy.bounds)?;
    let mut workflow = Workflow::begin(&trust.root, stored, policy, now_s)?;
    update::refresh(&mut workflow, &mut FolderSource::new(folder), state)?;
    let releases = workflow
        .targets()
        .map(rollout::releases)
        .unwrap_or_default();
    Ok(Lists {
        decision: rollout::decide(&releases, &order.site(now_s)),
        releases,
        expired: workflow.expired().to_vec(),
        workflow,
        running: order.running.clone(),
    })
}

impl Lists {
    /// The release that this box takes.
    ///
    /// # Errors
    /// [`AcceptError::UpToDate`], [`AcceptError::Waits`].
    pub fn taken(&self) -> Result<Rollout, AcceptError> {
        match &self.decision {
            Decision::Take(terms) => Ok(terms.clone()),
            Decision::UpToDate => Err(AcceptError::UpToDate),
            Decision::Wait(terms, why) => Err(AcceptError::Waits {
                release: terms.release.clone(),
                why: why.to_string(),
            }),
        }
    }

    /// The ways to a release, the cheapest first.
    #[must_use]
    pub fn ways(&self, release: &str) -> Vec<Way> {
        self.workflow
            .targets()
            .map(|targets| rollout::ways(targets, release, &self.running))
            .unwrap_or_default()
    }

    /// A release's manifest.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn manifest(
        &mut self,
        folder: &Path,
        release: &str,
        state: &mut dyn TrustedState,
    ) -> Result<Manifest, AcceptError> {
        let mut source = FolderSource::new(folder);
        let path = rollout::manifest_path(release);
        let found = update::find(&mut self.workflow, &path, &mut source, state)?;
        let consistent = self.workflow.root().consistent_snapshot;
        let limit = manifest::SIZE_LIMIT_BYTES as u64;
        let text = update::target_bytes(&found, consistent, &mut source, limit)?;
        let manifest = Manifest::from_json(&text).map_err(|why| AcceptError::Manifest {
            release: release.to_owned(),
            why,
        })?;
        if manifest.identity.release != release {
            return Err(AcceptError::OtherRelease(release.to_owned()));
        }
        Ok(manifest)
    }

    /// Reads a way's patch in `folder` through: is it there, whole, as signed? `say` is told the bytes as they go.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn check(
        &mut self,
        folder: &Path,
        way: &Way,
        state: &mut dyn TrustedState,
        say: &mut dyn FnMut(u64),
    ) -> Result<(), AcceptError> {
        let mut source = FolderSource::new(folder);
        let found = update::find(&mut self.workflow, &way.patch, &mut source, state)?;
        let consistent = self.workflow.root().consistent_snapshot;
        Ok(update::check(&found, consistent, &mut source, say)?)
    }

    /// Copies a way's patch out of `folder` into `to`, whole and as signed; one that is there already and right stays.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn patch(
        &mut self,
        folder: &Path,
        way: &Way,
        to: &Path,
        state: &mut dyn TrustedState,
    ) -> Result<File, AcceptError> {
        let mut source = FolderSource::new(folder);
        let found = update::find(&mut self.workflow, &way.patch, &mut source, state)?;
        let consistent = self.workflow.root().consistent_snapshot;
        let path = update::download(&found, consistent, &mut source, to)?;
        File::open(&path).map_err(|source| AcceptError::File { path, source })
    }
}

/// The release in `folder` that this box takes.
///
/// # Errors
/// [`AcceptError`].
pub fn offered(
    folder: &Path,
    trust: &Trust,
    order: &Order,
    clock_s: i64,
    state: &mut dyn TrustedState,
) -> Result<Offered, AcceptError> {
    let mut lists = lists(folder, trust, order, clock_s, state)?;
    let terms = lists.taken()?;
    let manifest = lists.manifest(folder, &terms.release, state)?;
    Ok(Offered {
        terms,
        manifest,
        lists,
    })
}

impl Offered {
    /// Copies the cheapest of its patches that `folder` has into `to`; where `order` wants whole frames, only those.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn patch(
        &mut self,
        folder: &Path,
        order: &Order,
        to: &Path,
        state: &mut dyn TrustedState,
    ) -> Result<Patch, AcceptError> {
        let mut last = AcceptError::NoWay(self.terms.release.clone());
        for way in self.lists.ways(&self.terms.release) {
            if order.whole && !way.whole {
                continue;
            }
            match self.lists.patch(folder, &way, to, state) {
                Ok(file) => {
                    let whole = way.whole;
                    return Ok(Patch { file, whole });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Trusted state for a look that leaves nothing behind: begins as root's own.
///
/// # Errors
/// When root's own cannot be read.
pub fn looking(places: &Places) -> Result<MemoryState, StateError> {
    let kept = trust::open(places)?;
    Ok(MemoryState {
        stored: kept.load(&Policy::of_a_box().bounds)?,
        signed_time_s: kept.signed_time_s()?,
    })
}
