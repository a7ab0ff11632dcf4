//! How far full proofs are that one night was too short for: which files and tables of which snapshot are done. A snapshot never
//! changes, and recovery of the same bytes gives the same tables: what was found good stays so for that snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::snapshot::id::Id;
use crate::system::durable::{self, DurableError, Owner};

/// Full proofs under way; the oldest are given up.
const KEPT: usize = 4;
const LIMIT_BYTES: u64 = 4 << 20;

/// One full proof under way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {
    /// Files whose pages' checksums are right, relative to the data directory.
    #[serde(default)]
    pub files: BTreeSet<String>,
    /// Tables that are in order, as `schema.table`, with their rows where those were counted.
    #[serde(default)]
    pub tables: BTreeMap<String, Option<u64>>,
    /// Time spent on it in earlier nights, in milliseconds.
    #[serde(default)]
    pub took_ms: u64,
}

/// All full proofs under way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Oldest first.
    #[serde(default)]
    proofs: Vec<(Id, Done)>,
}

impl Progress {
    /// What was left by earlier nights; nothing where there is no file or it cannot be understood: then it begins anew.
    #[must_use]
    pub fn read(places: &Places) -> Self {
        let bytes = durable::read(&path(places), LIMIT_BYTES).ok().flatten();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Leaves it for the next night.
    ///
    /// # Errors
    /// [`DurableError`]: the tables since the last writing are looked at again.
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&path(places), &text, Owner::mode(0o600))
    }

    /// What is done of this snapshot.
    #[must_use]
    pub fn of(&self, id: Id) -> Option<&Done> {
        self.proofs
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, done)| done)
    }

    /// The snapshots whose full proof is under way, oldest beginning first.
    #[must_use]
    pub fn under_way(&self) -> Vec<Id> {
        self.proofs.iter().map(|(id, _)| *id).collect()
    }

    /// Notes what is done of this snapshot.
    pub fn put(&mut self, id: Id, done: Done) {
        match self.proofs.iter_mut().find(|(known, _)| *known == id) {
            Some((_, old)) => *old = done,
            None => self.proofs.push((id, done)),
        }
        let excess = self.proofs.len().saturating_sub(KEPT);
        self.proofs.drain(..excess);
    }

    /// The proof is over, or its snapshot gone.
    pub fn forget(&mut self, id: Id) {
        self.proofs.retain(|(known, _)| *known != id);
    }
}

fn path(places: &Places) -> PathBuf {
    places.posto().join("proof-progress.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u64) -> Id {
        Id::new(number).unwrap()
    }

    fn done(table: &str) -> Done {
        Done {
            tables: [(table.to_string(), Some(3))].into(),
            ..Done::default()
        }
    }

    #[test]
    fn what_one_night_did_the_next_one_finds() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.posto()).unwrap();
        let mut progress = Progress::read(&places);
        progress.put(id(7), done("openmrs.obs"));
        progress.write(&places).unwrap();
        let mut next = Progress::read(&places);
        assert_eq!(next.of(id(7)), Some(&done("openmrs.obs")));
        assert_eq!(next.of(id(8)), None);
        next.forget(id(7));
        assert_eq!(next, Progress::default());
    }

    #[test]
    fn a_damaged_file_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.posto()).unwrap();
        durable::write(&path(&places), b"{\"proofs\": [[0, {}]", Owner::mode(0o600)).unwrap();
        assert_eq!(Progress::read(&places), Progress::default());
    }

    proptest! {
        #[test]
        fn the_newest_few_are_kept_and_each_once(numbers in proptest::collection::vec(1u64..9, 0..30)) {
            let mut progress = Progress::default();
            for number in &numbers {
                progress.put(id(*number), done(&number.to_string()));
            }
            let kept = progress.under_way();
            prop_assert!(kept.len() <= KEPT);
            prop_assert_eq!(kept.iter().collect::<BTreeSet<_>>().len(), kept.len());
            if let Some(last) = numbers.last() {
                prop_assert!(kept.contains(&id(*last)));
            }
        }
    }
}
