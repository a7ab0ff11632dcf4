//! 5.6. Update the targets role; the same steps for delegated ones.

use super::{Change, Refusal, Request, Stage, Verified, Workflow, announced, same_version, signed};
use crate::envelope::RoleKeys;
use crate::key::Key;
use crate::metadata::{MetaFile, Metadata, Targets};
use crate::role::{self, RoleName};
use std::collections::BTreeMap;

impl Workflow {
    pub(super) fn announced_targets(&self, name: &RoleName) -> Result<&MetaFile, Refusal> {
        self.snapshot
            .as_ref()
            .and_then(|snapshot| snapshot.meta.get(&format!("{}.json", name.as_str())))
            .ok_or_else(|| Refusal::Unlisted(name.clone()))
    }

    pub(super) fn request_targets(&self, name: &RoleName) -> Option<Request> {
        let meta = self.announced_targets(name);
        let bound = self.policy.bounds.targets_bytes;
        Some(Request {
            role: name.clone(),
            version: meta
                .as_ref()
                .ok()
                .and_then(|meta| self.consistent(meta.version)),
            max_bytes: meta
                .ok()
                .and_then(|meta| meta.length)
                .unwrap_or(u64::MAX)
                .min(bound),
        })
    }

    /// Who may sign `name` on behalf of `parent`.
    fn signers_of(
        &self,
        name: &RoleName,
        parent: Option<&RoleName>,
    ) -> Option<(&BTreeMap<String, Key>, &RoleKeys)> {
        match parent {
            None => Some((&self.root.keys, &self.root.targets)),
            Some(parent) => {
                let delegations = self.targets.get(parent)?.delegations.as_ref()?;
                Some((&delegations.keys, delegations.role(name)?))
            }
        }
    }

    /// 5.6.2 to 5.6.5 for the top-level role (`parent` is `None`) or a delegated one.
    pub(super) fn verify_targets(
        &mut self,
        name: &RoleName,
        parent: Option<&RoleName>,
        file: &[u8],
    ) -> Result<Verified<Targets>, Refusal> {
        let meta = self.announced_targets(name)?.clone();
        // 5.6.2. Length and hashes as the snapshot says, if it does.
        announced(name, &meta, file)?;
        // 5.6.3. Arbitrary software attack.
        let (keys, by) = self
            .signers_of(name, parent)
            .ok_or_else(|| Refusal::Unlisted(name.clone()))?;
        let new: Targets = signed(name, file, keys, by, &self.policy.bounds)?;
        // 5.6.4. Mix-and-match attack: the version that the snapshot says.
        same_version(name, new.common().version, meta.version)?;
        // 5.6.5. Freeze attack.
        self.fresh(name, new.common().expires_s)?;
        Ok(Verified(new))
    }

    /// The stored targets serve if they are all that a fetched file would have to be.
    pub(super) fn load_top_targets(&mut self) {
        self.stage = Stage::Targets;
        let name = RoleName::new(role::TARGETS);
        let Some(file) = self.stored.get(&name).cloned() else {
            return;
        };
        if let Ok(targets) = self.verify_targets(&name, None, &file) {
            self.targets.insert(name, targets);
            self.stage = Stage::Ready;
        }
    }

    pub(super) fn take_top_targets(&mut self, file: Vec<u8>) -> Result<Vec<Change>, Refusal> {
        let name = RoleName::new(role::TARGETS);
        let targets = self.verify_targets(&name, None, &file)?;
        self.targets.insert(name.clone(), targets);
        self.stage = Stage::Ready;
        // 5.6.6. Keep it.
        Ok(vec![Change::Role { role: name, file }])
    }
}
