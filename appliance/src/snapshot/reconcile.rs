//! What a power cut left is put in order: partial and doomed directories go, the catalogue is made to say what the
//! directories say, numbers go on after the largest ever seen. Whoever takes the lock does this first.

use std::path::{Path, PathBuf};

use super::catalogue::{Catalogue, CatalogueError, Row};
use super::id::{DOOMED, Id, PARTIAL};
use super::manifest::{Manifest, ManifestError};
use super::proof::{self, Proof};
use super::shelf::{Shelf, Snapshot};
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::log::log;

/// No honest file is larger.
const NUMBER_LIMIT_BYTES: u64 = 64;

/// Why the shelf could not be put in order. What is whole stays whole.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A file or directory.
    #[error("{0}")]
    Durable(#[from] DurableError),
    /// The snapshots' directory cannot be read.
    #[error("the snapshots in {path} cannot be read: {source}; nothing was changed")]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// A whole snapshot that cannot be described: never listed among the good ones, never removed by itself.
#[derive(Debug)]
pub struct Undescribed {
    /// Its number.
    pub id: Id,
    /// Why.
    pub reason: String,
}

/// What stands in the snapshots' directory.
#[derive(Debug, Default)]
pub struct Found {
    /// Whole ones, oldest (smallest number) first.
    pub snapshots: Vec<Snapshot>,
    /// Whole by their name, but their manifest does not say what they are.
    pub undescribed: Vec<Undescribed>,
    /// Partial and doomed.
    left_overs: Vec<PathBuf>,
    /// The largest number in any name; 0: none.
    highest: u64,
}

/// Reads the directory and changes nothing. A directory that is not there holds nothing.
///
/// # Errors
/// [`ReconcileError::Unreadable`], or a manifest that the disk does not give.
pub fn look(places: &Places) -> Result<Found, ReconcileError> {
    let path = places.snapshots();
    let failed = |source| ReconcileError::Unreadable {
        path: path.clone(),
        source,
    };
    let mut found = Found::default();
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            continue;
        };
        let left_over = [PARTIAL, DOOMED]
            .iter()
            .find_map(|ending| Id::of_directory(name.strip_suffix(ending)?));
        if let Some(id) = left_over {
            found.highest = found.highest.max(id.number());
            found.left_overs.push(entry.path());
        } else if let Some(id) = Id::of_directory(name) {
            found.highest = found.highest.max(id.number());
            match describe(id, &entry.path()) {
                Ok(snapshot) => found.snapshots.push(snapshot),
                // Thrown away since the directory was read.
                Err(ManifestError::Missing(gone)) if !gone.exists() => {}
                Err(error) => found.undescribed.push(Undescribed {
                    id,
                    reason: error.to_string(),
                }),
            }
        }
    }
    found.snapshots.sort_by_key(|snapshot| snapshot.manifest.id);
    found.undescribed.sort_by_key(|snapshot| snapshot.id);
    Ok(found)
}

fn describe(id: Id, directory: &Path) -> Result<Snapshot, ManifestError> {
    let manifest = Manifest::read(directory)?;
    if manifest.id != id {
        // A directory that somebody copied or renamed by hand is not what its name says.
        let said = format!("it says that it is snapshot {}", manifest.id);
        return Err(ManifestError::Damaged {
            path: directory.join(super::manifest::FILE),
            source: serde::de::Error::custom(said),
        });
    }
    Ok(Snapshot {
        proofs: proof::read(directory)?,
        manifest,
        directory: directory.to_path_buf(),
    })
}

/// The newest ones, for those who look every few seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Newest {
    /// How many there are.
    pub count: u64,
    /// The newest.
    pub newest: Option<Snapshot>,
    /// The number of the newest proven one, as far as was looked.
    pub proven: Option<Id>,
}

/// How many are looked at for a proven one.
const NEWEST_LOOKED_AT: usize = 8;

