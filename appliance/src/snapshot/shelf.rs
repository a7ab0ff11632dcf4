//! The shelf that snapshots stand on: one writer at a time, every change durable before it is believed.

mod lock;
#[cfg(test)]
mod power_cuts;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use super::catalogue::{Catalogue, CatalogueError};
use super::id::{DOOMED, Id, PARTIAL};
use super::manifest::Manifest;
use super::proof::{self, Proof, Verdict};
use super::reconcile::{self, Found, ReconcileError};
use crate::events::{self, Event};
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::log::log;

/// A snapshot takes seconds, a large one's removal longer; whoever waits beyond this is told to come back.
const WAIT: Duration = Duration::from_secs(30);

/// Why the shelf could not be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// Somebody else changes it.
    #[error(
        "another command takes, removes or restores a snapshot now; nothing was changed; try again when it is done"
    )]
    Busy,
    /// The lock.
    #[error("the snapshots' lock {path} cannot be used: {source}; nothing was changed")]
    Lock {
        /// The file or directory.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// Putting in order what was there.
    #[error("{0}")]
    Reconcile(#[from] ReconcileError),
    /// A file or directory.
    #[error("{0}")]
    Durable(#[from] DurableError),
    /// The catalogue.
    #[error("{0}")]
    Catalogue(#[from] CatalogueError),
    /// No such snapshot.
    #[error("there is no snapshot {0}; 'posto snapshot list' shows them")]
    Unknown(Id),
    /// It is the one to fall back to.
    #[error("snapshot {0} is the newest proven one and stays; nothing was changed")]
    LastProven(Id),
    /// A proof, a restore or a copy reads it.
    #[error(
        "snapshot {0} is being read (a proof, a restore or a copy); nothing was changed; try again when that is done"
    )]
    InUse(Id),
    /// The manifest is another snapshot's.
    #[error(
        "the manifest says snapshot {said}, but snapshot {id} is being made; it was not finished"
    )]
    OtherManifest {
        /// Of the directory.
        id: Id,
        /// In the manifest.
        said: Id,
    },
    /// 2^64 snapshots.
    #[error("there are no numbers left for snapshots")]
    NoNumbers,
}

/// A snapshot that is being made.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Its number, given to nobody else, ever.
    pub id: Id,
    /// `/data/snapshots/<id>.partial`: empty, root 0700.
    pub directory: PathBuf,
}

/// A whole snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Oldest first.
    pub proofs: Vec<Proof>,
    /// `/data/snapshots/<id>`.
    pub directory: PathBuf,
}

/// A snapshot that is not thrown away while this lives.
#[derive(Debug)]
pub struct Held {
    _directory: File,
}

impl Snapshot {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> Id {
        self.manifest.id
    }

    /// Whether the last proof of it was good.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        proof::last(&self.proofs).is_some_and(Proof::is_good)
    }

    /// Keeps it from being thrown away: a shared lock of its directory, for proofs, restores and copies.
    ///
    /// # Errors
    /// [`ShelfError::InUse`] while it is being thrown away, [`ShelfError::Unknown`] when it was.
    pub fn hold(&self) -> Result<Held, ShelfError> {
        let file = lock::shared(&self.directory, self.id())?;
        Ok(Held { _directory: file })
    }
}

/// The shelf, held by one process at a time.
#[derive(Debug)]
pub struct Shelf {
    places: Places,
    /// `None`: it could not be opened.
    catalogue: Option<Catalogue>,
    highest: u64,
    _lock: File,
}

/// The snapshots, oldest first: read-only, without the lock.
///
/// # Errors
/// [`ShelfError::Reconcile`] when the directory cannot be read.
pub fn list(places: &Places) -> Result<Vec<Snapshot>, ShelfError> {
    Ok(look(places)?.snapshots)
}

/// As [`list`], with those that cannot be described.
///
/// # Errors
/// As [`list`].
pub fn look(places: &Places) -> Result<Found, ShelfError> {
    Ok(reconcile::look(places)?)
}

/// The newest snapshot whose last proof was good.
#[must_use]
pub fn last_proven(snapshots: &[Snapshot]) -> Option<&Snapshot> {
    snapshots.iter().rev().find(|snapshot| snapshot.is_proven())
}

impl Shelf {
    /// Waits for the lock (half a minute at most) and puts in order what a power cut left.
    ///
    /// # Errors
    /// [`ShelfError::Busy`]; [`ShelfError::Reconcile`] when the disk cannot be read or written.
    pub fn open(places: &Places) -> Result<Self, ShelfError> {
        Self::open_within(places, WAIT)
    }

    /// As [`Shelf::open`], waiting no longer than `wait`.
    ///
    /// # Errors
    /// As [`Shelf::open`].
    pub fn open_within(places: &Places, wait: Duration) -> Result<Self, ShelfError> {
        durable::directory(&places.run(), Owner::mode(0o755))?;
        let lock = lock::exclusive(&places.snapshot_lock(), wait)?;
        let reconciled = reconcile::reconcile(places)?;
        Ok(Self {
            places: places.clone(),
            catalogue: reconciled.catalogue,
            highest: reconciled.highest,
            _lock: lock,
        })
    }

