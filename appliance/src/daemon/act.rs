//! Does what was decided, and records it. Orders to systemd are not waited for: what comes of them is seen.

use std::time::Duration;

use super::Daemon;
use crate::alarms::{self, Alarm, Source};
use crate::database::heartbeat;
use crate::database::server::{OPENMRS_UNIT, UNIT};
use crate::events::Event;
use crate::supervise::decide::{Keep, State};
use crate::supervise::diagnosis::Cause;
use crate::supervise::ladder::Act;
use crate::supervise::ledger::{Ledger, Step};
use crate::supervise::observation::Observation;
use crate::supervise::seen::SqlAnswer;
use crate::system::log::log;
use crate::system::units::{UnitError, Units};

/// signal(7), on every architecture that the box runs on.
const SIGCONT: i32 = 18;
const SIGKILL: i32 = 9;
const BUS_LIMIT: Duration = Duration::from_secs(10);
/// The watcher's account is not made more often than this.
const ACCOUNT_EVERY: Duration = Duration::from_secs(10);

impl Daemon {
    /// Acts; the state to be remembered: the one from before where the act could not be recorded first.
    pub(super) async fn act(
        &mut self,
        before: &State,
        after: State,
        act: Option<Act>,
        now: Duration,
    ) -> State {
        if before.ladder.gave_up.is_some() && after.ladder.gave_up.is_none() {
            self.lower();
        }
        match act {
            None => {}
            Some(Act::Step {
                step,
                cause,
                ledger,
            }) => {
                if !self.spend(step, &ledger) {
                    return State {
                        ladder: before.ladder.clone(),
                        ..after
                    };
                }
                self.take(step, cause, now).await;
            }
            Some(Act::KillDatabase) => {
                self.record(&Event::new("database-killed"));
                self.order(async |bus| bus.signal(UNIT, SIGKILL).await)
                    .await;
            }
            Some(Act::GiveUp { cause }) => {
                self.record(&Event::new("gave-up").with("cause", cause.name()));
                let alarm = Alarm::new("supervise-gave-up", &[("cause", cause.name().into())]);
                if let Err(error) = alarms::raise(&self.places, Source::Supervise, &alarm) {
                    log(&error.to_string());
                }
            }
        }
        after
    }

    fn lower(&mut self) {
        if let Err(error) = alarms::lower(&self.places, Source::Supervise) {
            log(&error.to_string());
        }
    }

    /// Whether the act may go on: one that is not on the disk may be done again after every boot.
    fn spend(&mut self, step: Step, ledger: &Ledger) -> bool {
        let writable = self.ledger_writable;
        self.write_ledger(ledger);
        if !self.ledger_writable && writable {
            self.record(&Event::new("ledger-unwritable"));
        }
        self.ledger_writable || step != Step::Reboot
    }

    async fn take(&mut self, step: Step, cause: Cause, now: Duration) {
        let name = match step {
            Step::ContinueOpenmrs => "openmrs-continued",
            Step::ContinueDatabase => "database-continued",
            Step::RestartOpenmrs => "openmrs-restarted",
            Step::RestartDatabase => "database-restarted",
            Step::RestartBoth => "both-restarted",
            Step::Reboot => "box-rebooting",
            Step::FreeConnections => {
                let freed = heartbeat::free(&self.places.database_socket()).await;
                let event = Event::new("connections-freed");
                match freed {
                    Ok(count) => self.record(&event.with("count", count)),
                    Err(error) => {
                        log(&error.to_string());
                        self.record(&event.with("count", 0));
                    }
                }
                return;
            }
        };
        // Before the act: a box that goes down says why first.
        self.record(&Event::new(name).with("cause", cause.name()));
        self.told.acted(now);
        self.order(async |bus| match step {
            Step::ContinueOpenmrs => bus.signal(OPENMRS_UNIT, SIGCONT).await,
            Step::ContinueDatabase => bus.signal(UNIT, SIGCONT).await,
            Step::RestartOpenmrs => bus.order_restart(OPENMRS_UNIT).await,
            Step::RestartDatabase => bus.order_restart(UNIT).await,
            Step::RestartBoth => {
                // systemd keeps the units' order: OpenMRS ends first and starts last.
                bus.order_restart(UNIT).await?;
                bus.order_restart(OPENMRS_UNIT).await
            }
            Step::Reboot => bus.reboot().await,
            Step::FreeConnections => Ok(()),
        })
        .await;
    }

    pub(super) async fn keep(&mut self, keep: Option<Keep>) {
        let Some(keep) = keep else {
            return;
        };
        self.order(async |bus| match keep {
            Keep::StopOpenmrs => bus.order_stop(OPENMRS_UNIT).await,
            Keep::StopDatabase => bus.order_stop(UNIT).await,
            Keep::StartDatabase => bus.order_start(UNIT).await,
            Keep::StartOpenmrs => bus.order_start(OPENMRS_UNIT).await,
        })
        .await;
    }

    pub(super) async fn order(&mut self, order: impl AsyncFnOnce(&Units) -> Result<(), UnitError>) {
        let done = match self.look.bus() {
            Some(bus) => tokio::time::timeout(BUS_LIMIT, order(bus)).await,
            None => {
                log("systemd cannot be reached over D-Bus; the order is given again later");
                return;
            }
        };
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log(&error.to_string()),
            Err(_) => log("systemd did not take the order in time"),
        }
        self.look.again();
    }

    /// An import exchanges the whole database, the watcher's account with it.
    pub(super) async fn mend_account(&mut self, observation: &Observation, now: Duration) {
        let denied = observation
            .seen
            .as_ref()
            .is_some_and(|seen| seen.sql.answer == SqlAnswer::Denied);
        if !denied {
            self.told.not_denied(observation);
        }
        if !denied
            || observation.maintenance.is_some()
            || !self.told.may_mend_account(now, ACCOUNT_EVERY)
        {
            return;
        }
        let first = self.told.first_denial();
        match heartbeat::make(&self.places.database_socket()).await {
            Ok(()) if first => self.record(&Event::new("watch-account-made")),
            Ok(()) => {}
            Err(error) => log(&format!("the watcher's account could not be made: {error}")),
        }
    }
}
