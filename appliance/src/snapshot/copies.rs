//! Copies of snapshots on another disk (`[copies]` of facility.toml): each night the newest proven one, encrypted, so that one dead
//! disk does not take the history with it.

pub mod disk;
pub mod due;
pub mod record;
pub mod rotation;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::record::{Copied, Record};
use super::export::{self, ExportError, Exported, Progress};
use super::moment;
use super::shelf;
use crate::box_key::BoxKey;
use crate::events::{self, Event};
use crate::facility::{self, Copies};
use crate::places::Places;
use crate::system::durable::DurableError;
use crate::system::medium::{Access, MediumError, Mounted};

const MB: u64 = 1_000_000;

/// Why there is no new copy. Those that are there stay.
#[derive(Debug, thiserror::Error)]
pub enum CopiesError {
    /// The facility wants none.
    #[error("facility.toml has no [copies]; nothing was copied")]
    NotWanted,
    /// No snapshot is proven.
    #[error("no snapshot is proven yet; nothing was copied")]
    NoneProven,
    /// The disk is not there.
    #[error(
        "the disk for copies ({0}) is not attached; nothing was copied; attach it (its label must be POSTOCOPIES)"
    )]
    NotAttached(String),
    /// It is the data's own disk.
    #[error(
        "{0} is on the same disk as the data; a copy there would die with them; nothing was copied; take another disk"
    )]
    SameDisk(PathBuf),
    /// It cannot be mounted, or not for writing.
    #[error("the disk for copies: {0}; nothing was copied")]
    Medium(#[from] MediumError),
    /// The only copy would have to go.
    #[error(
        "there is no room for another copy beside the only one there; it was not touched; nothing was copied; take a larger disk"
    )]
    OnlyOne,
    /// The export.
    #[error("{0}")]
    Export(#[from] ExportError),
    /// The shelf.
    #[error("{0}")]
    Shelf(#[from] shelf::ShelfError),
    /// A file.
    #[error("{0}")]
    Durable(#[from] DurableError),
}

/// Copies the newest proven snapshot to the facility's disk: mounts it where only this process's mount namespace sees it.
/// `unix_s` is the wall clock's time, `since_boot` the time since boot.
///
/// # Errors
/// [`CopiesError`].
pub fn run(
    places: &Places,
    (unix_s, since_boot): (u64, Duration),
    say: &mut dyn FnMut(Progress),
) -> Result<Exported, CopiesError> {
    let (facility, _) = facility::in_force(places);
    let copies = facility.copies.ok_or(CopiesError::NotWanted)?;
    let device = disk::find(places, &copies.to)?;
    let mounted = Mounted::at(&device, &places.copies_disk(), Access::Write)?;
    let exported = copy(places, mounted.path(), &copies, (unix_s, since_boot), say)?;
    mounted.end()?;
    Ok(exported)
}

/// Copies the newest proven snapshot into `to` and throws away what is more than the facility keeps there: never the only copy, and
/// never one of another box.
///
/// # Errors
/// [`CopiesError`].
pub fn copy(
    places: &Places,
    to: &Path,
    copies: &Copies,
    (unix_s, since_boot): (u64, Duration),
    say: &mut dyn FnMut(Progress),
) -> Result<Exported, CopiesError> {
    let all = shelf::list(places)?;
    let newest = shelf::last_proven(&all).ok_or(CopiesError::NoneProven)?;
    let plan = export::plan(places, newest.id(), false)?;
    let key = BoxKey::read(places).map_err(ExportError::from)?.public();
    rotation::remove_stale(to, &plan, &key)?;
    let mut there = rotation::copies(to, &key)?;
    while let Err(error) = plan.check_room(to) {
        // The oldest goes before its time, as long as another one is there.
        match (error, there.len()) {
            (ExportError::NoRoom { .. }, 2..) => rotation::throw_away(&there.remove(0))?,
            (ExportError::NoRoom { .. }, 1) => return Err(CopiesError::OnlyOne),
            (other, _) => return Err(other.into()),
        }
    }
    let exported = export::to_directory(places, &plan, to, say)?;
    let there = rotation::copies(to, &key)?;
    let newest_path = exported.path.clone().unwrap_or_default();
    for old in rotation::too_many(&there, &newest_path, copies.keep) {
        rotation::throw_away(old)?;
    }
    let now = moment::now(places, Some(&newest.manifest.moment), unix_s, since_boot);
    let before = Record::read(places);
    Record {
        since: before.since.or_else(|| Some(now.clone())),
        last: Some(Copied {
            id: newest.id(),
            name: exported.name.clone(),
            copied: now,
            taken: newest.manifest.moment.clone(),
        }),
    }
    .write(places)?;
    let event = Event::new("snapshot-copied")
        .with("snapshot", newest.id().number())
        .with("mb", exported.bytes / MB)
        .with("name", exported.name.as_str());
    events::record(places, &event);
    if let Some(lacks) = exported.left_out.event(newest.id()) {
        events::record(places, &lacks);
    }
    Ok(exported)
}
