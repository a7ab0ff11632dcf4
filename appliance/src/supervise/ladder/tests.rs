use super::*;
use crate::supervise::observation::{Server, Signs};
use crate::supervise::seen::{Answer, Seen, Sql, SqlAnswer, Streak, Web, ms};

pub(in crate::supervise) mod properties;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn up() -> Server {
    Server {
        unit: Unit::Up,
        started: at(20),
        signs: Signs::default(),
    }
}

fn good_streak(now: u64) -> Streak {
    Streak {
        good_at: Some(ms(at(now))),
        good_since: Some(ms(at(60))),
        failing_since: None,
    }
}

fn failing(since: u64) -> Streak {
    Streak {
        good_at: Some(ms(at(since))),
        good_since: None,
        failing_since: Some(ms(at(since + 10))),
    }
}

fn good(now: u64) -> Observation {
    Observation {
        guard_passed: true,
        openmrs: up(),
        database: up(),
        expected_start: at(40),
        ledger_writable: true,
        seen: Some(Seen {
            at: ms(at(now)),
            sql: Sql {
                answer: SqlAnswer::Good,
                streak: good_streak(now),
                ..Sql::default()
            },
            web: Web {
                streak: good_streak(now),
                page: Answer::Status(200),
                started: Answer::Status(200),
                alive: Answer::Status(200),
                ..Web::default()
            },
        }),
        ..Observation::default()
    }
}

/// OpenMRS without a good answer since `since`, idle.
fn hung(since: u64, now: u64) -> Observation {
    let mut observation = good(now);
    let seen = observation.seen.as_mut().unwrap();
    seen.web.streak = failing(since);
    seen.web.page = Answer::Silent;
    observation.openmrs.signs.idle = true;
    observation.database.signs.idle = true;
    observation
}

fn database_hung(since: u64, now: u64) -> Observation {
    let mut observation = hung(since, now);
    let seen = observation.seen.as_mut().unwrap();
    seen.sql.streak = failing(since);
    seen.sql.answer = SqlAnswer::Slow;
    observation
}

fn taken(act: &Option<Act>) -> Option<Step> {
    match act {
        Some(Act::Step { step, .. }) => Some(*step),
        _ => None,
    }
}

fn first(observation: &Observation, now: u64) -> Option<Step> {
    taken(&step(&State::default(), observation, &Ledger::default(), at(now)).1)
}

#[test]
fn a_hung_openmrs_is_restarted_within_a_minute_and_not_before_there_is_evidence() {
    assert_eq!(first(&hung(100, 144), 144), None);
    assert_eq!(first(&hung(100, 146), 146), Some(Step::RestartOpenmrs));
    let mut works = hung(100, 146);
    works.openmrs.signs.idle = false;
    assert_eq!(first(&works, 146), None);
    let mut waits_for_database = hung(100, 146);
    waits_for_database.database.signs.idle = false;
    assert_eq!(first(&waits_for_database, 146), None);
}

#[test]
fn one_that_works_but_never_answers_is_restarted_after_ten_minutes() {
    let mut works = hung(100, 702);
    works.openmrs.signs.idle = false;
    assert_eq!(first(&works, 702), Some(Step::RestartOpenmrs));
}

/// Seen once in a machine: a first boot whose door stayed shut for 25 minutes, while everybody kept hands off.
#[test]
fn a_first_installation_that_hangs_is_begun_again_once_it_is_overdue() {
    let installing = |now: u64, installation_overdue| Observation {
        install_pending: true,
        installation_overdue,
        ..hung(20, now)
    };
    assert_eq!(first(&installing(5000, false), 5000), None);
    assert_eq!(
        first(&installing(5000, true), 5000),
        Some(Step::RestartOpenmrs)
    );
}

#[test]
fn a_silent_database_is_blamed_before_openmrs_which_needs_it() {
    assert_eq!(
        first(&database_hung(100, 150), 150),
        Some(Step::RestartDatabase)
    );
}

