//! Delegations: which other role may say what of which paths (specification 4.5; succinct bins: TAP 15).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::envelope::{self, Malformed, RoleKeys, WireRoleKeys};
use crate::key::Key;
use crate::pattern;
use crate::role::RoleName;

/// TAP 15: 1 to 32 bits of the hash choose the bin.
const BIN_BITS: std::ops::RangeInclusive<u32> = 1..=32;

/// A role's delegations.
#[derive(Debug, Clone)]
pub struct Delegations {
    /// Keys by id.
    pub keys: BTreeMap<String, Key>,
    roles: Roles,
}

#[derive(Debug, Clone)]
enum Roles {
    /// In the order of trust.
    Listed(Vec<Delegation>),
    Bins {
        role: RoleKeys,
        bits: u32,
        prefix: String,
    },
}

/// One delegated role.
#[derive(Debug, Clone)]
pub struct Delegation {
    /// Its name.
    pub name: RoleName,
    /// Whose signatures it needs.
    pub role: RoleKeys,
    /// What it covers ends with it: roles after it are not asked.
    pub terminating: bool,
    covers: Covers,
}

#[derive(Debug, Clone)]
enum Covers {
    Paths(Vec<String>),
    HashPrefixes(Vec<String>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireDelegations {
    keys: BTreeMap<String, Value>,
    #[serde(default)]
    roles: Option<Vec<WireDelegation>>,
    #[serde(default)]
    succinct_roles: Option<WireBins>,
}

#[derive(Debug, Deserialize)]
struct WireDelegation {
    name: String,
    #[serde(flatten)]
    role: WireRoleKeys,
    #[serde(default)]
    terminating: bool,
    #[serde(default)]
    paths: Option<Vec<String>>,
    #[serde(default)]
    path_hash_prefixes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct WireBins {
    #[serde(flatten)]
    role: WireRoleKeys,
    bit_length: u32,
    name_prefix: String,
}

impl TryFrom<WireDelegations> for Delegations {
    type Error = Malformed;

    fn try_from(wire: WireDelegations) -> Result<Self, Malformed> {
        let roles = match (wire.roles, wire.succinct_roles) {
            (Some(roles), None) => Roles::Listed(listed(roles)?),
            (None, Some(bins)) if BIN_BITS.contains(&bins.bit_length) => Roles::Bins {
                role: bins.role.try_into()?,
                bits: bins.bit_length,
                prefix: bins.name_prefix,
            },
            (None, Some(_)) => return Err(Malformed::Delegations("bins of 0 or over 32 bits")),
            (Some(_), Some(_)) => return Err(Malformed::Delegations("roles and bins together")),
            (None, None) => return Err(Malformed::Delegations("neither roles nor bins")),
        };
        Ok(Self {
            keys: envelope::keys(&wire.keys),
            roles,
        })
    }
}

fn listed(wire: Vec<WireDelegation>) -> Result<Vec<Delegation>, Malformed> {
    let mut names = BTreeSet::new();
    let mut roles = Vec::with_capacity(wire.len());
    for delegation in wire {
        let name = RoleName::new(&delegation.name);
        if name.is_top_level() || !names.insert(name.clone()) {
            return Err(Malformed::Role(delegation.name));
        }
        let covers = match (delegation.paths, delegation.path_hash_prefixes) {
            (Some(paths), None) => Covers::Paths(paths),
            (None, Some(prefixes)) => Covers::HashPrefixes(prefixes),
            _ => {
                return Err(Malformed::Delegations(
                    "a role with both or neither of paths and path_hash_prefixes",
                ));
            }
        };
        roles.push(Delegation {
            name,
            role: delegation.role.try_into()?,
            terminating: delegation.terminating,
            covers,
        });
    }
    Ok(roles)
}

impl Delegations {
    /// The roles that may speak of `path`, the most trusted first, and whether each ends the search.
    #[must_use]
    pub fn covering(&self, path: &str) -> Vec<(RoleName, bool)> {
        match &self.roles {
            Roles::Listed(roles) => roles
                .iter()
                .filter(|role| role.covers(path))
                .map(|role| (role.name.clone(), role.terminating))
                .collect(),
            Roles::Bins { bits, prefix, .. } => {
                vec![(bin(path, *bits, prefix), true)]
            }
        }
    }

    /// Whose signatures the delegated role needs.
    #[must_use]
    pub fn role(&self, name: &RoleName) -> Option<&RoleKeys> {
        match &self.roles {
            Roles::Listed(roles) => roles
                .iter()
                .find(|role| role.name == *name)
                .map(|role| &role.role),
            Roles::Bins { role, .. } => Some(role),
        }
    }
}

impl Delegation {
    /// Whether it may speak of `path`.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        match &self.covers {
            Covers::Paths(patterns) => patterns
                .iter()
                .any(|pattern| pattern::matches(pattern, path)),
            Covers::HashPrefixes(prefixes) => {
                let hash = hex::encode(Sha256::digest(path.as_bytes()));
                prefixes.iter().any(|prefix| hash.starts_with(prefix))
            }
        }
    }
}

/// TAP 15: the first bits of the path's SHA-256, in as many hexadecimal digits as the last bin needs.
fn bin(path: &str, bits: u32, prefix: &str) -> RoleName {
    let hash = Sha256::digest(path.as_bytes());
    let first = hash
        .iter()
        .take(4)
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let digits = bits.div_ceil(4) as usize;
    RoleName::new(&format!("{prefix}-{:0digits$x}", first >> (32 - bits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Delegations, Malformed> {
        WireDelegations::deserialize(value).unwrap().try_into()
    }

    #[test]
    fn bins_are_named_by_the_first_bits() {
        // sha256("a") = ca978112...
        assert_eq!(bin("a", 1, "b").as_str(), "b-1");
        assert_eq!(bin("a", 4, "b").as_str(), "b-c");
        assert_eq!(bin("a", 5, "b").as_str(), "b-19");
        assert_eq!(bin("a", 32, "b").as_str(), "b-ca978112");
    }

    #[test]
    fn a_hash_prefix_covers_what_hashes_to_it() {
        let delegations = read(json!({"keys": {}, "roles": [
            {"name": "x", "keyids": [], "threshold": 1, "path_hash_prefixes": ["ca9", "00"]}]}))
        .unwrap();
        assert_eq!(delegations.covering("a").len(), 1);
        assert_eq!(delegations.covering("b").len(), 0);
    }

    #[test]
    fn a_delegation_to_one_of_the_four_roles_twice_or_without_paths_is_refused() {
        let role = |name: &str| json!({"name": name, "keyids": [], "threshold": 1, "paths": []});
        for roles in [
            json!([role("root")]),
            json!([role("a"), role("a")]),
            json!([{"name": "a", "keyids": [], "threshold": 1}]),
            json!([{"name": "a", "keyids": ["k", "k"], "threshold": 1, "paths": []}]),
            json!([{"name": "a", "keyids": ["k"], "threshold": 0, "paths": []}]),
        ] {
            assert!(read(json!({"keys": {}, "roles": roles})).is_err());
        }
        assert!(
            read(json!({"keys": {}, "succinct_roles":
            {"keyids": [], "threshold": 1, "bit_length": 33, "name_prefix": "b"}}))
            .is_err()
        );
    }
}
