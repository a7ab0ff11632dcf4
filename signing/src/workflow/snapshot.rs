//! 5.5. Update the snapshot role.

use super::{Change, Refusal, Stage, Verified, Workflow, announced, same_version, signed};
use crate::metadata::{MetaFile, Metadata, Snapshot};
use crate::role::{self, RoleName};

impl Workflow {
    fn signed_snapshot(&self, file: &[u8]) -> Result<Snapshot, Refusal> {
        signed(
            &RoleName::new(role::SNAPSHOT),
            file,
            &self.root.keys,
            &self.root.snapshot,
            &self.policy.bounds,
        )
    }

    fn announced_snapshot(&self) -> Result<MetaFile, Refusal> {
        self.timestamp
            .as_ref()
            .map(|timestamp| timestamp.snapshot.clone())
            .ok_or(Refusal::OutOfTurn)
    }

    /// The stored snapshot: what has been seen, and where it is the announced one, all that is needed.
    pub(super) fn load_snapshot(&mut self) -> Result<(), Refusal> {
        self.stage = Stage::Snapshot;
        let name = RoleName::new(role::SNAPSHOT);
        let meta = self.announced_snapshot()?;
        let Some(file) = self.stored.get(&name) else {
            return Ok(());
        };
        let Ok(stored) = self.signed_snapshot(file) else {
            return Ok(());
        };
        let current =
            stored.common().version == meta.version && announced(&name, &meta, file).is_ok();
        let expires_s = stored.common().expires_s;
        self.snapshot = Some(Verified(stored));
        // An expired one is asked for again: the answer is judged as any.
        if current && self.fresh(&name, expires_s).is_ok() {
            self.load_top_targets();
        }
        Ok(())
    }

    pub(super) fn take_snapshot(&mut self, file: Vec<u8>) -> Result<Vec<Change>, Refusal> {
        let name = RoleName::new(role::SNAPSHOT);
        let meta = self.announced_snapshot()?;
        // 5.5.2. Length and hashes as the timestamp says, if it does.
        announced(&name, &meta, &file)?;
        // 5.5.3. Arbitrary software attack.
        let new = self.signed_snapshot(&file)?;
        // 5.5.4. Mix-and-match attack: the version that the timestamp says.
        same_version(&name, new.common().version, meta.version)?;
        // 5.5.5. Rollback attack: every role that was named still is, and in no older version.
        if let Some(seen) = &self.snapshot {
            for (file_name, seen) in &seen.meta {
                let role = RoleName::new(file_name.strip_suffix(".json").unwrap_or(file_name));
                let found = new
                    .meta
                    .get(file_name)
                    .ok_or_else(|| Refusal::Removed(role.clone()))?
                    .version;
                if found < seen.version {
                    return Err(Refusal::Rollback {
                        role,
                        found,
                        seen: seen.version,
                    });
                }
            }
        }
        // 5.5.6. Freeze attack.
        self.fresh(&name, new.common().expires_s)?;
        // 5.5.7. Keep it.
        self.snapshot = Some(Verified(new));
        self.load_top_targets();
        Ok(vec![Change::Role { role: name, file }])
    }
}
