use super::*;
use crate::guards::Hold;
use crate::supervise::observation::Server;

fn servers(openmrs: Unit, database: Unit) -> Observation {
    let server = |unit| Server {
        unit,
        ..Server::default()
    };
    Observation {
        guard_passed: true,
        openmrs: server(openmrs),
        database: server(database),
        ..Observation::default()
    }
}

fn held(openmrs: Unit, database: Unit) -> Observation {
    Observation {
        hold: Some(Hold::DiskFull),
        ..servers(openmrs, database)
    }
}

#[test]
fn a_hold_takes_the_clinic_down_in_order_and_brings_it_back_in_order() {
    let kept = KeptDown::default();
    let (kept, order) = keep(kept, &held(Unit::Up, Unit::Up));
    assert_eq!(order, Some(Keep::StopOpenmrs));
    let (kept, order) = keep(kept, &held(Unit::Stopping, Unit::Up));
    assert_eq!(order, None);
    let (kept, order) = keep(kept, &held(Unit::Down, Unit::Up));
    assert_eq!(order, Some(Keep::StopDatabase));
    let (kept, order) = keep(kept, &held(Unit::Down, Unit::Down));
    assert_eq!(order, None);
    let (kept, order) = keep(kept, &servers(Unit::Down, Unit::Down));
    assert_eq!(order, Some(Keep::StartDatabase));
    let (kept, order) = keep(kept, &servers(Unit::Down, Unit::Starting));
    assert_eq!(order, None);
    let (kept, order) = keep(kept, &servers(Unit::Down, Unit::Up));
    assert_eq!(order, Some(Keep::StartOpenmrs));
    let (kept, _) = keep(kept, &servers(Unit::Up, Unit::Up));
    assert_eq!(kept, KeptDown::default());
}

#[test]
fn a_wish_keeps_openmrs_down_alone_and_nothing_is_started_that_we_did_not_stop() {
    let stopped = |openmrs| Observation {
        openmrs_stopped: true,
        ..servers(openmrs, Unit::Up)
    };
    let (kept, order) = keep(KeptDown::default(), &stopped(Unit::Up));
    assert_eq!(order, Some(Keep::StopOpenmrs));
    let (kept, order) = keep(kept, &stopped(Unit::Down));
    assert_eq!(order, None);
    let (_, order) = keep(kept, &servers(Unit::Down, Unit::Up));
    assert_eq!(order, Some(Keep::StartOpenmrs));
    let (_, order) = keep(KeptDown::default(), &servers(Unit::Down, Unit::Down));
    assert_eq!(order, None);
}

#[test]
fn a_maintenance_is_left_to_whoever_does_it() {
    let kept = KeptDown {
        openmrs: true,
        database: true,
    };
    let observation = Observation {
        maintenance: Some((crate::maintenance::Kind::Restore, None)),
        ..servers(Unit::Down, Unit::Down)
    };
    assert_eq!(keep(kept, &observation), (kept, None));
}

#[test]
fn the_door_is_shut_before_the_ladder_takes_the_clinic_down() {
    let mut state = State::default();
    state.door.open = true;
    let mut observation = servers(Unit::Up, Unit::Up);
    observation.seen = Some(crate::supervise::seen::Seen::default());
    observation.database.unit = Unit::Down;
    let ledger = Ledger::default();
    let mut acted = None;
    for second in 100..200 {
        let judged = decide(&state, &observation, &ledger, Duration::from_secs(second));
        if judged.act.is_some() {
            acted = Some(judged.state.door.open);
        }
        state = judged.state;
    }
    assert_eq!(acted, Some(false));
}
