//! Facility days with a snapshot an hour: what they hold of their own.

use std::time::Duration;

use posto::database::client::Client;
use posto::database::import::space::free_bytes;
use posto::snapshot::shelf;
use posto::system::reflink::{space_of, space_of_tree};

use crate::clinic_box::Box;
use crate::ground::clinic::{OBSERVATIONS, RANDOM_UUID};
use crate::ground::mariadb::block_on;

/// Of 14 observations each: 2,100 a day.
const ENCOUNTERS: u64 = 150;
/// From eight to five.
const OPEN: std::ops::Range<u64> = 8..17;

pub(crate) fn measure(clinic: &Box, days: u64) {
    let free = || free_bytes(&clinic.places.data()).unwrap();
    let at_first = free();
    let mut number = 0;
    let mut at_days = Vec::new();
    for _ in 0..days {
        let before = free();
        for hour in 0..24 {
            if OPEN.contains(&hour) {
                let hours = OPEN.end - OPEN.start;
                let until = ENCOUNTERS * (hour + 1 - OPEN.start) / hours;
                let count = until - ENCOUNTERS * (hour - OPEN.start) / hours;
                enter(clinic, &mut number, count);
            }
            clinic.snapshot();
        }
        at_days.push(before.saturating_sub(free()) / 1_000_000);
    }
    let (mut open, mut shut) = (Vec::new(), Vec::new());
    let (mut redo, mut pages, mut rest) = (0, 0, 0);
    for (index, snapshot) in shelf::list(&clinic.places).unwrap().iter().enumerate() {
        let whole = space_of_tree(&snapshot.directory).unwrap();
        if OPEN.contains(&(index as u64 % 24)) {
            open.push(whole.exclusive_bytes);
        } else {
            shut.push(whole.exclusive_bytes);
        }
        let of = |name: &str| {
            let file = std::fs::File::open(snapshot.directory.join("database").join(name));
            space_of(&file.unwrap()).unwrap().exclusive_bytes
        };
        let log = of("ib_logfile0");
        let tables = of("openmrs/obs.ibd") + of("openmrs/encounter.ibd") + of("ibdata1");
        redo += log;
        pages += tables;
        rest += whole.exclusive_bytes - log - tables;
    }
    let count = (open.len() + shut.len()) as u64;
    eprintln!(
        "{days} days, {count} snapshots, {number} encounters of {OBSERVATIONS} observations: exclusive KB of one, hours of work: {}; other hours: {}",
        spread(&mut open),
        spread(&mut shut)
    );
    eprintln!(
        "of a snapshot's own, on average: redo {} KB, pages {} KB, the rest {} KB; the disk lost {} MB in all, by days {at_days:?}",
        redo / count / 1000,
        pages / count / 1000,
        rest / count / 1000,
        at_first.saturating_sub(free()) / 1_000_000
    );
}

fn spread(all: &mut [u64]) -> String {
    all.sort_unstable();
    let at = |share: usize| all.get((all.len() - 1) * share / 100).copied().unwrap_or(0) / 1000;
    format!("least {}, median {}, most {}", at(0), at(50), at(100))
}

/// One transaction an encounter.
fn enter(clinic: &Box, number: &mut u64, count: u64) {
    block_on(async {
        let limit = Duration::from_secs(120);
        let socket = clinic.places.database_socket();
        let mut client = Client::connect(&socket, limit).await.unwrap();
        client.run("USE openmrs").await.unwrap();
        for _ in 0..count {
            *number += 1;
            client.run("START TRANSACTION").await.unwrap();
            let encounter = format!(
                "INSERT INTO encounter (writer, number, uuid) VALUES (9, {number}, {RANDOM_UUID})"
            );
            client.run(&encounter).await.unwrap();
            client.run("SET @e = LAST_INSERT_ID()").await.unwrap();
            for part in 0..OBSERVATIONS {
                let obs = format!(
                    "INSERT INTO obs (encounter_id, person_id, value_text, uuid) VALUES (@e, {}, 'a value of some length, {part}', {RANDOM_UUID})",
                    number.wrapping_mul(7919) % 5000
                );
                client.run(&obs).await.unwrap();
            }
            client.run("COMMIT").await.unwrap();
        }
    });
}
