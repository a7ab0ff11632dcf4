//! Snapshot and timestamp: which versions belong together, and which of these is the newest (specification 4.4, 4.6).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Common, Metadata};
use crate::envelope::Malformed;
use crate::hashes::Hashes;
use crate::role::{SNAPSHOT, TIMESTAMP};
use crate::time;

/// What is said of another metadata file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MetaFile {
    /// Its version.
    pub version: u64,
    /// Its length in bytes.
    #[serde(default)]
    pub length: Option<u64>,
    /// Its hashes.
    #[serde(default)]
    pub hashes: Option<Hashes>,
}

/// Which snapshot is the newest.
#[derive(Debug, Clone)]
pub struct Timestamp {
    common: Common,
    /// Of the snapshot.
    pub snapshot: MetaFile,
    /// When it was signed, unix seconds: a field of ours (`posto_issued`), which others ignore.
    pub issued_s: Option<i64>,
}

/// Which targets files belong together.
#[derive(Debug, Clone)]
pub struct Snapshot {
    common: Common,
    /// By file name, `targets.json`.
    pub meta: BTreeMap<String, MetaFile>,
}

#[derive(Deserialize)]
struct Wire {
    meta: BTreeMap<String, MetaFile>,
}

/// The field of a timestamp that says when it was signed.
pub const ISSUED: &str = "posto_issued";

impl Metadata for Timestamp {
    const TYPE: &'static str = TIMESTAMP;

    fn read_signed(common: Common, signed: &Value) -> Result<Self, Malformed> {
        let mut wire = Wire::deserialize(signed)?;
        let snapshot = wire
            .meta
            .remove("snapshot.json")
            .filter(|snapshot| snapshot.version > 0)
            .ok_or_else(|| Malformed::Role(SNAPSHOT.to_owned()))?;
        Ok(Self {
            common,
            snapshot,
            issued_s: signed
                .get(ISSUED)
                .and_then(Value::as_str)
                .and_then(time::read),
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }
}

impl Metadata for Snapshot {
    const TYPE: &'static str = SNAPSHOT;

    fn read_signed(common: Common, signed: &Value) -> Result<Self, Malformed> {
        Ok(Self {
            common,
            meta: Wire::deserialize(signed)?.meta,
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }
}
