//! Full proofs that one night is too short for.

use std::time::Duration;

use posto::maintenance::Stop;
use posto::snapshot::proof::{Depth, Verdict};
use posto::snapshot::prove::progress::Progress;
use posto::snapshot::prove::{Outcome, Phase, Watch};

use crate::shelf::{Box, OBSERVATIONS};

#[test]
fn an_interrupted_full_proof_goes_on_where_it_was() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let taken = ground.crash_image(&server);
    let id = taken.manifest.id;
    let stop = Stop::default();
    let mut first = Vec::new();
    let mut night = |watch: &Watch| {
        if watch.phase == Phase::Checking {
            first.push(watch.what.clone());
            if watch.done == 20 {
                stop.ask();
            }
        }
    };
    ground
        .prove_with(&taken, Depth::Full, &ground.setting(), &stop, &mut night)
        .unwrap_err();
    first.pop();
    assert!(first.len() >= 19, "{first:?}");

    // A quick proof between two nights takes nothing away.
    ground.proof(&taken, Depth::Quick);
    assert_eq!(Progress::read(&ground.places).under_way(), [id]);

    let mut over = ground.setting();
    over.until = Some(Duration::ZERO);
    let outcome = ground
        .prove_with(&taken, Depth::Full, &over, &Stop::default(), &mut |_| {})
        .unwrap();
    assert!(
        matches!(outcome, Outcome::Continues { done, .. } if done >= 19),
        "{outcome:?}"
    );

    let (mut second, mut pages) = (Vec::new(), 0);
    let mut night = |watch: &Watch| match watch.phase {
        Phase::Checking => second.push(watch.what.clone()),
        Phase::Reading => pages += 1,
        _ => {}
    };
    let outcome = ground
        .prove_with(
            &taken,
            Depth::Full,
            &ground.setting(),
            &Stop::default(),
            &mut night,
        )
        .unwrap();
    let Outcome::Proved(proof) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(proof.verdict, Verdict::Good);
    assert_eq!(proof.rows["obs"], OBSERVATIONS);
    assert_eq!(proof.rows["users"], 300);
    assert_eq!(pages, 0, "pages are not read twice");
    assert!(
        !second.is_empty() && second.iter().all(|table| !first.contains(table)),
        "{second:?}"
    );
    assert_eq!(Progress::read(&ground.places).under_way(), []);
}
