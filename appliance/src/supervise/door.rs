//! When the door opens and shuts, and when a first installation is set off and called done. Imports nothing that
//! does I/O. The conditions are those of docs/architecture.md, "Who may open the door".

use std::time::Duration;

use super::observation::{Observation, Unit};
use super::seen::{Answer, of};
pub use super::situation::Situation;

/// A database restart takes seconds; OpenMRS heals within 1-2 s after it (measured).
const GRACE_REFUSED: Duration = Duration::from_secs(10);
/// Pages that say 500 one after the other; a slow one is left open.
const GRACE_WRONG: Duration = Duration::from_secs(60);
/// The wizard takes the first page request after Tomcat is up; one that came too early is lost.
const TRIGGER_AGAIN: Duration = Duration::from_secs(30);

/// What is remembered between rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The door.
    pub open: bool,
    /// When the installation was last set off.
    pub triggered: Option<Duration>,
}

/// Why the door is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A maintenance began.
    Maintenance,
    /// A guard keeps the clinic down.
    Hold,
    /// By hand.
    ByHand,
    /// The guard, an installation, a wizard.
    NotReady,
    /// openmrs.service is not up.
    OpenmrsDown,
    /// The database is not up.
    DatabaseDown,
    /// OpenMRS answers wrongly.
    Wrong,
    /// posto restarts something.
    Acting,
    /// posto gave up.
    GaveUp,
}

impl Why {
    /// For events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Hold => "hold",
            Self::ByHand => "by-hand",
            Self::NotReady => "not-ready",
            Self::OpenmrsDown => "openmrs-down",
            Self::DatabaseDown => "database-down",
            Self::Wrong => "wrong-answers",
            Self::Acting => "acting",
            Self::GaveUp => "gave-up",
        }
    }
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Let the LAN in.
    Open,
    /// Show the page instead.
    Shut(Why),
    /// Ask for a page, which sets the installation off.
    TriggerInstallation,
    /// The first installation is proven: its script and mark go.
    FinishInstallation,
}

/// What the ladder does in this round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ladder {
    /// Nothing.
    Rests,
    /// Something that takes the clinic down.
    Interrupts,
    /// It has given up.
    GaveUp,
}

/// Judges one round. `now` is time since boot.
#[must_use]
pub fn decide(
    state: State,
    observation: &Observation,
    ladder: Ladder,
    now: Duration,
) -> (State, Option<Action>) {
    let mut next = state;
    let why = reason(observation, ladder, now);
    let ready = why.is_none() && observation.answers();
    let action = if state.open {
        next.open = why.is_none();
        why.map(Action::Shut)
    } else if ready {
        next.open = true;
        Some(Action::Open)
    } else if may_install(observation) {
        if observation.answers() && observation.settings_finished {
            Some(Action::FinishInstallation)
        } else if waits_for_wizard(observation)
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
    (next, action)
}

/// Why the door must be shut. A slow OpenMRS is none; nor is a watcher that sees nothing.
fn reason(observation: &Observation, ladder: Ladder, now: Duration) -> Option<Why> {
    let seen = observation.seen.as_ref();
    let lasts = |since: Option<u64>, grace: Duration| {
        since.is_some_and(|since| now.saturating_sub(of(since)) >= grace)
    };
    if observation.maintenance.is_some() {
        Some(Why::Maintenance)
    } else if observation.hold.is_some() {
        Some(Why::Hold)
    } else if observation.openmrs_stopped || observation.door_shut {
        Some(Why::ByHand)
    } else if !observation.guard_passed || observation.install_pending {
        Some(Why::NotReady)
    } else if observation.openmrs.unit != Unit::Up {
        Some(Why::OpenmrsDown)
    } else if observation.database.unit != Unit::Up
        || lasts(seen.and_then(|seen| seen.sql.refused_since), GRACE_REFUSED)
    {
        Some(Why::DatabaseDown)
    } else if seen.is_some_and(|seen| seen.web.page == Answer::Wizard) {
        Some(Why::NotReady)
    } else if ladder == Ladder::Interrupts {
        Some(Why::Acting)
    } else if ladder == Ladder::GaveUp {
        Some(Why::GaveUp)
    } else if lasts(seen.and_then(|seen| seen.web.wrong_since), GRACE_WRONG) {
        Some(Why::Wrong)
    } else {
        None
    }
}

fn may_install(observation: &Observation) -> bool {
    observation.install_pending
        && observation.maintenance.is_none()
        && observation.hold.is_none()
        && !observation.openmrs_stopped
        && observation.guard_passed
        && observation
            .seen
            .as_ref()
            .is_some_and(|seen| seen.sql.streak.is_good())
}

fn waits_for_wizard(observation: &Observation) -> bool {
    !observation.settings_finished
        && observation.openmrs.unit == Unit::Up
        && observation.seen.as_ref().is_some_and(|seen| {
            seen.web.started == Answer::Status(503) && seen.web.alive == Answer::Status(200)
        })
}

/// What the clinic is told.
#[must_use]
pub fn situation(open: bool, gave_up: bool, observation: &Observation) -> Situation {
    if let Some((kind, percent)) = observation.maintenance {
        return Situation::Maintenance { kind, percent };
    }
    if open {
        return Situation::Serving;
    }
    if let Some(hold) = observation.hold {
        return Situation::Held { hold };
    }
    if let Some(refusal) = &observation.refused {
        return Situation::Refused {
            code: refusal.code.clone(),
        };
    }
    if observation.openmrs_stopped {
        return Situation::Stopped;
    }
    if gave_up {
        return Situation::GaveUp;
    }
    if observation.door_shut {
        return Situation::DoorClosed;
    }
    let started = observation.openmrs.started;
    let web = observation.seen.as_ref().map(|seen| &seen.web);
    match observation.openmrs.unit {
        Unit::Down => Situation::Unavailable,
        // openmrs.service waits for the database itself: while it is on its way up, the clinic only has to wait.
        Unit::Starting | Unit::Stopping if observation.install_pending => Situation::Installing,
        Unit::Starting | Unit::Stopping => Situation::Starting,
        Unit::Up if observation.install_pending => Situation::Installing,
        Unit::Up if observation.database.unit != Unit::Up => Situation::DatabaseAway,
        Unit::Up if web.is_some_and(|web| web.streak.answered_since(started) || web.is_stuck()) => {
            Situation::Unavailable
        }
        Unit::Up => Situation::Starting,
    }
}

#[cfg(test)]
mod tests;
