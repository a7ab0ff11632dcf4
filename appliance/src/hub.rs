//! The hub: the province's receiver of pings (`docs/ping.cddl`). The same program in another role, and the only one with several
//! threads:
//!
//! ```text
//! UDP  ---> receive (a thread a core): judge ---\
//! HTTP ---> batch: judge -----------------------+--> writer: one transaction for all that wait, flushed --> answers, signed
//! pages, JSON, CSV, /metrics <--- fleet (memory, changed after commits only) <--/         \--> notices --> webhook
//! ```
//!
//! Nothing is acknowledged before it is on the disk. Every queue, table and message is bounded; what is dropped is counted.

pub mod access;
pub mod answer;
pub mod batch;
pub mod condition;
pub mod counts;
pub mod export;
pub mod fleet;
pub mod judge;
pub mod key;
pub mod life;
pub mod limit;
pub mod listen;
pub mod metrics;
pub mod pages;
pub mod password;
pub mod plot;
pub mod receive;
pub mod rhythm;
pub mod role;
pub mod source;
pub mod store;
pub mod webhook;
pub mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ed25519_dalek::SigningKey;

use access::Access;
use counts::Counts;
use fleet::Fleet;
use source::Sources;
use writer::Work;

use crate::system::durable::{self, DurableError, Owner};

/// Makes the folder of a hub's files, its owner's alone; the hub itself, its key, people and places may come first.
///
/// # Errors
/// [`DurableError::Directory`].
pub fn folder(data: &Path) -> Result<(), DurableError> {
    durable::directory(data, Owner::mode(0o700))
}

/// What all parts of a running hub share.
#[derive(Debug)]
pub struct Hub {
    /// Where its files are.
    pub data: PathBuf,
    /// Signs its answers.
    pub key: SigningKey,
    /// What was received and what became of it.
    pub counts: Counts,
    /// Work for the one who writes.
    pub work: SyncSender<Work>,
    /// Who sends rubbish.
    pub sources: Sources,
    fleet: RwLock<Fleet>,
    access: Mutex<Access>,
    stopping: AtomicBool,
}

impl Hub {
    /// The parts together.
    #[must_use]
    pub fn new(
        data: PathBuf,
        key: SigningKey,
        fleet: Fleet,
        access: Access,
        work: SyncSender<Work>,
    ) -> Self {
        Self {
            data,
            key,
            counts: Counts::default(),
            work,
            sources: Sources::default(),
            fleet: RwLock::new(fleet),
            access: Mutex::new(access),
            stopping: AtomicBool::new(false),
        }
    }

    /// All sites as they are now.
    pub fn fleet(&self) -> RwLockReadGuard<'_, Fleet> {
        self.fleet.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the one who writes.
    pub(crate) fn fleet_mut(&self) -> RwLockWriteGuard<'_, Fleet> {
        self.fleet.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Users, sessions, tokens.
    pub fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether everybody should end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Asks everybody to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
