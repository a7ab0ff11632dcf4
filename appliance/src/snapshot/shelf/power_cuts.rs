//! The power goes before every step that lasts, one after the other, and again during what puts things in order. What was
//! acknowledged must be there, nothing half-made may be listed.

use std::collections::{BTreeMap, BTreeSet};

use super::tests::{box_, manifest, proof_of, take};
use super::*;
use crate::system::durable::power;

/// What the caller was told.
#[derive(Debug, Default)]
struct Told {
    /// Numbers given.
    numbers: BTreeSet<u64>,
    /// Snapshots finished.
    taken: BTreeSet<u64>,
    /// Their good proofs.
    proven: BTreeMap<u64, usize>,
    /// Asked to be thrown away; whether that was acknowledged.
    thrown: BTreeMap<u64, bool>,
}

/// A life of the shelf up to the cut.
fn live(shelf: &mut Shelf, told: &mut Told) -> Result<(), ShelfError> {
    for round in 0..3 {
        for _ in 0..2 {
            let id = take(shelf)?.number();
            told.numbers.insert(id);
            told.taken.insert(id);
        }
        let newest = told.taken.last().copied().unwrap_or(1);
        shelf.proved(&proof_of(newest, Verdict::Good))?;
        *told.proven.entry(newest).or_default() += 1;
        let unfinished = shelf.begin()?;
        told.numbers.insert(unfinished.id.number());
        shelf.discard(unfinished)?;
        let other = newest - 1;
        told.thrown.insert(other, false);
        shelf.throw_away(Id::new(other).unwrap())?;
        told.thrown.insert(other, true);
        if round == 1 {
            // Left as a taker leaves it that dies.
            let left = shelf.begin()?;
            told.numbers.insert(left.id.number());
        }
    }
    Ok(())
}

/// What must hold after any cut.
fn check(places: &Places, shelf: &mut Shelf, told: &Told, when: &str) {
    let listed = shelf.snapshots().unwrap();
    let numbers: BTreeSet<u64> = listed.iter().map(|found| found.id().number()).collect();
    for snapshot in &listed {
        let number = snapshot.id().number();
        assert_eq!(snapshot.manifest, manifest(number), "{when}");
        for folder in ["database", "openmrs"] {
            let file = snapshot.directory.join(folder).join("file");
            assert_eq!(std::fs::read(file).unwrap(), folder.as_bytes(), "{when}");
        }
        let proofs = told.proven.get(&number).copied().unwrap_or(0);
        assert!(
            snapshot.proofs.len() >= proofs,
            "{when}: proofs of {number}"
        );
    }
    for number in &told.taken {
        match told.thrown.get(number) {
            None => assert!(numbers.contains(number), "{when}: {number} is lost"),
            Some(true) => assert!(!numbers.contains(number), "{when}: {number} is back"),
            Some(false) => {}
        }
    }
    let found = look(places).unwrap();
    assert!(found.undescribed.is_empty(), "{when}: {found:?}");
    let names = std::fs::read_dir(places.snapshots()).unwrap().count();
    assert_eq!(names, listed.len(), "{when}: left-overs");
    let rows = shelf.catalogue().unwrap().rows().unwrap();
    let expected = listed.iter().map(|found| {
        let row = crate::snapshot::catalogue::Row::of(&found.manifest, &found.proofs);
        (found.id().number(), row)
    });
    assert_eq!(rows, expected.collect(), "{when}: the catalogue");
    let next = shelf.begin().unwrap().id.number();
    let given = told.numbers.iter().chain(&numbers).max();
    assert!(
        given.is_none_or(|given| next > *given),
        "{when}: {next} again"
    );
}

/// One life with a cut before its step `first`, and one before step `second` of what follows. Whether each came.
fn cut(first: u32, second: Option<u32>) -> (bool, bool) {
    let (_dir, places) = box_();
    let mut told = Told::default();
    power::cut_after(first);
    let lived = Shelf::open(&places).and_then(|mut shelf| live(&mut shelf, &mut told));
    let first_came = power::back();
    assert!(first_came || lived.is_ok(), "{lived:?}");
    let mut second_came = false;
    if let Some(second) = second {
        power::cut_after(second);
        drop(Shelf::open(&places));
        second_came = power::back();
    }
    let mut shelf = Shelf::open(&places).unwrap();
    let when = format!("cut before step {first}, then {second:?}");
    check(&places, &mut shelf, &told, &when);
    (first_came, second_came)
}

#[test]
fn a_power_cut_before_any_step_loses_nothing_acknowledged_and_lists_nothing_half_made() {
    let cuts = (0..).take_while(|first| cut(*first, None).0).count();
    assert!(cuts > 60, "only {cuts} steps were seen");
}

#[test]
fn a_second_cut_while_things_are_put_in_order_changes_nothing_of_that() {
    let mut cuts = 0;
    for first in (0..).step_by(3) {
        if !cut(first, None).0 {
            break;
        }
        cuts += (0..)
            .take_while(|second| cut(first, Some(*second)).1)
            .count();
    }
    assert!(cuts > 60, "only {cuts} steps were seen");
}
