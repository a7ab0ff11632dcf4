//! 5.4. Update the timestamp role.

use super::{Change, Refusal, Stage, Verified, Workflow, signed};
use crate::metadata::{Metadata, Timestamp};
use crate::role::{self, RoleName};

impl Workflow {
    fn signed_timestamp(&self, file: &[u8]) -> Result<Timestamp, Refusal> {
        signed(
            &RoleName::new(role::TIMESTAMP),
            file,
            &self.root.keys,
            &self.root.timestamp,
            &self.policy.bounds,
        )
    }

    /// The stored timestamp, if the present root's keys have signed it: what has been seen, expired or not.
    pub(super) fn load_timestamp(&mut self) {
        self.timestamp = self
            .stored
            .get(&RoleName::new(role::TIMESTAMP))
            .and_then(|file| self.signed_timestamp(file).ok())
            .map(Verified);
    }

    pub(super) fn take_timestamp(&mut self, file: Vec<u8>) -> Result<Vec<Change>, Refusal> {
        let name = RoleName::new(role::TIMESTAMP);
        self.fresh_root()?;
        // 5.4.2. Arbitrary software attack.
        let new = self.signed_timestamp(&file)?;
        if let Some(seen) = &self.timestamp {
            // 5.4.3.1. Rollback of the timestamp.
            let (found, seen_version) = (new.common().version, seen.common().version);
            if found < seen_version {
                return Err(Refusal::Rollback {
                    role: name,
                    found,
                    seen: seen_version,
                });
            }
            // 5.4.3.1. The same version: the one that is trusted stays, whatever the new one says.
            if found == seen_version {
                self.fresh(&name, seen.common().expires_s)?;
                return self.load_snapshot().map(|()| Vec::new());
            }
            // 5.4.3.2. Rollback of the snapshot.
            if new.snapshot.version < seen.snapshot.version {
                return Err(Refusal::Rollback {
                    role: RoleName::new(role::SNAPSHOT),
                    found: new.snapshot.version,
                    seen: seen.snapshot.version,
                });
            }
        }
        // 5.4.4. Freeze attack.
        self.fresh(&name, new.common().expires_s)?;
        // 5.4.5. Keep it.
        let mut changes: Vec<Change> = new.issued_s.map(Change::SignedTime).into_iter().collect();
        changes.push(Change::Role { role: name, file });
        self.timestamp = Some(Verified(new));
        self.stage = Stage::Snapshot;
        self.load_snapshot()?;
        Ok(changes)
    }
}