#[test]
fn a_stopped_process_is_let_go_on_and_only_then_restarted() {
    let stopped = |now| {
        let mut observation = hung(100, now);
        observation.openmrs.signs.stopped_for = at(40);
        observation
    };
    let (state, act) = step(
        &State::default(),
        &stopped(146),
        &Ledger::default(),
        at(146),
    );
    assert_eq!(taken(&act), Some(Step::ContinueOpenmrs));
    let (state, act) = step(&state, &stopped(150), &Ledger::default(), at(150));
    assert_eq!(act, None);
    let (_, act) = step(&state, &stopped(157), &Ledger::default(), at(157));
    assert_eq!(taken(&act), Some(Step::RestartOpenmrs));
}

#[test]
fn when_both_are_stopped_neither_waits_for_the_other() {
    let mut both = database_hung(100, 150);
    both.openmrs.signs.stopped_for = at(40);
    both.database.signs.stopped_for = at(40);
    let (state, act) = step(&State::default(), &both, &Ledger::default(), at(150));
    assert_eq!(taken(&act), Some(Step::ContinueDatabase));
    let mut one = hung(100, 152);
    one.openmrs.signs.stopped_for = at(42);
    let (_, act) = step(&state, &one, &Ledger::default(), at(152));
    assert_eq!(taken(&act), Some(Step::ContinueOpenmrs));
}

#[test]
fn a_database_that_came_back_gives_openmrs_its_seconds() {
    let mut observation = hung(100, 200);
    observation.seen.as_mut().unwrap().sql.streak.good_since = Some(ms(at(198)));
    assert_eq!(first(&observation, 200), None);
}

#[test]
fn a_start_may_take_three_times_as_long_as_usual_and_longer_while_it_works() {
    let starting = |now: u64, idle| {
        let mut observation = hung(15, now);
        observation.seen.as_mut().unwrap().web.streak.good_at = None;
        observation.openmrs.signs.idle = idle;
        observation
    };
    assert_eq!(first(&starting(600, true), 600), None);
    assert_eq!(first(&starting(670, true), 670), Some(Step::RestartOpenmrs));
    assert_eq!(first(&starting(3000, false), 3000), None);
    assert_eq!(
        first(&starting(7300, false), 7300),
        Some(Step::RestartOpenmrs)
    );
    let mut slow_box = starting(1000, true);
    slow_box.expected_start = at(400);
    assert_eq!(first(&slow_box, 1000), None);
}

#[test]
fn a_start_without_the_database_is_done_again_and_a_failed_migration_given_up_on() {
    let stuck = |now: u64, started: u64| {
        let mut observation = hung(now - 50, now);
        let web = &mut observation.seen.as_mut().unwrap().web;
        web.streak.good_at = None;
        (web.started, web.alive) = (Answer::Status(503), Answer::Status(503));
        observation.openmrs.started = at(started);
        observation
    };
    let mut ledger = Ledger::default();
    let (mut state, mut acts, mut now) = (State::default(), Vec::new(), 1000);
    for _ in 0..200 {
        now += 10;
        let (next, act) = step(&state, &stuck(now, 900), &ledger.at(at(now)), at(now));
        if let Some(Act::Step { ledger: spent, .. }) = &act {
            ledger = spent.clone();
        }
        acts.extend(act.map(|act| match act {
            Act::Step { step, .. } => Some(step),
            _ => None,
        }));
        state = next;
    }
    assert_eq!(
        acts,
        [Some(Step::RestartOpenmrs), Some(Step::RestartOpenmrs), None]
    );
}

#[test]
fn taken_connections_are_freed_after_fifteen_seconds_and_then_openmrs_restarted() {
    let taken_up = |now: u64| {
        let mut observation = good(now);
        let seen = observation.seen.as_mut().unwrap();
        seen.sql.exhausted_since = Some(ms(at(100)));
        seen.web.streak = failing(100);
        observation
    };
    let (state, act) = step(
        &State::default(),
        &taken_up(100),
        &Ledger::default(),
        at(100),
    );
    assert_eq!(act, None);
    let (state, act) = step(&state, &taken_up(115), &Ledger::default(), at(115));
    assert_eq!(taken(&act), Some(Step::FreeConnections));
    let (state, _) = step(&state, &taken_up(116), &Ledger::default(), at(116));
    let (state, act) = step(&state, &taken_up(136), &Ledger::default(), at(136));
    assert_eq!(taken(&act), Some(Step::FreeConnections));
    let (state, _) = step(&state, &taken_up(137), &Ledger::default(), at(137));
    let (_, act) = step(&state, &taken_up(157), &Ledger::default(), at(157));
    assert_eq!(taken(&act), Some(Step::RestartOpenmrs));
}

