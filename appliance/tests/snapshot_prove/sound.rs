//! Sound snapshots.

use posto::snapshot::proof::{Depth, Verdict};
use posto::snapshot::prove::{NotProven, ProvenSnapshot};
use posto::snapshot::shelf;

use crate::shelf::{Box, OBSERVATIONS, hashes};

#[test]
fn a_crash_image_is_proven_at_both_depths_and_only_its_proofs_change() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let taken = ground.crash_image(&server);
    let before = hashes(&taken.directory);
    assert!(matches!(
        ProvenSnapshot::of(&taken),
        Err(NotProven::Never(_))
    ));

    let quick = ground.proof(&taken, Depth::Quick);
    assert_eq!(quick.verdict, Verdict::Good);
    assert_eq!(quick.tables, 5);
    assert_eq!(quick.highest["obs"], OBSERVATIONS);
    assert_eq!(quick.rows["users"], 300);
    // All that was committed, also what is prepared only.
    let master: Vec<(String, u64, String, String)> = server.rows("SHOW MASTER STATUS");
    let place = quick.binlog.unwrap();
    assert_eq!(place.file, master[0].0);
    assert_eq!(place.position, master[0].1);

    let full = ground.proof(&taken, Depth::Full);
    assert_eq!(full.verdict, Verdict::Good);
    assert_eq!(full.rows["obs"], OBSERVATIONS);
    assert_eq!(full.fell, []);

    assert_eq!(hashes(&taken.directory), before);
    let now = shelf::list(&ground.places).unwrap();
    assert_eq!(now[0].proofs.len(), 2);
    let proven = ProvenSnapshot::of(&now[0]).unwrap();
    assert_eq!(proven.directory(), taken.directory);
}

#[test]
fn rows_that_went_between_two_snapshots_are_reported_and_the_verdict_stays_good() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let first = ground.crash_image(&server);
    ground.proof(&first, Depth::Full);
    server.run(&["DELETE FROM openmrs.obs WHERE obs_id <= 7"]);
    let second = ground.stopped_image(server);
    let proof = ground.proof(&second, Depth::Full);
    assert_eq!(proof.verdict, Verdict::Good);
    let fell: Vec<_> = proof
        .fell
        .iter()
        .map(|fall| (fall.table.as_str(), fall.before, fall.now))
        .collect();
    assert_eq!(fell, [("obs", OBSERVATIONS, OBSERVATIONS - 7)]);
}
