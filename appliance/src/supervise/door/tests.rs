use super::*;
use crate::guards::Hold;
use crate::maintenance::Kind;
use crate::supervise::observation::Server;
use crate::supervise::seen::{Seen, Sql, SqlAnswer, Streak, Web, ms};
use proptest::prelude::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn good() -> Observation {
    let streak = Streak {
        good_at: Some(ms(at(59))),
        good_since: Some(ms(at(50))),
        failing_since: None,
    };
    let up = Server {
        unit: Unit::Up,
        started: at(10),
        ..Server::default()
    };
    Observation {
        guard_passed: true,
        settings_finished: true,
        openmrs: up,
        database: up,
        ledger_writable: true,
        seen: Some(Seen {
            at: ms(at(60)),
            sql: Sql {
                answer: SqlAnswer::Good,
                streak,
                ..Sql::default()
            },
            web: Web {
                streak,
                page: Answer::Status(200),
                started: Answer::Status(200),
                alive: Answer::Status(200),
                ..Web::default()
            },
        }),
        ..Observation::default()
    }
}

const OPEN: State = State {
    open: true,
    triggered: None,
};

fn judge(state: State, observation: &Observation, now: u64) -> (State, Option<Action>) {
    decide(state, observation, Ladder::Rests, at(now))
}

#[test]
fn the_door_opens_when_everything_answers_and_not_on_answers_of_an_earlier_start() {
    assert_eq!(
        judge(State::default(), &good(), 60),
        (OPEN, Some(Action::Open))
    );
    assert_eq!(judge(OPEN, &good(), 61), (OPEN, None));
    let mut anew = good();
    anew.openmrs.started = at(60);
    assert_eq!(judge(State::default(), &anew, 61).1, None);
}

#[test]
fn a_slow_openmrs_and_a_blind_watcher_keep_an_open_door_open() {
    let mut slow = good();
    let web = &mut slow.seen.as_mut().unwrap().web;
    web.streak.failing_since = Some(ms(at(65)));
    web.page = Answer::Silent;
    assert_eq!(judge(OPEN, &slow, 600), (OPEN, None));
    let blind = Observation {
        seen: None,
        ..good()
    };
    assert_eq!(judge(OPEN, &blind, 600), (OPEN, None));
    assert_eq!(judge(State::default(), &blind, 600).1, None);
}

#[test]
fn maintenance_a_hold_a_wish_a_dead_unit_and_the_ladder_shut_at_once() {
    let mut database = good();
    database.database.unit = Unit::Starting;
    let mut openmrs = good();
    openmrs.openmrs.unit = Unit::Stopping;
    for (observation, why) in [
        (
            Observation {
                maintenance: Some((Kind::Import, Some(3))),
                ..good()
            },
            Why::Maintenance,
        ),
        (
            Observation {
                hold: Some(Hold::DiskFull),
                ..good()
            },
            Why::Hold,
        ),
        (
            Observation {
                door_shut: true,
                ..good()
            },
            Why::ByHand,
        ),
        (database, Why::DatabaseDown),
        (openmrs, Why::OpenmrsDown),
    ] {
        assert_eq!(judge(OPEN, &observation, 60).1, Some(Action::Shut(why)));
    }
    let acting = decide(OPEN, &good(), Ladder::Interrupts, at(60)).1;
    assert_eq!(acting, Some(Action::Shut(Why::Acting)));
}

#[test]
fn a_database_that_nobody_listens_for_and_pages_of_errors_shut_after_their_grace() {
    let mut refused = good();
    refused.seen.as_mut().unwrap().sql.refused_since = Some(ms(at(100)));
    assert_eq!(judge(OPEN, &refused, 109).1, None);
    assert_eq!(
        judge(OPEN, &refused, 110).1,
        Some(Action::Shut(Why::DatabaseDown))
    );
    let mut wrong = good();
    wrong.seen.as_mut().unwrap().web.wrong_since = Some(ms(at(100)));
    assert_eq!(judge(OPEN, &wrong, 159).1, None);
    assert_eq!(judge(OPEN, &wrong, 160).1, Some(Action::Shut(Why::Wrong)));
}

#[test]
fn an_installation_is_set_off_again_if_nothing_came_of_it_and_finished_only_when_proven() {
    let mut waiting = Observation {
        install_pending: true,
        settings_finished: false,
        ..good()
    };
    let web = &mut waiting.seen.as_mut().unwrap().web;
    web.streak = Streak::default();
    (web.started, web.page) = (Answer::Status(503), Answer::Wizard);
    let (state, action) = judge(State::default(), &waiting, 40);
    assert_eq!(action, Some(Action::TriggerInstallation));
    assert_eq!(judge(state, &waiting, 45).1, None);
    assert_eq!(
        judge(state, &waiting, 71).1,
        Some(Action::TriggerInstallation)
    );
    let done = Observation {
        install_pending: true,
        ..good()
    };
    let (state, action) = judge(state, &done, 200);
    assert_eq!(
        (state.open, action),
        (false, Some(Action::FinishInstallation))
    );
}

proptest! {
    #[test]
    fn the_door_opens_only_when_all_conditions_hold(
        observation in crate::supervise::ladder::tests::properties::any_observation(), now in 0u64..10_000,
    ) {
        let (state, action) = judge(State::default(), &observation, now);
        if state.open {
            prop_assert_eq!(action, Some(Action::Open));
            prop_assert!(observation.maintenance.is_none() && observation.hold.is_none());
            prop_assert!(observation.guard_passed && !observation.install_pending);
            prop_assert!(!observation.openmrs_stopped && !observation.door_shut);
            prop_assert!(observation.answers());
        }
    }

    #[test]
    fn action_and_remembered_door_never_disagree(
        rounds in proptest::collection::vec(crate::supervise::ladder::tests::properties::any_observation(), 1..30),
    ) {
        let mut state = OPEN;
        for (second, observation) in (100..).zip(&rounds) {
            let (next, action) = judge(state, observation, second);
            match action {
                Some(Action::Open) => prop_assert!(!state.open && next.open),
                Some(Action::Shut(_)) => prop_assert!(state.open && !next.open),
                Some(_) => prop_assert!(observation.install_pending && observation.maintenance.is_none() && observation.guard_passed),
                None => prop_assert_eq!(state.open, next.open),
            }
            state = next;
        }
    }
}
