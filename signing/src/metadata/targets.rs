//! Targets: what files there are, and who else may say so (specification 4.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::delegations::{Delegations, WireDelegations};
use super::{Common, Metadata};
use crate::envelope::Malformed;
use crate::hashes::Hashes;
use crate::role::TARGETS;

/// A file that may be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFile {
    /// Its length in bytes.
    pub length: u64,
    /// Its hashes.
    pub hashes: Hashes,
    /// What the publisher says of it besides.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub custom: Value,
}

/// A role's files and delegations.
#[derive(Debug, Clone)]
pub struct Targets {
    common: Common,
    /// By path.
    pub targets: BTreeMap<String, TargetFile>,
    /// To whom it delegates.
    pub delegations: Option<Delegations>,
}

#[derive(Deserialize)]
struct Wire {
    targets: BTreeMap<String, TargetFile>,
    #[serde(default)]
    delegations: Option<WireDelegations>,
}

impl Metadata for Targets {
    const TYPE: &'static str = TARGETS;

    fn read_signed(common: Common, signed: &Value) -> Result<Self, Malformed> {
        let wire = Wire::deserialize(signed)?;
        Ok(Self {
            common,
            targets: wire.targets,
            delegations: wire.delegations.map(Delegations::try_from).transpose()?,
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }
}
