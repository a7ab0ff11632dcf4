//! What the database acknowledged, written down outside of it, with the disk's position at that time.

use std::sync::{Mutex, PoisonError};

/// An acknowledged commit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ack {
    /// Of which life of the database: a restore begins another one.
    pub(crate) world: u32,
    pub(crate) writer: u32,
    pub(crate) number: u32,
    /// The disk's position when its transaction began.
    pub(crate) begun: u64,
    /// When it was acknowledged: what caused it was recorded before.
    pub(crate) position: u64,
}

impl Ack {
    pub(crate) fn key(&self) -> (u32, u32, u32) {
        (self.world, self.writer, self.number)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    acks: Mutex<Vec<Ack>>,
}

impl Ledger {
    pub(crate) fn enter(&self, ack: Ack) {
        self.held().push(ack);
    }

    pub(crate) fn count(&self) -> usize {
        self.held().len()
    }

    pub(crate) fn all(&self) -> Vec<Ack> {
        self.held().clone()
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<Ack>> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
