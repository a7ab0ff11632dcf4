//! Throws away what retention no longer keeps, and more while the disk is short of room: `posto-snapshot-thin.service`.

use std::time::Duration;

use super::id::Id;
use super::moment;
use super::retain::{self, Standing};
use super::shelf::{Shelf, ShelfError};
use crate::events::{self, Event};
use crate::facility;
use crate::guards::disk;
use crate::places::Places;
use crate::system::log::log;

const MB: u64 = 1_000_000;

/// What went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thinned {
    /// Nothing kept them any more.
    pub expired: Vec<Id>,
    /// Gone before their time, for room.
    pub early: Vec<Id>,
}

/// Does it. `since_boot` is the time since boot; `room` says how the disk stands now, `None` where nobody can tell.
///
/// # Errors
/// [`ShelfError`]; what was thrown away until then is gone.
pub fn thin(
    places: &Places,
    since_boot: Duration,
    mut room: impl FnMut() -> Option<disk::Room>,
) -> Result<Thinned, ShelfError> {
    let mut shelf = Shelf::open(places)?;
    let standing: Vec<Standing> = shelf.snapshots()?.iter().map(Standing::from).collect();
    let counts = facility::in_force(places).0.snapshots.counts();
    let uptime_s = moment::uptime_s(places, since_boot);
    let plan = retain::plan(&standing, counts, uptime_s);
    let mut thinned = Thinned::default();
    for id in plan.expired {
        if gone(&mut shelf, id)? {
            thinned.expired.push(id);
        }
    }
    let short = room().is_some_and(disk::Room::is_tight);
    for id in plan.thinnable {
        // To a higher mark than it began at: otherwise each minute would take one.
        if !short || room().is_some_and(disk::Room::is_ample) {
            break;
        }
        if gone(&mut shelf, id)? {
            thinned.early.push(id);
        }
    }
    if !thinned.early.is_empty() {
        let count = u64::try_from(thinned.early.len()).unwrap_or(u64::MAX);
        let free_mb = room().map_or(0, |room| room.room_bytes / MB);
        let event = Event::new("snapshots-thinned").with("count", count);
        events::record(places, &event.with("free_mb", free_mb));
    }
    Ok(thinned)
}

/// One that is read now goes another time.
fn gone(shelf: &mut Shelf, id: Id) -> Result<bool, ShelfError> {
    match shelf.throw_away(id) {
        Ok(()) => Ok(true),
        Err(
            error @ (ShelfError::InUse(_) | ShelfError::Unknown(_) | ShelfError::LastProven(_)),
        ) => {
            log(&error.to_string());
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Store;
    use crate::snapshot::proof::Verdict;
    use crate::snapshot::shelf::list;
    use crate::snapshot::shelf::tests::{box_, manifest, proof_of};

    const ROOM: disk::Room = disk::Room {
        size_bytes: 240_000 * MB,
        room_bytes: 100_000 * MB,
    };

    fn numbers(places: &Places) -> Vec<u64> {
        let found = list(places).unwrap();
        found.iter().map(|found| found.id().number()).collect()
    }

    /// Hourly ones of four days: their numbers are their hours.
    #[allow(clippy::disallowed_methods, reason = "a test's files")]
    fn shelf_of_four_days() -> (tempfile::TempDir, Places) {
        let (dir, places) = box_();
        for number in 1..=96 {
            let manifest = manifest(number);
            let directory = places.snapshots().join(manifest.id.directory());
            std::fs::create_dir_all(&directory).unwrap();
            let text = serde_json::to_vec(&manifest).unwrap();
            std::fs::write(directory.join(crate::snapshot::manifest::FILE), text).unwrap();
        }
        let mut shelf = Shelf::open(&places).unwrap();
        shelf.proved(&proof_of(50, Verdict::Good)).unwrap();
        (dir, places)
    }

    #[test]
    fn with_room_only_what_nothing_keeps_goes() {
        let (_dir, places) = shelf_of_four_days();
        let thinned = thin(&places, Duration::ZERO, || Some(ROOM)).unwrap();
        assert!(thinned.early.is_empty());
        let left = numbers(&places);
        // 24 hours, the days before them, the proven one of its day.
        assert!(left.ends_with(&(73..=96).collect::<Vec<u64>>()), "{left:?}");
        assert!(
            left.contains(&50) && (26..=30).contains(&left.len()),
            "{left:?}"
        );
        assert_eq!(
            thin(&places, Duration::ZERO, || Some(ROOM)).unwrap(),
            Thinned::default()
        );
    }

    #[test]
    fn a_filling_disk_thins_further_until_there_is_clearly_room_and_says_so() {
        let (_dir, places) = shelf_of_four_days();
        thin(&places, Duration::ZERO, || Some(ROOM)).unwrap();
        let before = numbers(&places).len();
        // Each one gives back 400 MB.
        let (free_mb, path) = (5_500, places.snapshots());
        let room = || {
            let there = std::fs::read_dir(&path).unwrap().count();
            Some(disk::Room {
                room_bytes: (free_mb + 400 * (before - there) as u64) * MB,
                ..ROOM
            })
        };
        let thinned = thin(&places, Duration::ZERO, room).unwrap();
        assert!((5..=10).contains(&thinned.early.len()), "{thinned:?}");
        assert!(
            thinned.early.iter().all(|id| id.number() >= 73),
            "{thinned:?}"
        );
        let events = Store::open(&places.events()).unwrap().latest(1).unwrap();
        assert_eq!(events[0].event.name(), "snapshots-thinned");
    }

    #[test]
    fn a_disk_that_stays_full_keeps_the_newest_and_the_last_proven() {
        let (_dir, places) = shelf_of_four_days();
        let full = disk::Room {
            room_bytes: 0,
            ..ROOM
        };
        thin(&places, Duration::ZERO, || Some(full)).unwrap();
        assert_eq!(numbers(&places), [50, 96]);
    }
}
