//! What was found when a server was started on a clone of a snapshot: `proofs.json` beside its manifest. Only a good proof makes
//! a snapshot one that may be restored without a person's own word.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::id::Id;
use super::manifest::{Binlog, Moment};
use crate::system::durable::{self, DurableError};

/// The file's name in the snapshot's directory.
pub const FILE: &str = "proofs.json";
/// Proofs kept of one snapshot; the oldest go first.
pub const KEPT: usize = 8;
const LIMIT_BYTES: u64 = 1 << 20;

/// How deep was looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// It recovers, every table opens, the newest acknowledged rows are there.
    Quick,
    /// Also CHECK TABLE of every table and the clinical tables' rows counted.
    Full,
}

impl Depth {
    /// quick or full.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// It may be restored.
    Good,
    /// It may not; the evidence stays.
    Bad {
        /// What is wrong, in English, for the log and the programme.
        reason: String,
    },
}

/// One proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Which snapshot.
    pub id: Id,
    /// How deep.
    pub depth: Depth,
    /// What came out.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// When.
    pub moment: Moment,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Tables of OpenMRS's schema that opened.
    pub tables: u64,
    /// Rows of the clinical tables (full depth; the small ones also at quick depth).
    #[serde(default)]
    pub rows: BTreeMap<String, u64>,
    /// The largest row number of each clinical table, as recovered.
    #[serde(default)]
    pub highest: BTreeMap<String, u64>,
    /// The journal's place that InnoDB recovered.
    #[serde(default)]
    pub binlog: Option<Binlog>,
    /// Tables with fewer rows than the proof before counted.
    #[serde(default)]
    pub fell: Vec<Fall>,
}

/// A table that lost rows between two proofs: voiding keeps rows, so a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    /// The table.
    pub table: String,
    /// Rows in the proof before.
    pub before: u64,
    /// Rows now.
    pub now: u64,
}

impl Proof {
    /// Whether the verdict is good.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.verdict == Verdict::Good
    }
}

/// The proofs of the snapshot in `directory`, oldest first; none where the file is not there or cannot be understood: what is
/// not proven can be proven again.
///
/// # Errors
/// [`DurableError`] when the disk does not give it.
pub fn read(directory: &Path) -> Result<Vec<Proof>, DurableError> {
    let bytes = durable::read(&directory.join(FILE), LIMIT_BYTES)?.unwrap_or_default();
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Adds one, durably.
///
/// # Errors
/// [`DurableError`]; the proofs before stand.
pub fn add(directory: &Path, proof: &Proof) -> Result<(), DurableError> {
    let mut all = read(directory)?;
    all.push(proof.clone());
    let excess = all.len().saturating_sub(KEPT);
    all.drain(..excess);
    let text = serde_json::to_vec_pretty(&all).unwrap_or_default();
    durable::write(&directory.join(FILE), &text, durable::Owner::mode(0o600))
}

/// How far a snapshot can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proven {
    /// Nobody looked.
    Not,
    /// The last look was good, quick.
    Quick,
    /// The last look was good, full.
    Full,
    /// The last look was bad.
    Bad,
}

impl Proven {
    /// By the last of its proofs.
    #[must_use]
    pub fn of(proofs: &[Proof]) -> Self {
        match last(proofs) {
            None => Self::Not,
            Some(last) if !last.is_good() => Self::Bad,
            Some(last) if last.depth == Depth::Full => Self::Full,
            Some(_) => Self::Quick,
        }
    }
}

/// The last word on a snapshot: its newest proof. A bad one is not made good by an older good one.
#[must_use]
pub fn last(proofs: &[Proof]) -> Option<&Proof> {
    proofs.last()
}
