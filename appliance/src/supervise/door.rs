//! When the door opens and shuts, and when a first installation is set off and called done. Imports nothing that
//! does I/O. The conditions (a) to (f) are those of docs/architecture.md, "Who may open the door".

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::maintenance::Kind;

/// A database restart takes seconds; OpenMRS heals within 1-2 s after it (measured).
const GRACE_SQL: Duration = Duration::from_secs(10);
/// A wrong answer from OpenMRS; long enough for one hiccup of the pool.
const GRACE_WRONG: Duration = Duration::from_secs(20);
/// No answer at all: a long collection of garbage or a report that takes every processor must not shut the clinic out.
const GRACE_SILENT: Duration = Duration::from_secs(90);
/// The wizard takes the first page request after Tomcat is up; one that came too early is lost.
const TRIGGER_AGAIN: Duration = Duration::from_secs(30);

/// What an address of OpenMRS answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing in time, or no connection.
    Silent,
    /// This HTTP status, after redirects on loopback.
    Status(u16),
    /// The installation wizard, or a way to it.
    Wizard,
}

/// What openmrs.service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Running.
    Up,
    /// On its way up.
    Starting,
    /// Neither.
    Down,
}

/// What was seen in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// A maintenance under way, with its per cent done.
    pub maintenance: Option<(Kind, Option<u8>)>,
    /// posto-guard.service is content.
    pub guard_passed: bool,
    /// Code of the alarm that keeps the database or OpenMRS down.
    pub refused: Option<String>,
    /// The database answered a question.
    pub sql: bool,
    /// openmrs.service.
    pub unit: Unit,
    /// `/openmrs/health/started`.
    pub started: Answer,
    /// `/openmrs/health/alive`.
    pub alive: Answer,
    /// `/openmrs/`.
    pub page: Answer,
    /// The mark of a first installation stands.
    pub install_pending: bool,
    /// OpenMRS has written its finished settings.
    pub settings_finished: bool,
}

/// What is remembered between rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The door.
    pub open: bool,
    /// Since when (time since boot) the open door should not be open.
    pub bad_since: Option<Duration>,
    /// When the installation was last set off.
    pub triggered: Option<Duration>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Let the LAN in.
    Open,
    /// Show the page instead.
    Shut,
    /// Ask for a page, which sets the installation off.
    TriggerInstallation,
    /// The first installation is proven: its script and mark go.
    FinishInstallation,
}

/// What the clinic is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Situation {
    /// OpenMRS is open.
    Serving,
    /// On its way up.
    Starting,
    /// First installation under way.
    Installing,
    /// The database does not answer.
    DatabaseAway,
    /// OpenMRS answers wrongly, or not.
    Unavailable,
    /// Maintenance.
    Maintenance {
        /// Of this kind.
        kind: Kind,
        /// Per cent done.
        percent: Option<u8>,
    },
    /// An alarm keeps it down.
    Refused {
        /// The alarm's code.
        code: String,
    },
}

/// One round's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// To be remembered, once the action is done.
    pub state: State,
    /// What to do, if anything.
    pub action: Option<Action>,
    /// What to tell.
    pub situation: Situation,
}

/// Judges one round. `now` is time since boot.
#[must_use]
pub fn decide(state: State, seen: &Observation, now: Duration) -> Judgement {
    let answers =
        seen.sql && seen.started == Answer::Status(200) && seen.page == Answer::Status(200);
    let ready = seen.maintenance.is_none() && seen.guard_passed && answers && !seen.install_pending;
    let mut next = State {
        bad_since: None,
        ..state
    };
    let action = if ready {
        next.open = true;
        (!state.open).then_some(Action::Open)
    } else if state.open {
        let bad_since = state.bad_since.unwrap_or(now);
        next.bad_since = Some(bad_since);
        let patience = grace(seen);
        if now.saturating_sub(bad_since) >= patience {
            next.open = false;
            next.bad_since = None;
            Some(Action::Shut)
        } else {
            None
        }
    } else if may_install(seen) {
        if answers && seen.settings_finished {
            Some(Action::FinishInstallation)
        } else if waits_for_wizard(seen)
            && state
                .triggered
                .is_none_or(|at| now.saturating_sub(at) >= TRIGGER_AGAIN)
        {
            next.triggered = Some(now);
            Some(Action::TriggerInstallation)
        } else {
            None
        }
    } else {
        None
    };
    Judgement {
        situation: situation(&next, seen),
        state: next,
        action,
    }
}

