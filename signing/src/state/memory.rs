//! Trusted state for the length of a program: what the publisher checks his own repository with.

use super::{StateError, TrustedState};
use crate::bounds::Bounds;
use crate::workflow::{Change, Stored};

/// Kept nowhere.
#[derive(Debug, Clone, Default)]
pub struct MemoryState {
    /// What is trusted.
    pub stored: Stored,
    /// The newest signed time seen, unix seconds.
    pub signed_time_s: Option<i64>,
}

impl TrustedState for MemoryState {
    fn load(&self, _: &Bounds) -> Result<Stored, StateError> {
        Ok(self.stored.clone())
    }

    fn apply(&mut self, changes: &[Change]) -> Result<(), StateError> {
        for change in changes.iter().cloned() {
            match change {
                Change::Root { file, .. } => self.stored.root = Some(file),
                Change::Role { role, file } => {
                    self.stored.roles.insert(role, file);
                }
                Change::Forget(role) => {
                    self.stored.roles.remove(&role);
                }
                Change::SignedTime(time_s) => {
                    self.signed_time_s = self.signed_time_s.max(Some(time_s));
                }
            }
        }
        Ok(())
    }
}
