//! What one run of the proving unit does. Pure; when it runs, and for what, `snapshot/schedule.rs` decides.

use crate::snapshot::id::Id;
use crate::snapshot::proof::{self, Depth, Proof};
use crate::snapshot::shelf::Snapshot;

/// The proofs to make, in order. `order`: what the daemon asked for; `snapshots`: oldest first; `under_way`: full proofs that
/// earlier nights were too short for.
#[must_use]
pub fn due(
    order: Option<(Id, Depth)>,
    snapshots: &[Snapshot],
    under_way: &[Id],
) -> Vec<(Id, Depth)> {
    let Some((id, depth)) = order else {
        // Nobody said which: the newest that nobody has looked at.
        let newest = snapshots.iter().rev().find(|found| found.proofs.is_empty());
        return newest
            .map(|found| (found.manifest.id, Depth::Quick))
            .into_iter()
            .collect();
    };
    let of = |id: Id| snapshots.iter().find(|found| found.manifest.id == id);
    let Some(ordered) = of(id) else {
        return Vec::new();
    };
    if depth == Depth::Quick {
        return vec![(id, Depth::Quick)];
    }
    // A full proof that is begun is ended before another one is: otherwise a slow disk would never end one.
    let begun = under_way.iter().copied().find(|id| {
        of(*id).is_some_and(|found| proof::last(&found.proofs).is_none_or(Proof::is_good))
    });
    match begun {
        Some(begun) if begun != id => {
            // The newest does not wait for it.
            let first = ordered.proofs.is_empty().then_some((id, Depth::Quick));
            first.into_iter().chain([(begun, Depth::Full)]).collect()
        }
        _ => vec![(id, Depth::Full)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::proof::Verdict;
    use crate::snapshot::shelf::tests::{manifest, proof_of};
    use proptest::prelude::*;

    fn id(number: u64) -> Id {
        Id::new(number).unwrap()
    }

    fn snapshot(number: u64, proofs: &[Verdict]) -> Snapshot {
        Snapshot {
            manifest: manifest(number),
            proofs: proofs
                .iter()
                .map(|verdict| proof_of(number, verdict.clone()))
                .collect(),
            directory: Default::default(),
        }
    }

    fn bad() -> Verdict {
        Verdict::Bad {
            reason: String::new(),
        }
    }

    #[test]
    fn without_an_order_the_newest_unseen_one_is_looked_at() {
        let all = [snapshot(1, &[]), snapshot(2, &[]), snapshot(3, &[bad()])];
        assert_eq!(due(None, &all, &[]), [(id(2), Depth::Quick)]);
        assert_eq!(due(None, &all[2..], &[]), []);
    }

    #[test]
    fn a_full_proof_under_way_is_ended_first_and_the_newest_does_not_wait() {
        let full = Some((id(3), Depth::Full));
        let all = [
            snapshot(1, &[Verdict::Good]),
            snapshot(2, &[bad()]),
            snapshot(3, &[]),
        ];
        assert_eq!(
            due(full, &all, &[id(1)]),
            [(id(3), Depth::Quick), (id(1), Depth::Full)]
        );
        assert_eq!(due(full, &all, &[id(2)]), [(id(3), Depth::Full)]);
        assert_eq!(due(full, &all, &[id(9)]), [(id(3), Depth::Full)]);
        assert_eq!(due(full, &all, &[id(3)]), [(id(3), Depth::Full)]);
    }

    #[test]
    fn a_snapshot_that_is_gone_is_not_asked_for() {
        let order = Some((id(7), Depth::Quick));
        assert_eq!(due(order, &[snapshot(1, &[])], &[]), []);
    }

    proptest! {
        #[test]
        fn only_snapshots_that_are_there_are_proven(
            numbers in proptest::collection::btree_set(1u64..6, 0..5),
            ordered in proptest::option::of((1u64..6, any::<bool>())),
            begun in proptest::collection::vec(1u64..6, 0..4),
        ) {
            let all: Vec<_> = numbers.iter().map(|number| snapshot(*number, &[])).collect();
            let order = ordered.map(|(number, full)| (id(number), if full { Depth::Full } else { Depth::Quick }));
            let begun: Vec<Id> = begun.into_iter().map(id).collect();
            for (found, _) in due(order, &all, &begun) {
                prop_assert!(numbers.contains(&found.number()));
            }
        }
    }
}
