//! A metadata file: what is signed, and the signatures.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::bounds::Bounds;
use crate::canonical::{CanonicalError, canonical};
use crate::key::Key;

/// Why a file is not metadata.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not of the form.
    #[error("not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// What is signed has no canonical form.
    #[error("not signable: {0}")]
    Canonical(#[from] CanonicalError),
    /// More signatures than anybody needs.
    #[error("{0} signatures")]
    Signatures(usize),
    /// Specification 4.2: the key id must be unique among the signatures.
    #[error("two signatures for the key id {0:?}")]
    DuplicateSignature(String),
    /// Metadata of another role.
    #[error("it is {found:?} metadata, not {wanted}")]
    Type {
        /// What was asked for.
        wanted: &'static str,
        /// What it says.
        found: String,
    },
    /// Of a specification that this client does not follow.
    #[error("it follows version {0:?} of the specification; this client follows 1")]
    Specification(String),
    /// Versions begin at 1.
    #[error("version 0")]
    Version,
    /// Not of the form YYYY-MM-DDTHH:MM:SSZ.
    #[error("{0:?} is not a time")]
    Expires(String),
    /// A role with a threshold of 0.
    #[error("a threshold of 0")]
    Threshold,
    /// Specification 4.3: key ids must be unique in a role.
    #[error("the key id {0:?} stands twice in a role")]
    DuplicateKeyId(String),
    /// One of the four roles, or a delegation's own, is not there or there twice.
    #[error("the role {0:?} is missing, doubled or not allowed there")]
    Role(String),
    /// Delegations of both kinds, of none, or with bins that cannot be.
    #[error("delegations that cannot be followed: {0}")]
    Delegations(&'static str),
}

/// A file that could be read; nothing is verified yet.
#[derive(Debug)]
pub struct Envelope {
    /// What is signed.
    pub(crate) signed: Value,
    bytes: Vec<u8>,
    signatures: BTreeMap<String, Vec<u8>>,
}

#[derive(Deserialize)]
struct Wire {
    signatures: Vec<WireSignature>,
    signed: Value,
}

#[derive(Deserialize)]
struct WireSignature {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not of the form, or beyond the bounds.
    pub fn read(file: &[u8], bounds: &Bounds) -> Result<Self, Malformed> {
        let wire: Wire = serde_json::from_slice(file)?;
        if wire.signatures.len() > bounds.signatures {
            return Err(Malformed::Signatures(wire.signatures.len()));
        }
        let mut signatures = BTreeMap::new();
        for WireSignature { keyid, sig } in wire.signatures {
            // What is not hexadecimal is a signature that verifies nothing; the others may still reach the threshold.
            let sig = hex::decode(sig).unwrap_or_default();
            if signatures.insert(keyid.clone(), sig).is_some() {
                return Err(Malformed::DuplicateSignature(keyid));
            }
        }
        Ok(Self {
            bytes: canonical(&wire.signed, bounds.json_depth)?,
            signed: wire.signed,
            signatures,
        })
    }

    /// How many different keys of `role` have signed this: two ids of one key count once.
    #[must_use]
    pub fn signers(&self, keys: &BTreeMap<String, Key>, role: &RoleKeys) -> u64 {
        let signers: BTreeSet<Vec<u8>> = role
            .keyids
            .iter()
            .filter_map(|keyid| {
                let (key, signature) = (keys.get(keyid)?, self.signatures.get(keyid)?);
                let identity = key.identity()?;
                key.verifies(&self.bytes, signature).then_some(identity)
            })
            .collect();
        signers.len() as u64
    }
}

/// Whose signatures a role needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleKeys {
    /// Ids of the keys.
    pub keyids: BTreeSet<String>,
    /// How many of them, at least 1.
    pub threshold: u64,
}

/// As it stands in the file.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRoleKeys {
    keyids: Vec<String>,
    threshold: u64,
}

impl TryFrom<WireRoleKeys> for RoleKeys {
    type Error = Malformed;

    fn try_from(wire: WireRoleKeys) -> Result<Self, Malformed> {
        let mut keyids = BTreeSet::new();
        for keyid in wire.keyids {
            if !keyids.insert(keyid.clone()) {
                return Err(Malformed::DuplicateKeyId(keyid));
            }
        }
        if wire.threshold == 0 {
            return Err(Malformed::Threshold);
        }
        Ok(Self {
            keyids,
            threshold: wire.threshold,
        })
    }
}

/// Keys by their ids, as the metadata gives them.
pub(crate) fn keys(wire: &BTreeMap<String, Value>) -> BTreeMap<String, Key> {
    wire.iter()
        .map(|(id, object)| (id.clone(), Key::read(object)))
        .collect()
}