/// Reads as little as is needed and changes nothing.
///
/// # Errors
/// [`ReconcileError::Unreadable`], also for those who are not root.
pub fn newest(places: &Places) -> Result<Newest, ReconcileError> {
    let path = places.snapshots();
    let failed = |source| ReconcileError::Unreadable {
        path: path.clone(),
        source,
    };
    let entries = std::fs::read_dir(&path).map_err(failed)?;
    let mut ids: Vec<Id> = entries
        .filter_map(|entry| Id::of_directory(entry.ok()?.file_name().to_str()?))
        .collect();
    ids.sort_by_key(|id| std::cmp::Reverse(*id));
    let mut found = Newest {
        count: u64::try_from(ids.len()).unwrap_or(u64::MAX),
        ..Newest::default()
    };
    for id in ids.into_iter().take(NEWEST_LOOKED_AT) {
        let Ok(snapshot) = describe(id, &path.join(id.directory())) else {
            continue;
        };
        let proven = snapshot.is_proven();
        found.newest.get_or_insert(snapshot);
        if proven {
            found.proven = Some(id);
            break;
        }
    }
    Ok(found)
}

/// What reconciliation leaves.
#[derive(Debug)]
pub(super) struct Reconciled {
    /// `None`: it could not be opened. What is whole can be listed and thrown away without it.
    pub(super) catalogue: Option<Catalogue>,
    /// The largest number ever given, as far as anybody remembers.
    pub(super) highest: u64,
}

/// Puts everything in order. The lock must be held: what is partial belongs to nobody then.
///
/// # Errors
/// [`ReconcileError`]; it is done again by the next.
pub(super) fn reconcile(places: &Places) -> Result<Reconciled, ReconcileError> {
    durable::directory(&places.snapshots(), Owner::mode(0o700))?;
    let found = look(places)?;
    for path in &found.left_overs {
        log(&format!(
            "removing {}, which was never finished",
            path.display()
        ));
        durable::remove(path)?;
    }
    for snapshot in &found.undescribed {
        log(&format!("snapshot {}: {}", snapshot.id, snapshot.reason));
    }
    let remembered = number_kept(places);
    let mut highest = found.highest.max(remembered);
    let catalogue = Catalogue::open(&places.snapshot_catalogue()).and_then(|mut catalogue| {
        highest = highest.max(catalogue.highest()?);
        agree(&mut catalogue, &found)?;
        if catalogue.highest()? < highest {
            catalogue.give(highest)?;
        }
        Ok(catalogue)
    });
    if remembered < highest {
        keep_number(places, highest)?;
    }
    let catalogue = catalogue.inspect_err(|error| log(&error.to_string())).ok();
    Ok(Reconciled { catalogue, highest })
}

/// At boot, before anybody needs a snapshot. Never a reason to keep the clinic down: whoever takes the lock next does it again.
pub fn at_boot(places: &Places) {
    let done = Shelf::open_within(places, std::time::Duration::ZERO);
    if let Err(error) = done {
        log(&format!("the snapshots were not put in order: {error}"));
    }
}

/// Makes the catalogue say what the directories say.
fn agree(catalogue: &mut Catalogue, found: &Found) -> Result<(), CatalogueError> {
    let rows = catalogue.rows()?;
    let differs = |snapshot: &&Snapshot| {
        let row = Row::of(&snapshot.manifest, &snapshot.proofs);
        rows.get(&snapshot.manifest.id.number()) != Some(&row)
    };
    let entered: Vec<(&Manifest, &[Proof])> = found
        .snapshots
        .iter()
        .filter(differs)
        .map(|snapshot| (&snapshot.manifest, snapshot.proofs.as_slice()))
        .collect();
    let stands = |number: &u64| {
        let mut ids = found.snapshots.iter().map(Snapshot::id);
        ids.any(|id| id.number() == *number)
    };
    let gone: Vec<u64> = rows.keys().copied().filter(|row| !stands(row)).collect();
    if entered.is_empty() && gone.is_empty() {
        return Ok(());
    }
    catalogue.change(&entered, &gone)
}

/// The largest number given, as the file beside the catalogue remembers it. One that cannot be read remembers nothing: the
/// catalogue and the directories do.
fn number_kept(places: &Places) -> u64 {
    durable::read(&places.snapshot_number(), NUMBER_LIMIT_BYTES)
        .ok()
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok())
        .unwrap_or(0)
}

/// Keeps it.
///
/// # Errors
/// [`DurableError`]: the number must not be used.
pub(super) fn keep_number(places: &Places, number: u64) -> Result<(), DurableError> {
    let text = format!("{number}\n");
    durable::write(
        &places.snapshot_number(),
        text.as_bytes(),
        Owner::mode(0o644),
    )
}