#[test]
fn a_database_that_does_not_end_is_killed_once() {
    let state = State {
        last: Some((Step::RestartDatabase, at(100))),
        ..State::default()
    };
    let mut observation = database_hung(50, 161);
    observation.database.unit = Unit::Stopping;
    let (state, act) = step(&state, &observation, &Ledger::default(), at(161));
    assert_eq!(act, Some(Act::KillDatabase));
    assert_eq!(
        step(&state, &observation, &Ledger::default(), at(163)).1,
        None
    );
}

/// A box that never gets well, whatever is done, for `hours`; the acts with their uptime.
fn hopeless(hours: u64, writable: bool) -> Vec<(Option<Step>, u64)> {
    let (mut state, mut ledger, mut acts) = (State::default(), Ledger::default(), Vec::new());
    let (mut restarted, mut booted) = (100, 0);
    for uptime in (200..hours * 3600).step_by(5) {
        let now = uptime - booted + 200;
        let mut observation = hung(restarted, now.max(restarted + 60));
        observation.ledger_writable = writable;
        if now < restarted + 60 {
            continue;
        }
        let (next, act) = step(&state, &observation, &ledger.at(at(uptime)), at(now));
        state = next;
        match act {
            Some(Act::Step {
                step,
                ledger: spent,
                ..
            }) => {
                ledger = spent;
                acts.push((Some(step), uptime));
                restarted = now;
                if step == Step::Reboot {
                    (state, booted, restarted) = (State::default(), uptime, 200);
                }
            }
            Some(_) => acts.push((None, uptime)),
            None => {}
        }
    }
    acts
}

#[test]
fn a_hopeless_box_climbs_the_ladder_stays_within_its_budgets_and_tries_again_later() {
    let acts = hopeless(72, true);
    let steps: Vec<_> = acts.iter().filter_map(|(step, _)| *step).collect();
    assert_eq!(
        steps[..4],
        [
            Step::RestartOpenmrs,
            Step::RestartOpenmrs,
            Step::RestartBoth,
            Step::Reboot
        ]
    );
    assert!(
        acts.iter().any(|(step, _)| step.is_none()),
        "it says that it gave up"
    );
    for (nth, (step, when)) in acts.iter().enumerate() {
        let Some(step) = step else { continue };
        let day = acts[nth..]
            .iter()
            .filter(|(other, at)| *other == Some(*step) && at - when < DAY.as_secs())
            .count();
        assert!(day <= step.budget(), "{step:?} {day} times in a day");
    }
    let reboots: Vec<u64> = acts
        .iter()
        .filter_map(|(step, at)| (*step == Some(Step::Reboot)).then_some(*at))
        .collect();
    assert!(
        reboots.windows(2).all(|pair| pair[1] - pair[0] >= 3600),
        "{reboots:?}"
    );
    assert!(
        acts.iter()
            .filter(|(step, at)| step.is_some() && *at > 48 * 3600)
            .count()
            > 2
    );
}

#[test]
fn a_box_that_cannot_write_its_ledger_never_restarts_itself() {
    let acts = hopeless(30, false);
    assert!(acts.len() > 3 && acts.iter().all(|(step, _)| *step != Some(Step::Reboot)));
}

#[test]
fn a_clinic_that_still_works_on_its_connections_gets_room_and_nothing_worse() {
    let crowded = |now: u64| {
        let mut observation = good(now);
        observation.seen.as_mut().unwrap().sql.exhausted_since = Some(ms(at(100)));
        observation
    };
    let (mut state, mut acts) = (State::default(), Vec::new());
    for second in (100..2000).step_by(2) {
        let (next, act) = step(&state, &crowded(second), &Ledger::default(), at(second));
        acts.extend(act.map(|act| taken(&Some(act))));
        state = next;
    }
    assert_eq!(
        acts,
        [Some(Step::FreeConnections), Some(Step::FreeConnections)]
    );
}
