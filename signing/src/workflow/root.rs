//! 5.3. Update the root role.

use std::collections::BTreeMap;

use super::{Change, Refusal, Stage, Verified, Workflow, same_version, signed, threshold};
use crate::bounds::Bounds;
use crate::envelope::{Envelope, RoleKeys};
use crate::metadata::{Metadata, Root};
use crate::role::{self, RoleName};

/// 5.2. A root that is trusted because of where it comes from; it must still be signed by itself.
pub(super) fn trusted(file: &[u8], bounds: &Bounds) -> Result<Verified<Root>, Refusal> {
    let name = RoleName::new(role::ROOT);
    let malformed = |why| Refusal::Malformed {
        role: name.clone(),
        why,
    };
    if file.len() as u64 > bounds.root_bytes {
        return Err(Refusal::TooLong {
            role: name,
            max_bytes: bounds.root_bytes,
        });
    }
    let envelope = Envelope::read(file, bounds).map_err(malformed)?;
    let root = Root::read(&envelope).map_err(malformed)?;
    threshold(&name, &envelope, &root.keys, &root.root)?;
    Ok(Verified(root))
}

impl Workflow {
    pub(super) fn take_root(&mut self, file: Option<Vec<u8>>) -> Result<Vec<Change>, Refusal> {
        // 5.3.3: no newer one.
        let Some(file) = file else {
            return self.end_root().map(|()| Vec::new());
        };
        let name = RoleName::new(role::ROOT);
        let bounds = self.policy.bounds;
        // 5.3.4. Arbitrary software attack: signed by a threshold of the trusted root's keys and of its own.
        let new: Root = signed(&name, &file, &self.root.keys, &self.root.root, &bounds)?;
        let new = {
            let itself = trusted(&file, &bounds)?;
            debug_assert_eq!(itself.common(), new.common());
            itself
        };
        // 5.3.5. Rollback attack: exactly the next version.
        same_version(
            &name,
            new.common().version,
            self.root.common().version.saturating_add(1),
        )?;
        // 5.3.6. The expiration of an intermediate root does not matter.
        // 5.3.7, 5.3.8. Trust it, keep it.
        let mut changes = vec![Change::Root {
            version: new.common().version,
            file,
        }];
        // 5.3.11. Done at each step, with the root in one change of the state: a power cut between leaves no gap.
        changes.extend(forget(&new, &self.root, &mut self.stored));
        self.root = new;
        // 5.3.9. Again, up to the bound.
        self.rotations += 1;
        if self.rotations >= self.policy.bounds.root_rotations {
            self.stage = Stage::Timestamp;
            self.load_timestamp();
        }
        Ok(changes)
    }

    fn end_root(&mut self) -> Result<(), Refusal> {
        self.stage = Stage::Timestamp;
        self.load_timestamp();
        self.fresh_root()
    }

    /// 5.3.10. Freeze attack: the newest root has not expired; once in an update, after it was kept.
    /// (5.3.12 is [`Workflow::consistent`].)
    pub(super) fn fresh_root(&mut self) -> Result<(), Refusal> {
        if !self.root_is_fresh {
            self.fresh(&RoleName::new(role::ROOT), self.root.common().expires_s)?;
            self.root_is_fresh = true;
        }
        Ok(())
    }
}

/// 5.3.11. Fast-forward attack: where timestamp's or snapshot's keys have been rotated, what they signed goes.
pub(super) fn forget(
    new: &Root,
    before: &Root,
    stored: &mut BTreeMap<RoleName, Vec<u8>>,
) -> Vec<Change> {
    let roles: [fn(&Root) -> &RoleKeys; 2] = [|root| &root.timestamp, |root| &root.snapshot];
    if !roles.iter().any(|role| new.revokes(before, *role)) {
        return Vec::new();
    }
    [role::TIMESTAMP, role::SNAPSHOT]
        .map(RoleName::new)
        .into_iter()
        .filter(|role| stored.remove(role).is_some())
        .map(Change::Forget)
        .collect()
}
