//! The exchange of the live data with a cloned snapshot, and its end after a power cut at any point.
//!
//! What is on disk says how far it came; nothing else is remembered. The clone carries a mark with the restore's number (the
//! one that the replaced state gets as a snapshot): where the mark is, the restored state is. One RENAME_EXCHANGE moves both,
//! database and OpenMRS's files, so there is no moment without a whole state in place.
//!
//! | on disk | the end |
//! |---|---|
//! | no mark in live, its staging there | the present state stays, staging is removed |
//! | the mark in live, its staging there | the steps after the exchange are done (again): the replaced state is a snapshot |
//! | the same, but the mark says that nobody knows whether the restored state starts | exchanged back, staging is removed |
//!
//! OpenMRS is never started on a state that may still go back ([`confirm`]), so going back loses no record.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::snapshot::id::Id;
use crate::snapshot::manifest::{self, Manifest};
use crate::system::durable::{self, DurableError, Owner};

/// In the restored live directory until all is done.
const MARK: &str = ".posto-restore";
const PREFIX: &str = "restore-";
/// In a snapshot of a box where OpenMRS was not installed yet.
pub const PENDING: &str = "install-pending";
const MARK_LIMIT_BYTES: u64 = 4096;

/// What is known of the restored state. Only the last two may go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// It was proven, or its database was stopped cleanly: it stays.
    Trusted,
    /// Its database came up and answered rightly: it stays.
    Confirmed,
    /// Nobody has seen its database come up yet.
    Awaited,
    /// Its database did not come up, or answered wrongly.
    Refused,
}

/// The mark's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The number that the replaced state gets.
    pub kept: Id,
    /// The snapshot that was put in its place.
    pub restored: Id,
    /// What is known of it.
    pub word: Word,
    /// Whether OpenMRS was still to be installed in the restored state.
    #[serde(default)]
    pub pending: bool,
}

/// One restore's places on the data partition.
#[derive(Debug, Clone)]
pub struct Attempt {
    places: Places,
    kept: Id,
}

/// What became of an interrupted restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// It had not come to the exchange: nothing was changed.
    Removed(Id),
    /// The snapshot `restored` is in place; the state before is the snapshot `kept`.
    Completed {
        /// What was put in place.
        restored: Id,
        /// What it replaced.
        kept: Id,
    },
    /// The snapshot did not prove itself; the state before is in place again.
    WentBack(Id),
}

/// Whether the clinic's servers may be running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    /// At boot, before the database starts: everything may be moved.
    Down,
    /// While the clinic may work: only what is already replaced is moved.
    MayRun,
}

/// Why an interrupted restore could not be ended.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// A file or directory.
    #[error("{0}")]
    Durable(#[from] DurableError),
    /// The mark.
    #[error(
        "{path} is damaged ({source}): nobody can tell whether the restore before was done; both states are there, whole"
    )]
    Mark {
        /// The mark.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The live data would have to be exchanged.
    #[error(
        "an interrupted restore of snapshot {0} must be taken back while the servers are down: restart the box, which does it"
    )]
    NeedsRestart(Id),
}

/// One step after the exchange. Each may be done again without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The manifest and what else belongs to it to the replaced state.
    Describe,
    /// Whether OpenMRS is still to be installed is as in the restored state.
    InstallPending,
    /// The replaced state to the snapshots.
    Keep,
    /// Staging gone.
    Staging,
    /// The mark gone.
    Mark,
}

/// The steps after the exchange in their order. The mark goes last: while it and staging are there, a power cut leads back to
/// the first.
pub const AFTER: [Step; 5] = [
    Step::Describe,
    Step::InstallPending,
    Step::Keep,
    Step::Staging,
    Step::Mark,
];

impl Attempt {
    /// `kept`: the number that the replaced state gets.
    #[must_use]
    pub fn new(places: &Places, kept: Id) -> Self {
        Self {
            places: places.clone(),
            kept,
        }
    }

    /// The number that the replaced state gets.
    #[must_use]
    pub fn id(&self) -> Id {
        self.kept
    }

