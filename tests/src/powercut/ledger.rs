//! What the box has acknowledged, written down outside of it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// Identities of acknowledged records, in the order of their acknowledgement; also in a file, for whoever looks into a failure.
#[derive(Debug)]
pub struct Ledger {
    acknowledged: Mutex<(Vec<String>, File)>,
    unanswered: AtomicU64,
}

impl Ledger {
    /// An empty one, with a new file `at` this place.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(at: &Path) -> Result<Self> {
        let file = File::create(at).with_context(|| format!("cannot make {}", at.display()))?;
        Ok(Self {
            acknowledged: Mutex::new((Vec::new(), file)),
            unanswered: AtomicU64::new(0),
        })
    }

    /// A record was acknowledged.
    pub fn acknowledge(&self, uuid: String) {
        let mut held = self.held();
        // The list in memory is what is checked; the file only helps a reader.
        writeln!(held.1, "{uuid}").ok();
        held.0.push(uuid);
    }

    /// A record was sent and no acknowledgement came: it may be there or not.
    pub fn leave_open(&self) {
        self.unanswered.fetch_add(1, Ordering::SeqCst);
    }

    /// All acknowledged from the number `first` on.
    #[must_use]
    pub fn since(&self, first: usize) -> Vec<String> {
        self.held().0.iter().skip(first).cloned().collect()
    }

    /// How many are acknowledged.
    #[must_use]
    pub fn count(&self) -> usize {
        self.held().0.len()
    }

    /// How many were sent without an answer.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::SeqCst)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, (Vec<String>, File)> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
