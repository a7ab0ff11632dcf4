//! Metadata files, made and signed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::signer::{PublicKey, Signer, SignerError};
use crate::bounds::Bounds;
use crate::canonical::{CanonicalError, canonical};
use crate::hashes::Hashes;
use crate::metadata::{ISSUED, TargetFile};
use crate::role::{ROOT, SNAPSHOT, TARGETS, TIMESTAMP};
use crate::time;

/// The specification that is followed.
const SPECIFICATION: &str = "1.0.34";

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// What is to be signed has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A key.
    #[error(transparent)]
    Key(#[from] SignerError),
    /// A time that metadata cannot hold.
    #[error("{0} (unix seconds) is not a time that metadata can hold")]
    Time(i64),
    /// It could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Version and expiry of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition {
    /// From 1 on.
    pub version: u64,
    /// Unix seconds.
    pub expires_s: i64,
}

/// Who may sign a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Signatories {
    /// Their keys.
    pub keys: Vec<PublicKey>,
    /// How many are needed.
    pub threshold: u64,
}

fn common(kind: &str, edition: Edition) -> Result<Value, DocumentError> {
    Ok(json!({
        "_type": kind,
        "spec_version": SPECIFICATION,
        "version": edition.version,
        "expires": instant(edition.expires_s)?,
    }))
}

fn instant(unix_s: i64) -> Result<String, DocumentError> {
    time::write(unix_s).ok_or(DocumentError::Time(unix_s))
}

fn with(mut base: Value, name: &str, value: Value) -> Value {
    if let Some(fields) = base.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
    base
}

/// A root; `roles` by the names of the four.
///
/// # Errors
/// For a time that cannot be.
pub fn root(
    edition: Edition,
    roles: &BTreeMap<String, Signatories>,
) -> Result<Value, DocumentError> {
    let mut keys = BTreeMap::new();
    let mut named = BTreeMap::new();
    for (name, signatories) in roles {
        let ids: Vec<&str> = signatories.keys.iter().map(|key| key.id.as_str()).collect();
        named.insert(
            name,
            json!({"keyids": ids, "threshold": signatories.threshold}),
        );
        for key in &signatories.keys {
            keys.insert(&key.id, &key.object);
        }
    }
    let base = with(
        common(ROOT, edition)?,
        "consistent_snapshot",
        Value::Bool(true),
    );
    let base = with(base, "keys", serde_json::to_value(keys)?);
    Ok(with(base, "roles", serde_json::to_value(named)?))
}

/// A targets file.
///
/// # Errors
/// For a time that cannot be.
pub fn targets(
    edition: Edition,
    files: &BTreeMap<String, TargetFile>,
) -> Result<Value, DocumentError> {
    Ok(with(
        common(TARGETS, edition)?,
        "targets",
        serde_json::to_value(files)?,
    ))
}

/// What a snapshot or timestamp says of another file.
#[must_use]
pub fn meta(version: u64, file: &[u8]) -> Value {
    let hash: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(file).into();
    json!({"version": version, "length": file.len(), "hashes": Hashes::sha256(&hash)})
}

/// A snapshot; `files` by name, `targets.json`.
///
/// # Errors
/// For a time that cannot be.
pub fn snapshot(edition: Edition, files: &BTreeMap<String, Value>) -> Result<Value, DocumentError> {
    Ok(with(
        common(SNAPSHOT, edition)?,
        "meta",
        serde_json::to_value(files)?,
    ))
}

/// A timestamp, with the time of its signing.
///
/// # Errors
/// For a time that cannot be.
pub fn timestamp(edition: Edition, snapshot: Value, issued_s: i64) -> Result<Value, DocumentError> {
    let base = with(
        common(TIMESTAMP, edition)?,
        "meta",
        json!({"snapshot.json": snapshot}),
    );
    Ok(with(base, ISSUED, Value::String(instant(issued_s)?)))
}

/// The file: what is signed, with a signature of each signer.
///
/// # Errors
/// When it has no canonical form.
pub fn sign<'a>(
    signed: &Value,
    signers: impl IntoIterator<Item = &'a Signer>,
) -> Result<Vec<u8>, DocumentError> {
    let bytes = canonical(signed, Bounds::default().json_depth)?;
    let mut signatures = BTreeMap::new();
    for signer in signers {
        let id = signer.public()?.id;
        signatures.insert(id, hex::encode(signer.sign(&bytes)?));
    }
    let signatures: Vec<Value> = signatures
        .into_iter()
        .map(|(id, signature)| json!({"keyid": id, "sig": signature}))
        .collect();
    let mut file = serde_json::to_vec_pretty(&json!({"signatures": signatures, "signed": signed}))?;
    file.push(b'\n');
    Ok(file)
}