    /// Where everything of this restore is until the exchange.
    #[must_use]
    pub fn staging(&self) -> PathBuf {
        self.places
            .staging()
            .join(format!("{PREFIX}{}", self.kept.directory()))
    }

    /// The restored state before the exchange, the replaced one after it.
    #[must_use]
    pub fn staged(&self) -> PathBuf {
        self.staging().join("live")
    }

    /// What goes to the replaced state after the exchange.
    fn beside(&self) -> PathBuf {
        self.staging().join("beside")
    }

    /// Where the replaced state is kept.
    #[must_use]
    pub fn kept(&self) -> PathBuf {
        self.places.snapshots().join(self.kept.directory())
    }

    /// The empty directories.
    ///
    /// # Errors
    /// [`DurableError`]; nothing live was touched.
    pub fn begin(&self) -> Result<(), DurableError> {
        durable::directory(&self.places.staging(), Owner::mode(0o711))?;
        durable::directory(&self.staging(), Owner::mode(0o700))?;
        durable::directory(&self.beside(), Owner::mode(0o700))?;
        // mysql and openmrs pass through to their own directories.
        durable::directory(&self.staged(), Owner::mode(0o755))
    }

    /// Describes the state that will be replaced, and whether OpenMRS was still to be installed in it.
    ///
    /// # Errors
    /// [`DurableError`]; nothing live was touched.
    pub fn describe(&self, manifest: &Manifest) -> Result<(), DurableError> {
        manifest.write(&self.beside())?;
        if self.places.install_pending().exists() {
            durable::write(&self.beside().join(PENDING), b"", Owner::mode(0o600))?;
        }
        Ok(())
    }

    /// Marks the clone as whole and flushes every byte of it.
    ///
    /// # Errors
    /// [`DurableError`]; nothing live was touched.
    pub fn mark_ready(&self, mark: &Mark) -> Result<(), DurableError> {
        put_mark(&self.staged(), mark)?;
        durable::sync_tree(&self.staged())
    }

    /// The exchange. Done again it is undone. Both servers must be down.
    ///
    /// # Errors
    /// [`DurableError::Rename`]: both are as before.
    pub fn exchange(&self) -> Result<(), DurableError> {
        durable::exchange(&self.staged(), &self.places.live())
    }

    /// Writes down what is known of the restored state, which is live.
    ///
    /// # Errors
    /// [`FinishError`]; the word before stands.
    pub fn say(&self, word: Word) -> Result<(), FinishError> {
        if let Some(mut mark) = read_mark(&self.places)?
            && mark.kept == self.kept
        {
            mark.word = word;
            put_mark(&self.places.live(), &mark)?;
        }
        Ok(())
    }

    /// Does one step after the exchange.
    ///
    /// # Errors
    /// [`DurableError`]; the restored state is in place, the step may be done again.
    pub fn do_step(&self, step: Step, mark: &Mark) -> Result<(), DurableError> {
        let staged = self.staged();
        match step {
            Step::Describe => {
                for name in [manifest::FILE, PENDING] {
                    if staged.exists() {
                        move_if_there(&self.beside().join(name), &staged.join(name))?;
                    }
                }
                Ok(())
            }
            Step::InstallPending => match (mark.pending, self.places.install_pending()) {
                (true, path) if path.exists() => Ok(()),
                (true, path) => durable::write(&path, b"", Owner::mode(0o600)),
                (false, path) => durable::remove(&path),
            },
            Step::Keep => {
                if !staged.exists() {
                    return Ok(());
                }
                // Of a restore before: it says nothing about this one.
                durable::remove(&staged.join(MARK))?;
                durable::directory(&self.places.snapshots(), Owner::mode(0o700))?;
                durable::directory(&staged, Owner::mode(0o700))?;
                durable::sync_tree(&staged)?;
                durable::rename(&staged, &self.kept())
            }
            Step::Staging => durable::remove(&self.staging()),
            Step::Mark => durable::remove(&self.places.live().join(MARK)),
        }
    }

    /// Throws the attempt away. Before the exchange, or after it was undone.
    ///
    /// # Errors
    /// [`DurableError::Remove`]; the live data were not touched.
    pub fn discard(&self) -> Result<(), DurableError> {
        durable::remove(&self.staging())
    }

