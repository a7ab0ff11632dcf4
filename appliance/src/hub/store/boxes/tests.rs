use super::super::tests::store;
use super::hello::{WAITING_LIMIT, WAITING_S};
use super::*;
use crate::hub::tests::{hello, key};

#[test]
fn an_unknown_box_waits_until_its_fingerprint_is_approved() {
    let (_dir, mut store) = store();
    assert_eq!(store.hear(&hello(1, "cs-a", 1), 10).unwrap(), Heard::New);
    assert_eq!(
        store.hear(&hello(1, "cs-a", 1), 11).unwrap(),
        Heard::Known(Standing::Waiting)
    );
    let fingerprint = Fingerprint::of(&key(1).verifying_key());
    let known = store.approve(fingerprint, "ana", 12).unwrap();
    assert_eq!(known.standing, Standing::Approved);
    assert_eq!(known.decided_by.as_deref(), Some("ana"));
    let other = Fingerprint::of(&key(2).verifying_key());
    assert!(matches!(
        store.approve(other, "ana", 12),
        Err(StoreError::UnknownBox(_))
    ));
}

#[test]
fn a_new_key_stands_beside_the_old_and_supersedes_it_when_it_is_approved() {
    let (_dir, mut store) = store();
    store
        .add_approved(&[hello(1, "cs-a", 1)], "list", 5)
        .unwrap();
    store.hear(&hello(2, "cs-a", 1), 10).unwrap();
    let standings = |store: &Store| {
        store
            .boxes()
            .unwrap()
            .iter()
            .map(|b| b.standing)
            .collect::<Vec<_>>()
    };
    assert_eq!(standings(&store), [Standing::Approved, Standing::Waiting]);
    let new = Fingerprint::of(&key(2).verifying_key());
    store.approve(new, "ana", 12).unwrap();
    assert_eq!(
        standings(&store),
        [Standing::Superseded, Standing::Approved]
    );
    store.refuse(new, "ana", 13).unwrap();
    assert_eq!(standings(&store), [Standing::Superseded, Standing::Refused]);
}

#[test]
fn an_approved_box_cannot_move_to_another_facility_by_saying_so() {
    let (_dir, mut store) = store();
    store
        .add_approved(&[hello(1, "cs-a", 1), hello(2, "cs-b", 1)], "list", 5)
        .unwrap();
    store.hear(&hello(1, "cs-b", 2), 10).unwrap();
    let boxes = store.boxes().unwrap();
    assert_eq!(boxes[0].facility, "cs-a");
    assert!(boxes[0].is_pending());
    let fingerprint = boxes[0].fingerprint();
    let stays = store.refuse(fingerprint, "ana", 11).unwrap();
    assert!(stays.standing == Standing::Approved && !stays.is_pending());
    store.hear(&hello(1, "cs-b", 3), 12).unwrap();
    let moved = store.approve(fingerprint, "ana", 13).unwrap();
    assert_eq!((moved.facility.as_str(), moved.wants), ("cs-b", None));
    assert_eq!(store.boxes().unwrap()[1].standing, Standing::Superseded);
}

#[test]
fn an_older_hello_changes_nothing() {
    let (_dir, mut store) = store();
    store.hear(&hello(1, "cs-b", 7), 10).unwrap();
    assert_eq!(
        store.hear(&hello(1, "cs-a", 3), 11).unwrap(),
        Heard::Old(Standing::Waiting)
    );
    assert_eq!(store.boxes().unwrap()[0].facility, "cs-b");
}

#[test]
fn waiting_boxes_do_not_pile_up_and_leave_after_a_month() {
    let (_dir, mut store) = store();
    store
        .connection
        .execute_batch("PRAGMA synchronous=OFF")
        .unwrap();
    for seed in 0..WAITING_LIMIT {
        assert_eq!(store.hear(&hello(seed, "cs-a", 1), 10).unwrap(), Heard::New);
    }
    let late = hello(WAITING_LIMIT, "cs-a", 1);
    assert_eq!(store.hear(&late, 11).unwrap(), Heard::Full);
    assert_eq!(store.hear(&late, 11 + WAITING_S).unwrap(), Heard::New);
    assert_eq!(store.boxes().unwrap().len(), 1);
}
