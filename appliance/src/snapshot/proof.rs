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
    /// The journal's place that the recovered database stands at: what the journal has from there on is what it lacks.
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
    while all.len() > KEPT {
        // The oldest goes, unless it is the one that counts.
        let counts = last(&all).cloned();
        let goes = all.iter().position(|one| Some(one) != counts.as_ref());
        all.remove(goes.unwrap_or(0));
    }
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

/// The last word on a snapshot: its newest proof, unless a bad one stands that was not refuted since. An older good proof does not
/// make a bad one good, and a quick look does not see what a full one found.
#[must_use]
pub fn last(proofs: &[Proof]) -> Option<&Proof> {
    let mut standing: Option<&Proof> = None;
    for proof in proofs {
        if standing.is_none_or(|old| old.is_good() || proof.depth >= old.depth) {
            standing = Some(proof);
        }
    }
    standing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::shelf::tests::proof_of;
    use proptest::prelude::*;

    fn proof((good, full): (bool, bool)) -> Proof {
        let bad = Verdict::Bad {
            reason: "why".to_string(),
        };
        Proof {
            depth: if full { Depth::Full } else { Depth::Quick },
            ..proof_of(1, if good { Verdict::Good } else { bad })
        }
    }

    #[test]
    fn a_quick_look_does_not_refute_what_a_full_one_found() {
        let (good, bad) = (true, false);
        let word = |all: &[(bool, bool)]| {
            let proofs: Vec<Proof> = all.iter().copied().map(proof).collect();
            Proven::of(&proofs)
        };
        assert_eq!(word(&[]), Proven::Not);
        assert_eq!(word(&[(bad, true), (good, false)]), Proven::Bad);
        assert_eq!(
            word(&[(bad, true), (bad, false), (good, false)]),
            Proven::Bad
        );
        assert_eq!(word(&[(bad, true), (good, true)]), Proven::Full);
        assert_eq!(word(&[(bad, false), (good, false)]), Proven::Quick);
        assert_eq!(word(&[(good, true), (bad, false)]), Proven::Bad);
    }

    proptest! {
        #[test]
        fn keeping_few_proofs_changes_no_last_word(all in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..30)) {
            let dir = tempfile::tempdir().unwrap();
            let proofs: Vec<Proof> = all.into_iter().map(proof).collect();
            for (number, one) in proofs.iter().enumerate() {
                let told = Proof { took_ms: number as u64, ..one.clone() };
                add(dir.path(), &told).unwrap();
            }
            let kept = read(dir.path()).unwrap();
            prop_assert!(kept.len() <= KEPT);
            prop_assert_eq!(Proven::of(&kept), Proven::of(&proofs));
        }
    }
}
