use super::*;
use crate::snapshot::manifest::{FORMAT, Method, Moment, Reason};
use crate::snapshot::proof::Depth;

/// A manifest as the taker writes it.
pub(crate) fn manifest(number: u64) -> Manifest {
    Manifest {
        format: FORMAT,
        id: Id::new(number).unwrap(),
        moment: moment(number * 3600),
        reason: Reason::Scheduled,
        method: Method::HotClone,
        facility: "posto".into(),
        release: "r".into(),
        release_built: 1,
        mariadb: "11.8.6-MariaDB".into(),
        schema: None,
        cut: None,
        highest: [("obs".to_string(), number)].into(),
        held_us: 7000,
        apparent_bytes: 123_456,
        left_out: crate::snapshot::left_out::LeftOut::default(),
    }
}

pub(crate) fn moment(effective_s: u64) -> Moment {
    Moment {
        unix_s: effective_s,
        clock_plausible: true,
        effective_s,
        uptime_s: effective_s,
        boot: "b".into(),
    }
}

pub(crate) fn proof_of(number: u64, verdict: Verdict) -> Proof {
    Proof {
        id: Id::new(number).unwrap(),
        depth: Depth::Quick,
        verdict,
        moment: moment(number * 3600 + 60),
        took_ms: 900,
        tables: 3,
        rows: [("obs".to_string(), number)].into(),
        highest: [("obs".to_string(), number)].into(),
        binlog: None,
        fell: Vec::new(),
    }
}

pub(crate) fn box_() -> (tempfile::TempDir, Places) {
    let dir = tempfile::tempdir().unwrap();
    let places = Places::under(dir.path());
    for path in [places.posto(), dir.path().join("run")] {
        std::fs::create_dir_all(path).unwrap();
    }
    (dir, places)
}

/// Takes a small snapshot.
pub(crate) fn take(shelf: &mut Shelf) -> Result<Id, ShelfError> {
    let unfinished = shelf.begin()?;
    fill(&unfinished.directory);
    let manifest = manifest(unfinished.id.number());
    shelf.finish(unfinished, &manifest)
}

#[allow(clippy::disallowed_methods, reason = "a test's files")]
fn fill(directory: &std::path::Path) {
    for folder in ["database", "openmrs"] {
        std::fs::create_dir(directory.join(folder)).unwrap();
        std::fs::write(directory.join(folder).join("file"), folder).unwrap();
    }
}

fn ids(snapshots: &[Snapshot]) -> Vec<u64> {
    snapshots.iter().map(|found| found.id().number()).collect()
}

#[test]
fn a_snapshot_is_listed_when_it_is_whole_and_not_before() {
    let (_dir, places) = box_();
    let mut shelf = Shelf::open(&places).unwrap();
    let unfinished = shelf.begin().unwrap();
    assert!(list(&places).unwrap().is_empty());
    let manifest = manifest(1);
    assert_eq!(shelf.finish(unfinished, &manifest).unwrap().number(), 1);
    let found = list(&places).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].manifest, manifest);
    assert!(!found[0].is_proven());
}

#[test]
fn a_manifest_of_another_snapshot_is_refused() {
    let (_dir, places) = box_();
    let mut shelf = Shelf::open(&places).unwrap();
    let unfinished = shelf.begin().unwrap();
    let error = shelf.finish(unfinished, &manifest(9)).unwrap_err();
    assert!(matches!(error, ShelfError::OtherManifest { .. }), "{error}");
    assert!(list(&places).unwrap().is_empty());
}

#[test]
fn numbers_are_never_given_twice_whatever_is_lost_of_the_three_that_remember_them() {
    for lost in 0..8 {
        let (_dir, places) = box_();
        let mut shelf = Shelf::open(&places).unwrap();
        for _ in 0..3 {
            take(&mut shelf).unwrap();
        }
        let given_up = shelf.begin().unwrap();
        shelf.discard(given_up).unwrap();
        drop(shelf);
        let (mut remembered, paths) = (
            4,
            [
                (1, places.snapshot_catalogue()),
                (2, places.snapshot_number()),
            ],
        );
        for (bit, path) in paths {
            if lost & bit != 0 {
                std::fs::remove_file(path).unwrap();
            }
        }
        if lost & 3 == 3 {
            remembered = 3;
        }
        if lost & 4 != 0 {
            std::fs::remove_dir_all(places.snapshots()).unwrap();
            remembered = if lost & 3 == 3 { 0 } else { remembered };
        }
        let mut shelf = Shelf::open(&places).unwrap();
        let next = shelf.begin().unwrap().id.number();
        assert_eq!(next, remembered + 1, "lost {lost:03b}");
    }
}