fn may_install(seen: &Observation) -> bool {
    seen.install_pending && seen.maintenance.is_none() && seen.guard_passed && seen.sql
}

fn waits_for_wizard(seen: &Observation) -> bool {
    !seen.settings_finished
        && seen.unit == Unit::Up
        && seen.started == Answer::Status(503)
        && seen.alive == Answer::Status(200)
}

/// How long an open door stays open against what was seen.
fn grace(seen: &Observation) -> Duration {
    let at_once = seen.maintenance.is_some()
        || !seen.guard_passed
        || seen.install_pending
        || seen.unit != Unit::Up
        || seen.page == Answer::Wizard;
    if at_once {
        Duration::ZERO
    } else if !seen.sql {
        GRACE_SQL
    } else if seen.started == Answer::Silent || seen.page == Answer::Silent {
        GRACE_SILENT
    } else {
        GRACE_WRONG
    }
}

fn situation(state: &State, seen: &Observation) -> Situation {
    if let Some((kind, percent)) = seen.maintenance {
        return Situation::Maintenance { kind, percent };
    }
    if state.open {
        return Situation::Serving;
    }
    if let Some(code) = &seen.refused {
        return Situation::Refused { code: code.clone() };
    }
    match seen.unit {
        Unit::Down => Situation::Unavailable,
        // openmrs.service waits for the database itself: while it is on its way up, the clinic only has to wait.
        Unit::Starting if seen.install_pending => Situation::Installing,
        Unit::Starting => Situation::Starting,
        Unit::Up if !seen.sql => Situation::DatabaseAway,
        Unit::Up if seen.install_pending => Situation::Installing,
        // Started while the database was away (503/503) and failed migrations never heal by themselves.
        Unit::Up if seen.started == Answer::Status(503) && seen.alive == Answer::Status(503) => {
            Situation::Unavailable
        }
        Unit::Up if seen.started == Answer::Status(200) && seen.page != Answer::Silent => {
            Situation::Unavailable
        }
        Unit::Up => Situation::Starting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn good() -> Observation {
        Observation {
            maintenance: None,
            guard_passed: true,
            refused: None,
            sql: true,
            unit: Unit::Up,
            started: Answer::Status(200),
            alive: Answer::Status(200),
            page: Answer::Status(200),
            install_pending: false,
            settings_finished: true,
        }
    }

    const OPEN: State = State {
        open: true,
        bad_since: None,
        triggered: None,
    };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_door_opens_when_everything_answers() {
        let judged = decide(State::default(), &good(), at(60));
        assert_eq!(
            (judged.action, judged.situation),
            (Some(Action::Open), Situation::Serving)
        );
        assert_eq!(decide(judged.state, &good(), at(61)).action, None);
    }

    #[test]
    fn maintenance_shuts_at_once() {
        let seen = Observation {
            maintenance: Some((Kind::Import, Some(3))),
            ..good()
        };
        assert_eq!(decide(OPEN, &seen, at(60)).action, Some(Action::Shut));
    }

    #[test]
    fn a_dead_database_shuts_after_its_grace_although_health_says_200() {
        let seen = Observation {
            sql: false,
            ..good()
        };
        let judged = decide(OPEN, &seen, at(100));
        assert_eq!(
            (judged.action, judged.state.bad_since),
            (None, Some(at(100)))
        );
        let judged = decide(judged.state, &seen, at(110));
        assert_eq!(
            (judged.action, judged.situation),
            (Some(Action::Shut), Situation::DatabaseAway)
        );
    }

    #[test]
    fn a_short_silence_is_forgiven_and_forgotten() {
        let silent = Observation {
            started: Answer::Silent,
            page: Answer::Silent,
            ..good()
        };
        let judged = decide(OPEN, &silent, at(100));
        let judged = decide(judged.state, &good(), at(150));
        let judged = decide(judged.state, &silent, at(200));
        assert_eq!(judged.state.bad_since, Some(at(200)));
        assert!(judged.state.open);
    }

    #[test]
    fn an_installation_is_set_off_again_if_nothing_came_of_it_and_finished_only_when_proven() {
        let waiting = Observation {
            started: Answer::Status(503),
            page: Answer::Wizard,
            install_pending: true,
            settings_finished: false,
            ..good()
        };
        let judged = decide(State::default(), &waiting, at(40));
        assert_eq!(judged.action, Some(Action::TriggerInstallation));
        assert_eq!(decide(judged.state, &waiting, at(45)).action, None);
        assert_eq!(
            decide(judged.state, &waiting, at(71)).action,
            Some(Action::TriggerInstallation)
        );
        let done = Observation {
            install_pending: true,
            ..good()
        };
        let judged = decide(judged.state, &done, at(200));
        assert_eq!(judged.action, Some(Action::FinishInstallation));
        assert!(!judged.state.open);
    }

    fn any_answer() -> impl Strategy<Value = Answer> {
        prop_oneof![
            Just(Answer::Silent),
            Just(Answer::Wizard),
            Just(Answer::Status(200)),
            Just(Answer::Status(500)),
            Just(Answer::Status(503))
        ]
    }

    prop_compose! {
        fn any_observation()(
            maintenance in proptest::option::of(Just((Kind::Import, None))),
            flags in any::<[bool; 4]>(),
            refused in proptest::option::of("[a-z]{3}"),
            unit in prop_oneof![Just(Unit::Up), Just(Unit::Starting), Just(Unit::Down)],
            answers in [any_answer(), any_answer(), any_answer()],
        ) -> Observation {
            let [guard_passed, sql, install_pending, settings_finished] = flags;
            let [started, alive, page] = answers;
            Observation { maintenance, guard_passed, refused, sql, unit, started, alive, page, install_pending, settings_finished }
        }
    }

    proptest! {
        #[test]
        fn the_door_opens_only_when_all_six_conditions_hold(seen in any_observation(), now in 0u64..10_000) {
            if decide(State::default(), &seen, at(now)).state.open {
                prop_assert!(seen.maintenance.is_none());
                prop_assert!(seen.guard_passed);
                prop_assert!(seen.sql);
                prop_assert_eq!(seen.page, Answer::Status(200));
                prop_assert_eq!(seen.started, Answer::Status(200));
                prop_assert!(!seen.install_pending);
            }
        }

        #[test]
        fn an_open_door_never_outlives_the_longest_grace(round in proptest::collection::vec((any_observation(), 1u64..20), 1..30)) {
            let (mut state, mut now, mut bad_from) = (OPEN, 0, None);
            for (seen, pause) in round {
                now += pause;
                let judged = decide(state, &seen, at(now));
                let ready = decide(State::default(), &seen, at(now)).state.open;
                bad_from = if ready { None } else { bad_from.or(Some(now)) };
                if let Some(from) = bad_from {
                    prop_assert!(!judged.state.open || at(now - from) < GRACE_SILENT);
                }
                // The action and the remembered door never disagree.
                match judged.action {
                    Some(Action::Open) => prop_assert!(!state.open && judged.state.open),
                    Some(Action::Shut) => prop_assert!(state.open && !judged.state.open),
                    _ => prop_assert_eq!(state.open, judged.state.open),
                }
                state = judged.state;
            }
        }

        #[test]
        fn nothing_is_installed_without_the_mark_or_during_maintenance(seen in any_observation(), open in any::<bool>(), now in 0u64..1000) {
            let judged = decide(State { open, ..State::default() }, &seen, at(now));
            if matches!(judged.action, Some(Action::TriggerInstallation | Action::FinishInstallation)) {
                prop_assert!(seen.install_pending && seen.maintenance.is_none() && seen.guard_passed);
            }
        }
    }
}
