use super::*;
use ed25519_dalek::{Signer, SigningKey};

const ME: KeyId = [1; 8];

pub(super) fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&dir.path().join("pings.sqlite"), &dir.path().join("number"));
    (dir, spool.unwrap())
}

fn put(spool: &mut Spool, kind: Kind) -> u32 {
    spool
        .append(kind, |number| Ok(number.to_be_bytes().to_vec()))
        .unwrap()
}

fn ack(to: KeyId, verdict: Verdict, numbers: &[u32]) -> Verified<Ack> {
    let hub = SigningKey::from_bytes(&[9; 32]);
    let bytes = Ack::new(to, verdict, numbers)
        .seal(|bytes| hub.sign(bytes).to_bytes())
        .unwrap();
    Ack::verify(&bytes, &hub.verifying_key()).unwrap()
}

fn numbers(spool: &Spool) -> Vec<u32> {
    let all = spool.next(usize::MAX, false).unwrap();
    all.iter().map(|kept| kept.sequence).collect()
}

#[test]
fn alarms_come_before_routine_and_each_in_order() {
    let (_dir, mut spool) = spool();
    for kind in [
        Kind::Routine,
        Kind::Alarm,
        Kind::Routine,
        Kind::Hello,
        Kind::Alarm,
    ] {
        put(&mut spool, kind);
    }
    assert_eq!(numbers(&spool), [4, 2, 5, 1, 3]);
    let urgent = spool.next(10, true).unwrap();
    assert_eq!(urgent.len(), 3);
    put(&mut spool, Kind::Hello);
    assert_eq!(numbers(&spool), [6, 2, 5, 1, 3], "one hello at a time");
    assert_eq!(
        spool.waiting().unwrap(),
        Waiting {
            urgent: 3,
            routine: 2
        }
    );
}

#[test]
fn only_the_hubs_word_that_it_has_them_removes_pings() {
    let (_dir, mut spool) = spool();
    for _ in 0..5 {
        put(&mut spool, Kind::Routine);
    }
    let removed = |spool: &mut Spool, ack| spool.confirm(&ack, ME, |_| true).unwrap();
    assert_eq!(removed(&mut spool, ack([2; 8], Verdict::Taken, &[1])), 0);
    assert_eq!(removed(&mut spool, ack(ME, Verdict::Waiting, &[1])), 0);
    assert_eq!(removed(&mut spool, ack(ME, Verdict::Taken, &[2, 3, 77])), 2);
    assert_eq!(numbers(&spool), [1, 4, 5]);
}

#[test]
fn numbers_are_never_given_twice_also_when_the_spool_was_lost() {
    let (dir, mut spool) = spool();
    for _ in 0..3 {
        put(&mut spool, Kind::Routine);
    }
    drop(spool);
    let path = dir.path().join("pings.sqlite");
    let numbers = dir.path().join("number");
    let mut spool = Spool::open(&path, &numbers).unwrap();
    assert_eq!(put(&mut spool, Kind::Routine), 4);
    drop(spool);
    durable::write(&path, b"not a database at all", Owner::mode(0o644)).unwrap();
    let mut spool = Spool::open(&path, &numbers).unwrap();
    assert!(put(&mut spool, Kind::Routine) > 1000);
}

#[test]
fn beyond_a_year_the_oldest_routine_pings_thin_out_and_no_alarm_does() {
    let (_dir, mut spool) = spool();
    put(&mut spool, Kind::Alarm);
    // As a year would leave it.
    spool
        .connection
        .execute_batch(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= {ROUTINE_KEPT})
             INSERT INTO ping SELECT i, 2, x'00' FROM n;
             UPDATE fact SET value = {ROUTINE_KEPT} + 2 WHERE name = 'next';"
        ))
        .unwrap();
    let newest = put(&mut spool, Kind::Routine);
    let left = spool.waiting().unwrap();
    assert_eq!(left.routine, ROUTINE_KEPT + 1 - THINNED / 2);
    let numbers = numbers(&spool);
    assert_eq!(numbers[..4], [1, 2, 4, 6]);
    assert_eq!(numbers.last(), Some(&newest));
}