    fn finish(
        &self,
        mark: Option<&Mark>,
        servers: Servers,
    ) -> Result<Option<Finished>, FinishError> {
        match mark.filter(|mark| mark.kept == self.kept) {
            Some(mark) if matches!(mark.word, Word::Trusted | Word::Confirmed) => {
                for step in AFTER {
                    self.do_step(step, mark)?;
                }
                Ok(Some(Finished::Completed {
                    restored: mark.restored,
                    kept: self.kept,
                }))
            }
            Some(mark) if servers == Servers::MayRun => {
                Err(FinishError::NeedsRestart(mark.restored))
            }
            Some(mark) => {
                self.exchange()?;
                self.discard()?;
                Ok(Some(Finished::WentBack(mark.restored)))
            }
            // Another process may be at work there.
            None if servers == Servers::MayRun => Ok(None),
            None => {
                self.discard()?;
                Ok(Some(Finished::Removed(self.kept)))
            }
        }
    }
}

fn put_mark(live: &Path, mark: &Mark) -> Result<(), DurableError> {
    let text = serde_json::to_vec(mark).unwrap_or_default();
    durable::write(&live.join(MARK), &text, Owner::mode(0o600))
}

fn read_mark(places: &Places) -> Result<Option<Mark>, FinishError> {
    let path = places.live().join(MARK);
    let Some(bytes) = durable::read(&path, MARK_LIMIT_BYTES)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| FinishError::Mark { path, source })
}

fn move_if_there(from: &Path, to: &Path) -> Result<(), DurableError> {
    match std::fs::symlink_metadata(from) {
        Ok(_) => durable::rename(from, to),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(DurableError::Read {
            path: from.to_path_buf(),
            source,
        }),
    }
}

/// OpenMRS is about to start: from now on people may enter records, so a restored state that still might have gone back stays.
/// The database answers, or OpenMRS would not be started.
///
/// # Errors
/// [`FinishError`]: OpenMRS must not be started.
pub fn confirm(places: &Places) -> Result<(), FinishError> {
    match read_mark(places)? {
        Some(mark) if matches!(mark.word, Word::Awaited | Word::Refused) => {
            Attempt::new(places, mark.kept).say(Word::Confirmed)
        }
        _ => Ok(()),
    }
}

/// Brings every interrupted restore to its end, forward or back, by what is on disk. For boot, before MariaDB starts
/// ([`Servers::Down`]), and for work that exchanges data while nobody else restores ([`Servers::MayRun`]).
///
/// # Errors
/// [`FinishError`]: the database must stay down until a person has looked, or the box was restarted.
pub fn finish_interrupted(places: &Places, servers: Servers) -> Result<Vec<Finished>, FinishError> {
    let mark = read_mark(places)?;
    let mut all = Vec::new();
    for attempt in attempts(places)? {
        all.extend(attempt.finish(mark.as_ref(), servers)?);
    }
    if servers == Servers::Down && mark.is_some() {
        // Without its staging it says nothing any more.
        let mark = read_mark(places)?;
        if mark.is_some_and(|mark| !Attempt::new(places, mark.kept).staging().exists()) {
            durable::remove(&places.live().join(MARK))?;
        }
    }
    Ok(all)
}

/// Throws away what restores left that never came to the exchange. Only for whoever holds the snapshots' lock.
///
/// # Errors
/// [`FinishError`].
pub fn remove_left_overs(places: &Places) -> Result<(), FinishError> {
    let mark = read_mark(places)?;
    for attempt in attempts(places)? {
        if mark.as_ref().is_none_or(|mark| mark.kept != attempt.kept) {
            attempt.discard()?;
        }
    }
    Ok(())
}

fn attempts(places: &Places) -> Result<Vec<Attempt>, DurableError> {
    let names = durable::names_after(&places.staging(), PREFIX)?;
    let ids = names.iter().filter_map(|name| Id::of_directory(name));
    Ok(ids.map(|id| Attempt::new(places, id)).collect())
}

#[cfg(test)]
mod tests;