    /// Begins a snapshot: its number is given durably, its partial directory is there.
    ///
    /// # Errors
    /// [`ShelfError::Catalogue`], [`ShelfError::Durable`]: at worst a number is never used.
    pub fn begin(&mut self) -> Result<Unfinished, ShelfError> {
        let number = self.highest.checked_add(1).ok_or(ShelfError::NoNumbers)?;
        let id = Id::new(number).ok_or(ShelfError::NoNumbers)?;
        // Two places, one after the other: after a damage of either the other goes on.
        reconcile::keep_number(&self.places, number)?;
        self.highest = number;
        self.catalogue()?.give(number)?;
        let directory = self.path(id, PARTIAL);
        durable::directory(&directory, Owner::mode(0o700))?;
        Ok(Unfinished { id, directory })
    }

    /// Makes a snapshot whole: manifest, flush of everything, its name, the name's flush, catalogue.
    ///
    /// # Errors
    /// [`ShelfError`]: it is not whole, and the next who takes the lock removes it.
    pub fn finish(
        &mut self,
        unfinished: Unfinished,
        manifest: &Manifest,
    ) -> Result<Id, ShelfError> {
        let Unfinished { id, directory } = unfinished;
        if manifest.id != id {
            let said = manifest.id;
            return Err(ShelfError::OtherManifest { id, said });
        }
        manifest.write(&directory)?;
        durable::sync_tree(&directory)?;
        durable::rename(&directory, &self.path(id, ""))?;
        // From here on it is a snapshot, whatever the catalogue can take: the next who takes the lock enters it.
        self.index(|catalogue| catalogue.put(manifest, &[]));
        let event = Event::new("snapshot-taken")
            .with("snapshot", id.number())
            .with("why", manifest.reason.code())
            .with("held_us", manifest.held_us);
        events::record(&self.places, &event);
        Ok(id)
    }

    /// Gives a snapshot up that could not be made.
    ///
    /// # Errors
    /// [`ShelfError::Durable`]: the next who takes the lock removes the rest.
    pub fn discard(&mut self, unfinished: Unfinished) -> Result<(), ShelfError> {
        Ok(durable::remove(&unfinished.directory)?)
    }

    /// Throws a snapshot away: never the newest proven one, never one that is read.
    ///
    /// # Errors
    /// [`ShelfError::LastProven`], [`ShelfError::InUse`], [`ShelfError::Unknown`]: nothing was changed.
    /// [`ShelfError::Durable`]: it may be gone from the list already; the next who takes the lock removes the rest.
    pub fn throw_away(&mut self, id: Id) -> Result<(), ShelfError> {
        let snapshots = self.snapshots()?;
        if last_proven(&snapshots).is_some_and(|proven| proven.id() == id) {
            return Err(ShelfError::LastProven(id));
        }
        let (whole, doomed) = (self.path(id, ""), self.path(id, DOOMED));
        let reason = snapshots
            .iter()
            .find(|snapshot| snapshot.id() == id)
            .map_or("unreadable", |snapshot| snapshot.manifest.reason.code());
        let held = lock::alone(&whole, id)?;
        durable::rename(&whole, &doomed)?;
        drop(held);
        self.index(|catalogue| catalogue.take_off(id.number()));
        let event = Event::new("snapshot-thrown-away").with("snapshot", id.number());
        events::record(&self.places, &event.with("why", reason));
        Ok(durable::remove(&doomed)?)
    }

    /// Adds the verdict of a proof: beside the manifest, then in the catalogue.
    ///
    /// # Errors
    /// [`ShelfError::Unknown`], [`ShelfError::Durable`]: the proofs before stand.
    pub fn proved(&mut self, proof: &Proof) -> Result<(), ShelfError> {
        let directory = self.path(proof.id, "");
        let snapshots = self.snapshots()?;
        let snapshot = snapshots
            .into_iter()
            .find(|snapshot| snapshot.id() == proof.id)
            .ok_or(ShelfError::Unknown(proof.id))?;
        proof::add(&directory, proof)?;
        let proofs = proof::read(&directory)?;
        self.index(|catalogue| catalogue.put(&snapshot.manifest, &proofs));
        let event = match &proof.verdict {
            Verdict::Good => Event::new("proof-good"),
            Verdict::Bad { reason } => Event::new("proof-bad").with("reason", reason.as_str()),
        };
        let event = event
            .with("snapshot", proof.id.number())
            .with("depth", proof.depth.code())
            .with("seconds", proof.took_ms / 1000);
        events::record(&self.places, &event);
        Ok(())
    }

    /// What stands on it, oldest first.
    ///
    /// # Errors
    /// [`ShelfError::Reconcile`].
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, ShelfError> {
        list(&self.places)
    }

    fn path(&self, id: Id, ending: &str) -> PathBuf {
        let name = format!("{}{ending}", id.directory());
        self.places.snapshots().join(name)
    }

    /// The catalogue, tried again where it could not be opened.
    fn catalogue(&mut self) -> Result<&mut Catalogue, CatalogueError> {
        let catalogue = match self.catalogue.take() {
            Some(catalogue) => catalogue,
            None => Catalogue::open(&self.places.snapshot_catalogue())?,
        };
        Ok(self.catalogue.insert(catalogue))
    }

    /// Tells the catalogue of what the directories say already. On a full disk it cannot be told; the directories count.
    fn index(&mut self, tell: impl FnOnce(&mut Catalogue) -> Result<(), CatalogueError>) {
        if let Err(error) = self.catalogue().and_then(tell) {
            log(&error.to_string());
        }
    }
}
