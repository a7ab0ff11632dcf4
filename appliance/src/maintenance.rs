//! A maintenance under way: one at a time, known to everybody, over when its process is.
//!
//! `/run/posto/maintenance.json` is locked (flock) by its owner for as long as it lasts, so a killed owner leaves no
//! maintenance behind. The file is never removed: a lock on a removed file would let two owners in.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::system::clock;

/// No honest record is larger.
const RECORD_LIMIT_BYTES: u64 = 4096;
/// A reader holds the lock for some microseconds; whoever begins tries again this often before it believes it.
const BEGIN_TRIES: u32 = 20;
const BEGIN_PAUSE: Duration = Duration::from_millis(25);

/// What kind of work keeps the daemon's hands off and the door shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A dump goes in in place of the present database.
    Import,
    /// A snapshot goes back in place of the present state.
    Restore,
    /// Another release is being put on.
    Update,
    /// Of a kind this release does not know, or unreadable: still hands off.
    #[serde(other)]
    Other,
}

/// What the owner says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What is done.
    pub kind: Kind,
    /// The owner's process id.
    pub pid: u32,
    /// Unix seconds of its begin.
    pub since: u64,
    /// Per cent done; `None` when nobody can say.
    #[serde(default)]
    pub progress: Option<u8>,
}

/// A request to stop a maintenance, by Ctrl-C or systemd. Heeded until the data are exchanged.
#[derive(Debug, Default)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    notify: tokio::sync::Notify,
}

impl Stop {
    /// Asks for it.
    pub fn ask(&self) {
        self.flag.store(true, Ordering::Relaxed);
        self.notify.notify_waiters();
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// The same for another thread to look at.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// Waits until it is asked for.
    pub async fn asked(&self) {
        let waiting = self.notify.notified();
        if !self.is_asked() {
            waiting.await;
        }
    }
}

/// Why no maintenance could begin or be told of.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// Another one is under way.
    #[error("another maintenance is under way ({kind:?}, process {pid}); nothing was changed; try again when it is done",
        kind = .0.kind, pid = .0.pid)]
    Busy(Record),
    /// The record cannot be written or locked.
    #[error("could not use {path}: {source}; nothing was changed")]
    File {
        /// The record.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// The right to do maintenance. Dropping it ends it.
#[derive(Debug)]
pub struct Maintenance {
    file: File,
    path: PathBuf,
    record: Record,
}

impl Maintenance {
    /// Begins one. `now` in unix seconds.
    ///
    /// # Errors
    /// [`MaintenanceError::Busy`] when another is under way.
    pub fn begin(places: &Places, kind: Kind, now: u64) -> Result<Self, MaintenanceError> {
        let path = places.maintenance();
        let failed = |source| MaintenanceError::File {
            path: path.clone(),
            source,
        };
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(&path)
            .map_err(failed)?;
        for attempt in 1..=BEGIN_TRIES {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) if attempt < BEGIN_TRIES => {
                    clock::pause(BEGIN_PAUSE)
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(MaintenanceError::Busy(parse(&content(&file))));
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
        let record = Record {
            kind,
            pid: std::process::id(),
            since: now,
            progress: None,
        };
        let mut maintenance = Self { file, path, record };
        maintenance.put()?;
        Ok(maintenance)
    }

    /// Tells how far it is, for the waiting page and `posto status`.
    ///
    /// # Errors
    /// [`MaintenanceError::File`]; the maintenance goes on.
    pub fn progress(&mut self, percent: u8) -> Result<(), MaintenanceError> {
        let percent = Some(percent.min(100));
        if self.record.progress == percent {
            return Ok(());
        }
        self.record.progress = percent;
        self.put()
    }

    fn put(&mut self) -> Result<(), MaintenanceError> {
        let text = serde_json::to_vec(&self.record).unwrap_or_default();
        self.replace(&text)
            .map_err(|source| MaintenanceError::File {
                path: self.path.clone(),
                source,
            })
    }

    // In place, not by rename: the lock belongs to this very file. A reader that meets half of it still sees the lock.
    fn replace(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(text)?;
        self.file.set_len(text.len() as u64)
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        // The lock is what counts and goes with the file; the text is only for readers.
        let _ = self.replace(b"");
    }
}

/// The maintenance under way, if any.
#[must_use]
pub fn under_way(places: &Places) -> Option<Record> {
    let file = File::open(places.maintenance()).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => None,
        Err(_) => Some(parse(&content(&file))),
    }
}

fn content(mut file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = file.rewind();
    let _ = file.take(RECORD_LIMIT_BYTES).read_to_end(&mut bytes);
    bytes
}

/// A record from the file's bytes. What cannot be read is still a maintenance, of an unknown kind.
#[must_use]
pub fn parse(bytes: &[u8]) -> Record {
    serde_json::from_slice(bytes).unwrap_or(Record {
        kind: Kind::Other,
        pid: 0,
        since: 0,
        progress: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.run()).unwrap();
        (dir, places)
    }

    #[test]
    fn one_at_a_time_and_over_when_its_owner_is() {
        let (_dir, places) = places();
        assert_eq!(under_way(&places), None);
        let mut first = Maintenance::begin(&places, Kind::Import, 7).unwrap();
        first.progress(41).unwrap();
        let seen = under_way(&places).unwrap();
        assert_eq!(
            (seen.kind, seen.since, seen.progress),
            (Kind::Import, 7, Some(41))
        );
        let refused = Maintenance::begin(&places, Kind::Import, 8).unwrap_err();
        assert!(
            matches!(refused, MaintenanceError::Busy(record) if record.pid == std::process::id())
        );
        drop(first);
        assert_eq!(under_way(&places), None);
        Maintenance::begin(&places, Kind::Import, 9).unwrap();
    }

    #[test]
    fn a_left_over_record_without_a_lock_is_no_maintenance() {
        let (_dir, places) = places();
        let record = br#"{"kind":"import","pid":1,"since":2,"progress":3}"#;
        crate::system::durable::write(
            &places.maintenance(),
            record,
            crate::system::durable::Owner::mode(0o644),
        )
        .unwrap();
        assert_eq!(under_way(&places), None);
    }

    #[test]
    fn a_kind_of_a_later_release_is_still_a_maintenance() {
        let record = parse(br#"{"kind":"moving","pid":1,"since":2,"more":true}"#);
        assert_eq!((record.kind, record.pid), (Kind::Other, 1));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
