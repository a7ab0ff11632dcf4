//! Which copies stay on the disk for copies. Only this box's own are ever removed, known by its signature: another box's may be all
//! that is left of it.

use std::path::{Path, PathBuf};

use super::CopiesError;
use crate::box_key::PublicKey;
use crate::snapshot::export::bill::{self, Bill};
use crate::snapshot::export::{PARTIAL, Plan, WHOLE};
use crate::system::durable::{self, DurableError};
use crate::system::medium::MediumError;

/// More directories than this are not looked at.
const COUNT_LIMIT: usize = 4096;

/// One whole copy of this box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its directory.
    pub path: PathBuf,
    /// When its snapshot was cut (`effective_s`), and the number: the order.
    pub order: (u64, u64),
}

/// The whole copies of the box with this key, oldest first: signed by it, every piece there with its length.
///
/// # Errors
/// [`CopiesError::Disk`].
pub fn copies(directory: &Path, key: &PublicKey) -> Result<Vec<Found>, CopiesError> {
    let mut found: Vec<Found> = named(directory, WHOLE)?
        .into_iter()
        .filter_map(|path| {
            let bill = whole(&path)?;
            let manifest = &bill.manifest;
            (bill.signer == *key).then(|| Found {
                path,
                order: (manifest.moment.effective_s, manifest.id.number()),
            })
        })
        .collect();
    found.sort_by_key(|found| found.order);
    Ok(found)
}

fn whole(path: &Path) -> Option<Bill> {
    let read = |name: &str, limit| durable::read(&path.join(name), limit).ok()?;
    let text = read(bill::FILE, bill::LIMIT_BYTES)?;
    let signature = read(bill::SIGNATURE_FILE, bill::SIGNATURE_LIMIT_BYTES)?;
    let bill = Bill::read(&text, &signature).ok()?;
    let there = |piece: &bill::Piece| {
        let found = std::fs::metadata(path.join(&piece.name));
        found.is_ok_and(|found| found.len() == piece.bytes)
    };
    bill.pieces.iter().all(there).then_some(bill)
}

fn named(directory: &Path, ending: &str) -> Result<Vec<PathBuf>, CopiesError> {
    let entries = std::fs::read_dir(directory).map_err(|source| MediumError::Disk {
        path: directory.to_path_buf(),
        source,
    })?;
    Ok(entries
        .filter_map(Result::ok)
        .take(COUNT_LIMIT)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && path.to_string_lossy().ends_with(ending))
        .collect())
}

/// The oldest beyond `keep`, never `newest`, and never all. Pure.
#[must_use]
pub fn too_many<'a>(found: &'a [Found], newest: &Path, keep: u32) -> Vec<&'a Found> {
    let keep = usize::try_from(keep).unwrap_or(usize::MAX).max(1);
    let excess = found.len().saturating_sub(keep);
    let old = found.iter().filter(|one| one.path != newest);
    old.take(excess).collect()
}

/// Removes one copy: first its name, so that half of one is never taken for a whole one.
///
/// # Errors
/// [`DurableError`].
pub fn throw_away(found: &Found) -> Result<(), DurableError> {
    let name = found.path.to_string_lossy();
    let doomed = PathBuf::from(format!("{}{PARTIAL}", name.trim_end_matches(WHOLE)));
    durable::rename(&found.path, &doomed)?;
    durable::remove(&doomed)
}

/// Removes what this box began and will not end: unfinished copies of other snapshots than the plan's.
///
/// # Errors
/// [`CopiesError`].
pub fn remove_stale(directory: &Path, plan: &Plan, key: &PublicKey) -> Result<(), CopiesError> {
    let own = format!("-{}{PARTIAL}", key.fingerprint().short());
    let current = format!("{}{PARTIAL}", plan.name());
    for path in named(directory, &own)? {
        if path
            .file_name()
            .is_some_and(|name| name != current.as_str())
        {
            durable::remove(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_is_the_oldest_and_the_newest_copy_always_stays(count in 1usize..30, keep in 0u32..40, newest in 0usize..30) {
            let found: Vec<Found> = (0..count).map(|n| Found {
                path: format!("/m/{n}").into(),
                order: (n as u64, n as u64),
            }).collect();
            let newest = found[newest % count].path.clone();
            let gone = too_many(&found, &newest, keep);
            prop_assert_eq!(count - gone.len(), count.min((keep as usize).max(1)));
            prop_assert!(gone.iter().all(|one| one.path != newest));
            let oldest_that_stays = found.iter().filter(|one| !gone.contains(one) && one.path != newest).map(|one| one.order).min();
            prop_assert!(gone.iter().all(|one| oldest_that_stays.is_none_or(|stays| one.order < stays)));
        }
    }
}
