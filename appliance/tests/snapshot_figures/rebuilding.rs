//! What the online rebuild of a scattered table costs, and what it wins.

use std::time::{Duration, Instant};

use posto::database::import::space::free_bytes;
use posto::database::rebuild::act::{self, Outcome};
use posto::database::rebuild::decide::Table;

use crate::ageing;
use crate::clinic_box::{Box, take_one};
use crate::feeling::{Felt, steady, writers};
use crate::ground::mariadb::block_on;
use crate::ground::site::Never;

const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// Of `obs`, with one snapshot that holds the old place, beside writers; a snapshot is taken meanwhile.
pub(crate) fn measure(clinic: &Box) {
    clinic.snapshot();
    let table = Table {
        schema: "openmrs".into(),
        name: "obs".into(),
        bytes: std::fs::metadata(ageing::table(clinic)).unwrap().len(),
        extents: ageing::extents(clinic),
    };
    let free = || free_bytes(&clinic.places.data()).unwrap() / 1_000_000;
    let (mut least, at_first) = (free(), free());
    let writers = writers(clinic);
    let before = steady(&writers);
    let begun = Instant::now();
    let mut beside = None;
    let mut look = || {
        least = least.min(free());
        if beside.is_none() {
            let began = Instant::now();
            // Not on this thread: it is busy with the rebuild's answer.
            let taken = std::thread::spawn({
                let places = clinic.places.clone();
                move || take_one(&places, ANSWER_LIMIT, &Never, &mut |_| {})
            });
            let taken = taken.join().unwrap();
            beside = Some(taken.map(|manifest| (manifest.held_us, began.elapsed())));
        }
        None
    };
    let socket = clinic.places.database_socket();
    let outcome = block_on(act::rebuild(&socket, &table, &mut look)).unwrap();
    let during = (begun, Instant::now());
    writers.wait_for(10);
    let acks = writers.acks();
    writers.stop();
    let Outcome::Done(cost) = outcome else {
        eprintln!("rebuild of obs beside writers: {outcome:?}");
        return;
    };
    let (before, during) = (Felt::of(&acks, &[before]), Felt::of(&acks, &[during]));
    let mb = table.bytes / 1_000_000;
    eprintln!(
        "rebuild of obs ({mb} MB), beside two writers: {:.1} s, redo {} MB, {} MB more taken at most, {} MB afterwards (a snapshot holds the old place); extents {} before, {} after; file {} MB after; writers' entry p50 / p99 {} ms before, {} during; longest gap {:.0} and {:.0} ms",
        cost.took.as_secs_f64(),
        cost.redo_bytes / 1_000_000,
        at_first.saturating_sub(least),
        at_first.saturating_sub(free()),
        table.extents,
        ageing::extents(clinic),
        std::fs::metadata(ageing::table(clinic)).unwrap().len() / 1_000_000,
        before.entries.words(),
        during.entries.words(),
        before.gap.as_secs_f64() * 1e3,
        during.gap.as_secs_f64() * 1e3,
    );
    match beside {
        Some(Ok((held_us, whole))) => eprintln!(
            "a snapshot meanwhile: commits held {:.1} ms, whole {:.2} s",
            held_us as f64 / 1e3,
            whole.as_secs_f64()
        ),
        Some(Err(error)) => eprintln!("a snapshot meanwhile: none, {error}"),
        None => eprintln!("a snapshot meanwhile: it was done too soon for one"),
    }
}