#[test]
fn the_newest_proven_one_stays_and_others_go() {
    let (_dir, places) = box_();
    let mut shelf = Shelf::open(&places).unwrap();
    for _ in 0..4 {
        take(&mut shelf).unwrap();
    }
    let id = |number| Id::new(number).unwrap();
    shelf.proved(&proof_of(1, Verdict::Good)).unwrap();
    shelf.proved(&proof_of(2, Verdict::Good)).unwrap();
    shelf.proved(&proof_of(3, Verdict::Good)).unwrap();
    let bad = Verdict::Bad { reason: "x".into() };
    shelf.proved(&proof_of(3, bad)).unwrap();
    let refused = shelf.throw_away(id(2)).unwrap_err();
    assert!(matches!(refused, ShelfError::LastProven(_)), "{refused}");
    shelf.throw_away(id(1)).unwrap();
    shelf.throw_away(id(3)).unwrap();
    assert_eq!(ids(&shelf.snapshots().unwrap()), [2, 4]);
    let unknown = shelf.throw_away(id(3)).unwrap_err();
    assert!(matches!(unknown, ShelfError::Unknown(_)), "{unknown}");
    assert!(matches!(
        shelf.proved(&proof_of(1, Verdict::Good)),
        Err(ShelfError::Unknown(_))
    ));
}

#[test]
fn what_is_read_is_not_thrown_away_until_it_is_let_go() {
    let (_dir, places) = box_();
    let mut shelf = Shelf::open(&places).unwrap();
    let id = take(&mut shelf).unwrap();
    let snapshot = shelf.snapshots().unwrap().remove(0);
    let (one, other) = (snapshot.hold().unwrap(), snapshot.hold().unwrap());
    drop(one);
    assert!(matches!(shelf.throw_away(id), Err(ShelfError::InUse(_))));
    drop(other);
    shelf.throw_away(id).unwrap();
    assert!(matches!(snapshot.hold(), Err(ShelfError::Unknown(_))));
}

#[test]
fn one_at_a_time_changes_the_shelf_and_everybody_may_look() {
    let (_dir, places) = box_();
    let mut shelf = Shelf::open(&places).unwrap();
    take(&mut shelf).unwrap();
    let busy = Shelf::open_within(&places, Duration::ZERO).unwrap_err();
    assert!(matches!(busy, ShelfError::Busy), "{busy}");
    assert_eq!(list(&places).unwrap().len(), 1);
    drop(shelf);
    Shelf::open_within(&places, Duration::ZERO).unwrap();
}

#[test]
#[allow(clippy::disallowed_methods)]
fn a_whole_one_without_a_readable_manifest_is_told_apart_and_never_removed_by_itself() {
    let (_dir, places) = box_();
    let mut shelf = Shelf::open(&places).unwrap();
    for _ in 0..3 {
        take(&mut shelf).unwrap();
    }
    drop(shelf);
    std::fs::write(places.snapshots().join("000002/manifest.json"), "{").unwrap();
    std::fs::create_dir(places.snapshots().join("000009")).unwrap();
    std::fs::rename(
        places.snapshots().join("000003"),
        places.snapshots().join("000007"),
    )
    .unwrap();
    let mut shelf = Shelf::open(&places).unwrap();
    let found = look(&places).unwrap();
    assert_eq!(ids(&found.snapshots), [1]);
    let numbers: Vec<u64> = found
        .undescribed
        .iter()
        .map(|found| found.id.number())
        .collect();
    assert_eq!(numbers, [2, 7, 9]);
    assert_eq!(shelf.begin().unwrap().id.number(), 10);
    shelf.throw_away(Id::new(2).unwrap()).unwrap();
    assert!(!places.snapshots().join("000002").exists());
}

#[test]
#[allow(clippy::disallowed_methods)]
fn a_damaged_catalogue_is_made_again_from_the_directories_with_their_proofs() {
    let (dir, places) = box_();
    let mut shelf = Shelf::open(&places).unwrap();
    for _ in 0..3 {
        take(&mut shelf).unwrap();
    }
    shelf.proved(&proof_of(2, Verdict::Good)).unwrap();
    let before = shelf.catalogue().unwrap().rows().unwrap();
    drop(shelf);
    std::fs::write(places.snapshot_catalogue(), vec![b'x'; 9000]).unwrap();
    let mut shelf = Shelf::open(&places).unwrap();
    assert_eq!(shelf.catalogue().unwrap().rows().unwrap(), before);
    assert_eq!(before.len(), 3);
    assert_eq!(shelf.begin().unwrap().id.number(), 4);
    let aside = std::fs::read_dir(dir.path().join("data/posto"))
        .unwrap()
        .filter_map(Result::ok)
        .any(|entry| entry.file_name().to_string_lossy().contains("damaged"));
    assert!(aside);
}
