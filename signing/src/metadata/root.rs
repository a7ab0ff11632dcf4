//! Root: whose signatures the four roles need (specification 4.3).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Common, Metadata};
use crate::envelope::{self, Malformed, RoleKeys, WireRoleKeys};
use crate::key::Key;
use crate::role::{ROOT, SNAPSHOT, TARGETS, TIMESTAMP};

/// The root of trust.
#[derive(Debug, Clone)]
pub struct Root {
    common: Common,
    /// Whether files are named by version or hash.
    pub consistent_snapshot: bool,
    /// Keys by id.
    pub keys: BTreeMap<String, Key>,
    /// Of root.
    pub root: RoleKeys,
    /// Of timestamp.
    pub timestamp: RoleKeys,
    /// Of snapshot.
    pub snapshot: RoleKeys,
    /// Of targets.
    pub targets: RoleKeys,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    consistent_snapshot: bool,
    keys: BTreeMap<String, Value>,
    roles: BTreeMap<String, WireRoleKeys>,
}

impl Metadata for Root {
    const TYPE: &'static str = ROOT;

    fn read_signed(common: Common, signed: &Value) -> Result<Self, Malformed> {
        let mut wire = Wire::deserialize(signed)?;
        let mut role = |name: &str| {
            wire.roles
                .remove(name)
                .ok_or_else(|| Malformed::Role(name.to_owned()))
                .and_then(RoleKeys::try_from)
        };
        Ok(Self {
            common,
            consistent_snapshot: wire.consistent_snapshot,
            root: role(ROOT)?,
            timestamp: role(TIMESTAMP)?,
            snapshot: role(SNAPSHOT)?,
            targets: role(TARGETS)?,
            keys: envelope::keys(&wire.keys),
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }
}

impl Root {
    /// Whether `role` lost a key from `before` to this root. A key may stand under another id: what it is counts.
    #[must_use]
    pub(crate) fn revokes(&self, before: &Self, role: fn(&Self) -> &RoleKeys) -> bool {
        let identities = |root: &Self| -> Vec<Vec<u8>> {
            role(root)
                .keyids
                .iter()
                .filter_map(|id| root.keys.get(id)?.identity())
                .collect()
        };
        let now = identities(self);
        identities(before).iter().any(|key| !now.contains(key))
    }
}
