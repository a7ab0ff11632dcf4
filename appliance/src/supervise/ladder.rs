//! The least that helps: which rung is next. Imports nothing that does I/O. docs/architecture.md, "Supervision".

use std::collections::BTreeMap;
use std::time::Duration;

use super::diagnosis::{Cause, diagnose};
use super::ledger::{DAY, Ledger, Step};
use super::observation::{Observation, Unit};

/// Good for so long, and what was done before is forgotten.
pub const HEALED: Duration = Duration::from_secs(300);
/// Good for so long, and what took nothing away from the clinic may be done again.
const CALM: Duration = Duration::from_secs(30);
/// Never two restarts of the box within this uptime.
pub const BETWEEN_REBOOTS: Duration = Duration::from_secs(3600);
/// After giving up, the rungs are tried again this much later, as far as the budgets allow.
pub const TRY_AGAIN: Duration = Duration::from_secs(3600);
/// A stopped process needs some seconds to answer again.
const AFTER_CONTINUE: Duration = Duration::from_secs(10);
const AFTER_FREE: Duration = Duration::from_secs(20);
/// The first pause after a restart; it doubles with every one after which the clinic never answered.
const AFTER_RESTART: Duration = Duration::from_secs(30);
const AFTER_RESTART_MOST: Duration = Duration::from_secs(1800);
/// The box is on its way down.
const AFTER_REBOOT: Duration = Duration::from_secs(900);
/// A database that we asked to end and that does nothing towards it.
const KILL_AFTER: Duration = Duration::from_secs(60);

/// What the ladder remembers between rounds. A restart of the box forgets it; the ledger does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// What is wrong, and since when.
    pub cause: Option<(Cause, Duration)>,
    /// What was done about it so far, how often.
    pub taken: BTreeMap<Step, usize>,
    /// Acts that took the clinic down and after which it has never answered.
    pub unhelped: u32,
    /// The last act.
    pub last: Option<(Step, Duration)>,
    /// When everything that is allowed had been tried.
    pub gave_up: Option<Duration>,
    /// Since when all has been well.
    pub good_since: Option<Duration>,
    /// The database was killed in the middle of our restart.
    pub killed: bool,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// This rung, because of that. `ledger` must be on the disk before [`Step::Reboot`]; before the others it is written
    /// if it can be.
    Step {
        /// The rung.
        step: Step,
        /// Why.
        cause: Cause,
        /// The ledger with this act in it.
        ledger: Ledger,
    },
    /// The database does not end: kill it. InnoDB recovers.
    KillDatabase,
    /// Say so, and wait until the budgets fill.
    GiveUp {
        /// Why.
        cause: Cause,
    },
}

/// One round. `ledger` is brought up to the present uptime by the caller; `now` is time since boot.
#[must_use]
pub fn step(
    state: &State,
    observation: &Observation,
    ledger: &Ledger,
    now: Duration,
) -> (State, Option<Act>) {
    let mut next = state.clone();
    // The clinic still works on the connections it has; the next clerk, and root's own tools, get none.
    let crowded = observation.is_crowded();
    if observation.answers() && !crowded {
        let since = *next.good_since.get_or_insert(now);
        next.cause = None;
        next.gave_up = None;
        next.unhelped = 0;
        if now.saturating_sub(since) >= CALM {
            next.taken.retain(|step, _| step.interrupts());
        }
        if now.saturating_sub(since) >= HEALED {
            next = State {
                good_since: Some(since),
                ..State::default()
            };
        }
        return (next, None);
    }
    next.good_since = None;
    if observation.hands_off() {
        next.cause = None;
        return (next, None);
    }
    if kills(&next, observation, now) {
        next.killed = true;
        return (next, Some(Act::KillDatabase));
    }
    let Some(cause) = diagnose(observation, now) else {
        next.cause = None;
        return (next, None);
    };
    let since = match next.cause {
        Some((before, since)) if before == cause => since,
        _ => now,
    };
    next.cause = Some((cause, since));
    if now.saturating_sub(since) < cause.patience() || waits(&next, cause, now) {
        return (next, None);
    }
    if let Some(at) = next.gave_up {
        if now.saturating_sub(at) < TRY_AGAIN {
            return (next, None);
        }
        next.taken.clear();
    }
    match rung(&next, cause, observation, ledger) {
        Some(step) => {
            *next.taken.entry(step).or_default() += 1;
            next.last = Some((step, now));
            next.unhelped += u32::from(step.interrupts());
            next.gave_up = None;
            next.cause = None;
            next.killed = false;
            let ledger = ledger.with(step);
            (
                next,
                Some(Act::Step {
                    step,
                    cause,
                    ledger,
                }),
            )
        }
        // What is served is not given up on.
        None if observation.answers() => (next, None),
        None => {
            let first = next.gave_up.is_none();
            next.gave_up = Some(now);
            (next, first.then_some(Act::GiveUp { cause }))
        }
    }
}

/// The lowest rung that was not taken yet and that the budgets allow.
fn rung(state: &State, cause: Cause, observation: &Observation, ledger: &Ledger) -> Option<Step> {
    let mut seen: BTreeMap<Step, usize> = BTreeMap::new();
    cause.rungs().iter().copied().find(|step| {
        let nth = seen.entry(*step).or_default();
        *nth += 1;
        let taken = state.taken.get(step).copied().unwrap_or(0);
        let allowed = ledger.count(*step, DAY) < step.budget();
        let reboot = *step != Step::Reboot
            || (observation.ledger_writable && ledger.count(Step::Reboot, BETWEEN_REBOOTS) == 0);
        let gentle = !step.interrupts() || !observation.answers();
        taken < *nth && allowed && reboot && gentle
    })
}

/// Whether the last act may still help.
fn waits(state: &State, cause: Cause, now: Duration) -> bool {
    let Some((last, at)) = state.last else {
        return false;
    };
    let pause = match last {
        // Both may have been stopped at once: the other one need not wait.
        Step::ContinueOpenmrs if cause == Cause::DatabaseStopped => Duration::ZERO,
        Step::ContinueDatabase if cause == Cause::OpenmrsStopped => Duration::ZERO,
        Step::ContinueOpenmrs | Step::ContinueDatabase => AFTER_CONTINUE,
        Step::FreeConnections => AFTER_FREE,
        Step::Reboot => AFTER_REBOOT,
        Step::RestartOpenmrs | Step::RestartDatabase | Step::RestartBoth => {
            let doubled = 2u32.saturating_pow(state.unhelped.saturating_sub(1));
            AFTER_RESTART
                .saturating_mul(doubled)
                .min(AFTER_RESTART_MOST)
        }
    };
    now.saturating_sub(at) < pause
}

fn kills(state: &State, observation: &Observation, now: Duration) -> bool {
    let ours = state.last.is_some_and(|(step, at)| {
        matches!(step, Step::RestartDatabase | Step::RestartBoth)
            && now.saturating_sub(at) >= KILL_AFTER
            && now.saturating_sub(at) < KILL_AFTER * 10
    });
    let database = &observation.database;
    ours && !state.killed
        && database.unit == Unit::Stopping
        && (database.signs.idle || database.signs.stopped_for >= KILL_AFTER / 2)
}

#[cfg(test)]
pub(super) mod tests;
