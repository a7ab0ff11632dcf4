//! The type that says that a snapshot was proven. Only a good last proof makes one; whoever puts a snapshot back or carries it
//! away asks for it.

use std::path::Path;

use crate::snapshot::id::Id;
use crate::snapshot::manifest::Manifest;
use crate::snapshot::proof::{self, Proof, Verdict};
use crate::snapshot::shelf::Snapshot;

/// A snapshot whose last proof is good.
#[derive(Debug, Clone)]
pub struct ProvenSnapshot {
    snapshot: Snapshot,
    proof: Proof,
}

/// Why a snapshot is not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// Nobody has looked yet.
    #[error("snapshot {0} has not been proven yet; 'posto snapshot verify {0}' does it now")]
    Never(Id),
    /// The last proof found it damaged.
    #[error("the last proof of snapshot {id} found it damaged: {reason}; take another one")]
    Bad {
        /// Which.
        id: Id,
        /// What is wrong.
        reason: String,
    },
}

impl ProvenSnapshot {
    /// # Errors
    /// [`NotProven`] unless the last proof is good.
    pub fn of(snapshot: &Snapshot) -> Result<Self, NotProven> {
        let id = snapshot.manifest.id;
        // A proof of another number was copied here by somebody: it proves nothing.
        let last = proof::last(&snapshot.proofs).filter(|proof| proof.id == id);
        let proof = last.ok_or(NotProven::Never(id))?;
        match &proof.verdict {
            Verdict::Good => Ok(Self {
                snapshot: snapshot.clone(),
                proof: proof.clone(),
            }),
            Verdict::Bad { reason } => Err(NotProven::Bad {
                id,
                reason: reason.clone(),
            }),
        }
    }

    /// `/data/snapshots/<id>`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.snapshot.directory
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.snapshot.manifest
    }

    /// The proof that counts.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::shelf::tests::{manifest, proof_of};

    #[test]
    fn only_a_good_last_proof_of_its_own_makes_a_snapshot_proven() {
        let id = Id::new(3).unwrap();
        let bad = Verdict::Bad {
            reason: "why".to_string(),
        };
        let of = |proofs: Vec<Proof>| {
            ProvenSnapshot::of(&Snapshot {
                manifest: manifest(3),
                proofs,
                directory: "/x".into(),
            })
        };
        assert_eq!(of(Vec::new()).unwrap_err(), NotProven::Never(id));
        assert_eq!(
            of(vec![proof_of(4, Verdict::Good)]).unwrap_err(),
            NotProven::Never(id)
        );
        let worse = of(vec![proof_of(3, Verdict::Good), proof_of(3, bad.clone())]);
        assert!(matches!(worse, Err(NotProven::Bad { .. })));
        let better = of(vec![proof_of(3, bad), proof_of(3, Verdict::Good)]).unwrap();
        assert!(better.proof().is_good());
    }
}
