//! Imports that end before they are done.

use posto::database::import::error::ImportError;
use posto::database::import::run::{Phase, Stop, import};

use crate::ground::{self, FakeServices, Ground, made_dump, mariadb_is_here, request};

#[test]
fn a_new_database_that_does_not_start_brings_the_old_one_back() {
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let path = made_dump(&ground, 100, |text| text);
    let services = FakeServices {
        database_does_not_start: true,
        ..FakeServices::default()
    };
    assert!(matches!(
        ground.import(&path, &services),
        Err(ImportError::Server(_))
    ));
    assert_eq!(
        *services.calls.borrow(),
        [
            "stop",
            "start database",
            "stop",
            "start database",
            "start openmrs"
        ]
    );
    ground.assert_untouched();
}

#[test]
fn a_stop_asked_for_before_the_exchange_leaves_everything_as_it_was() {
    if !mariadb_is_here() {
        return;
    }
    let ground = Ground::new();
    let path = made_dump(&ground, 20_000, |text| text);
    for phase in [
        Phase::Reading,
        Phase::Preparing,
        Phase::Loading,
        Phase::Counting,
        Phase::Finishing,
    ] {
        let stop = Stop::default();
        let services = FakeServices::default();
        let asked = ground::block_on(import(
            &request(&path),
            &ground.setting(),
            &services,
            &stop,
            &mut |watch| {
                if watch.phase == phase {
                    stop.ask();
                }
            },
        ));
        assert!(
            matches!(asked, Err(ImportError::Interrupted)),
            "{phase:?}: {asked:?}"
        );
        ground.assert_untouched();
        assert_eq!(ground.processes_left(), 0, "{phase:?}");
    }
}
