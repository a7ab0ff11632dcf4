//! One round's judgement: ladder, door, and keeping to what somebody wished or a guard demands. Imports nothing that does
//! I/O.

use std::time::Duration;

use super::door;
use super::ladder::{self, Act};
use super::ledger::Ledger;
use super::observation::{Observation, Unit};
use super::situation::Situation;

/// What is remembered between rounds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The door.
    pub door: door::State,
    /// The ladder.
    pub ladder: ladder::State,
    /// What we keep down.
    pub kept_down: KeptDown,
}

/// What we stopped and must start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptDown {
    /// OpenMRS.
    pub openmrs: bool,
    /// The database.
    pub database: bool,
}

/// In order, one a round: the door is shut before OpenMRS is stopped, OpenMRS before the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Stop OpenMRS.
    StopOpenmrs,
    /// Stop the database.
    StopDatabase,
    /// Start the database.
    StartDatabase,
    /// Start OpenMRS.
    StartOpenmrs,
}

/// One round's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// To be remembered, once the acts are done.
    pub state: State,
    /// The door; goes first.
    pub door: Option<door::Action>,
    /// Wishes and holds.
    pub keep: Option<Keep>,
    /// The ladder.
    pub act: Option<Act>,
    /// What to tell.
    pub situation: Situation,
}

/// Judges one round. `ledger` stands at the present uptime; `now` is time since boot.
#[must_use]
pub fn decide(state: &State, observation: &Observation, ledger: &Ledger, now: Duration) -> Judged {
    let (ladder, act) = ladder::step(&state.ladder, observation, ledger, now);
    let doing = match &act {
        Some(Act::Step { step, .. }) if step.interrupts() => door::Ladder::Interrupts,
        Some(Act::KillDatabase) => door::Ladder::Interrupts,
        _ if ladder.gave_up.is_some() => door::Ladder::GaveUp,
        _ => door::Ladder::Rests,
    };
    let (door, action) = door::decide(state.door, observation, doing, now);
    let (kept_down, keep) = keep(state.kept_down, observation);
    Judged {
        situation: door::situation(door.open, ladder.gave_up.is_some(), observation),
        state: State {
            door,
            ladder,
            kept_down,
        },
        door: action,
        keep,
        act,
    }
}

fn keep(kept: KeptDown, observation: &Observation) -> (KeptDown, Option<Keep>) {
    let mut next = kept;
    // Whoever does maintenance stops and starts the servers itself.
    if observation.maintenance.is_some() {
        return (next, None);
    }
    let (openmrs, database) = (observation.openmrs.unit, observation.database.unit);
    let want_openmrs_down = observation.openmrs_stopped || observation.hold.is_some();
    if want_openmrs_down {
        next.openmrs = true;
        match openmrs {
            Unit::Up | Unit::Starting => return (next, Some(Keep::StopOpenmrs)),
            Unit::Stopping => return (next, None),
            Unit::Down => {}
        }
    }
    if observation.hold.is_some() {
        next.database = true;
        let keep = matches!(database, Unit::Up | Unit::Starting).then_some(Keep::StopDatabase);
        return (next, keep);
    }
    if !observation.guard_passed {
        return (next, None);
    }
    if kept.database {
        match database {
            Unit::Down => return (next, Some(Keep::StartDatabase)),
            Unit::Up => next.database = false,
            Unit::Starting | Unit::Stopping => return (next, None),
        }
    }
    if kept.openmrs && !want_openmrs_down {
        match openmrs {
            Unit::Down => return (next, Some(Keep::StartOpenmrs)),
            Unit::Up | Unit::Starting => next.openmrs = false,
            Unit::Stopping => {}
        }
    }
    (next, None)
}

#[cfg(test)]
mod tests;
