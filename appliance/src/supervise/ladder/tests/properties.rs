//! What must hold whatever happens.

use super::*;
use crate::guards::Hold;
use crate::maintenance::Kind;
use crate::supervise::observation::Refusal;
use proptest::prelude::*;

fn any_signs() -> impl Strategy<Value = Signs> {
    (0u64..100, any::<bool>()).prop_map(|(stopped, idle)| Signs {
        stopped_for: at(stopped),
        idle,
    })
}

fn any_server() -> impl Strategy<Value = Server> {
    let unit = prop_oneof![
        Just(Unit::Up),
        Just(Unit::Starting),
        Just(Unit::Stopping),
        Just(Unit::Down)
    ];
    (unit, 0u64..5000, any_signs()).prop_map(|(unit, started, signs)| Server {
        unit,
        started: at(started),
        signs,
    })
}

fn any_streak() -> impl Strategy<Value = Streak> {
    let time = || proptest::option::of(0u64..5_000_000);
    (time(), time(), time()).prop_map(|(good_at, good_since, failing_since)| Streak {
        good_at,
        good_since,
        failing_since,
    })
}

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Silent),
        Just(Answer::Wizard),
        Just(Answer::Status(200)),
        Just(Answer::Status(503))
    ]
}

prop_compose! {
    fn any_seen()(
        sql_streak in any_streak(), web_streak in any_streak(),
        answers in [any_answer(), any_answer(), any_answer()],
        answer in prop_oneof![Just(SqlAnswer::Good), Just(SqlAnswer::Slow), Just(SqlAnswer::Refused), Just(SqlAnswer::Denied)],
        since in [proptest::option::of(0u64..5_000_000), proptest::option::of(0u64..5_000_000)],
    ) -> Seen {
        let [page, started, alive] = answers;
        Seen {
            at: 0,
            sql: Sql { answer, streak: sql_streak, exhausted_since: since[0], refused_since: since[1], ..Sql::default() },
            web: Web { streak: web_streak, page, started, alive, ..Web::default() },
        }
    }
}

prop_compose! {
    pub(in crate::supervise) fn any_observation()(
        maintenance in proptest::option::weighted(0.1, Just((Kind::Import, None))),
        hold in proptest::option::weighted(0.1, Just(Hold::DiskFull)),
        flags in (proptest::bool::weighted(0.1), proptest::bool::weighted(0.1), proptest::bool::weighted(0.9), proptest::bool::weighted(0.1), any::<bool>(), any::<bool>(), any::<bool>()),
        refused in proptest::option::weighted(0.1, any::<bool>()),
        openmrs in any_server(), database in any_server(),
        seen in proptest::option::weighted(0.9, any_seen()),
    ) -> Observation {
        let (openmrs_stopped, door_shut, guard_passed, install_pending, installation_overdue, settings_finished, ledger_writable) = flags;
        Observation {
            maintenance, hold, openmrs_stopped, door_shut, guard_passed,
            refused: refused.map(|lasting| Refusal { code: "x".into(), lasting }),
            install_pending, installation_overdue, settings_finished, openmrs, database, seen,
            expected_start: at(40), ledger_writable,
        }
    }
}

prop_compose! {
    fn any_state()(rounds in proptest::collection::vec((any_observation(), 1u64..900), 0..12)) -> (State, Ledger, u64) {
        let (mut state, mut ledger, mut now) = (State::default(), Ledger::default(), 100);
        for (observation, pause) in rounds {
            now += pause;
            let (next, act) = step(&state, &observation, &ledger.at(at(now)), at(now));
            if let Some(Act::Step { ledger: spent, .. }) = act {
                ledger = spent;
            }
            state = next;
        }
        (state, ledger, now)
    }
}

proptest! {
    #[test]
    fn nothing_is_done_under_a_maintenance_a_wish_a_hold_an_installation_or_by_a_blind_watcher(
        (state, ledger, now) in any_state(), observation in any_observation(), pause in 1u64..5000,
    ) {
        let installing = observation.install_pending && !observation.installation_overdue;
        let hands_off = observation.maintenance.is_some() || observation.hold.is_some() || observation.openmrs_stopped
            || observation.door_shut || installing || !observation.guard_passed;
        let now = now + pause;
        let (_, act) = step(&state, &observation, &ledger.at(at(now)), at(now));
        if hands_off {
            prop_assert_eq!(&act, &None);
        }
        if observation.seen.is_none() {
            let acts = matches!(act, Some(Act::Step { .. }));
            prop_assert!(!acts);
        }
    }

    #[test]
    fn budgets_hold_in_any_day_of_uptime_whatever_happens(
        rounds in proptest::collection::vec((any_observation(), 1u64..3000), 1..150),
    ) {
        let (mut state, mut ledger, mut now, mut acts) = (State::default(), Ledger::default(), 100, Vec::new());
        for (observation, pause) in rounds {
            now += pause;
            let (next, act) = step(&state, &observation, &ledger.at(at(now)), at(now));
            state = next;
            if let Some(Act::Step { step, ledger: spent, .. }) = act {
                prop_assert!(step != Step::Reboot || observation.ledger_writable);
                prop_assert_eq!(spent.count(step, at(1)), 1, "the ledger that must be on the disk first has this act");
                ledger = spent;
                acts.push((step, now));
            }
        }
        for (step, when) in &acts {
            let day = acts.iter().filter(|(other, at)| other == step && at >= when && at - when < DAY.as_secs()).count();
            prop_assert!(day <= step.budget());
            let close = |at: &u64| *at > *when && at - when < BETWEEN_REBOOTS.as_secs();
            prop_assert!(*step != Step::Reboot || !acts.iter().any(|(other, at)| *other == Step::Reboot && close(at)));
        }
    }

    #[test]
    fn from_wherever_it_is_a_clinic_that_answers_well_resets_the_ladder((state, ledger, now) in any_state()) {
        let mut state = state;
        for second in (now..now + 700).step_by(2) {
            let (next, act) = step(&state, &good(second), &ledger.at(at(second)), at(second));
            prop_assert_eq!(act, None);
            state = next;
        }
        prop_assert_eq!(state.clone(), State { good_since: state.good_since, ..State::default() });
    }

    #[test]
    fn a_slow_clinic_that_works_and_answers_now_and_then_is_left_alone(
        gaps in proptest::collection::vec(1u64..595, 1..20), sql_slow in any::<bool>(),
    ) {
        let (mut state, mut now) = (State::default(), 1000);
        for gap in gaps {
            let answered = now;
            for second in (answered..answered + gap).step_by(3) {
                let mut observation = if second == answered { good(second) } else { hung(answered, second) };
                // It works: no evidence of idleness.
                observation.openmrs.signs.idle = false;
                observation.database.signs.idle = !sql_slow;
                if sql_slow && second != answered {
                    let seen = observation.seen.as_mut().unwrap();
                    seen.sql.streak = failing(answered);
                    seen.sql.answer = SqlAnswer::Slow;
                }
                let (next, act) = step(&state, &observation, &Ledger::default(), at(second));
                prop_assert_eq!(act, None);
                state = next;
            }
            now += gap;
        }
    }
}
