//! What changed and deserves an event besides our own acts: silence, blindness, holds, and that the clinic works again.

use std::time::Duration;

use crate::events::Event;
use crate::guards::Hold;
use crate::supervise::decide::State;
use crate::supervise::observation::Observation;

/// A silence worth telling of.
const SILENT: Duration = Duration::from_secs(25);
/// A watcher that starts anew needs some seconds.
const BLIND: Duration = Duration::from_secs(20);

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    openmrs_silent: bool,
    database_silent: bool,
    blind_since: Option<Duration>,
    blind: bool,
    hold: Option<Hold>,
    /// Since when the clinic has not been served, once it had been.
    trouble_since: Option<Duration>,
    served: bool,
    account_made: Option<Duration>,
    denied: bool,
}

impl Told {
    /// The events of one round.
    pub(super) fn round(
        &mut self,
        observation: &Observation,
        state: &State,
        now: Duration,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        self.silence(observation, now, &mut events);
        self.blindness(observation, now, &mut events);
        if self.hold != observation.hold {
            events.push(match observation.hold {
                Some(hold) => Event::new("hold-begun").with("why", name(hold)),
                None => Event::new("hold-ended"),
            });
            self.hold = observation.hold;
        }
        let serves = state.door.open && observation.answers();
        let trouble = !state.door.open || self.openmrs_silent || self.database_silent;
        if serves {
            if let Some(since) = self.trouble_since.take() {
                let seconds = now.saturating_sub(since).as_secs();
                events.push(Event::new("serving-again").with("seconds", seconds));
            }
            self.served = true;
        } else if trouble && self.served && self.trouble_since.is_none() {
            self.trouble_since = Some(now);
        }
        events
    }

    /// Something was done to the clinic: it does not work from now on at the latest.
    pub(super) fn acted(&mut self, now: Duration) {
        if self.served {
            self.trouble_since.get_or_insert(now);
        }
    }

    /// Whether the watcher's account may be made (again) now.
    pub(super) fn may_mend_account(&mut self, now: Duration, every: Duration) -> bool {
        let may = self
            .account_made
            .is_none_or(|at| now.saturating_sub(at) >= every);
        if may {
            self.account_made = Some(now);
        }
        may
    }

    /// Whether this is the first denial since the database last let the watcher in.
    pub(super) fn first_denial(&mut self) -> bool {
        !std::mem::replace(&mut self.denied, true)
    }

    /// The watcher was let in.
    pub(super) fn not_denied(&mut self, observation: &Observation) {
        if observation
            .seen
            .as_ref()
            .is_some_and(|seen| seen.sql.streak.is_good())
        {
            self.denied = false;
        }
    }

    fn silence(&mut self, observation: &Observation, now: Duration, events: &mut Vec<Event>) {
        let Some(seen) = &observation.seen else {
            return;
        };
        let up = |server: &crate::supervise::observation::Server| {
            server.unit == crate::supervise::observation::Unit::Up
        };
        let failing = seen.sql.streak.failing_for(now);
        let database = failing >= SILENT && seen.sql.streak.good_at.is_some();
        if database && up(&observation.database) && !self.database_silent {
            events.push(Event::new("database-silent").with("seconds", failing.as_secs()));
        }
        self.database_silent = database;
        let failing = seen.web.streak.failing_for(now);
        let answered = seen.web.streak.answered_since(observation.openmrs.started);
        let openmrs = failing >= SILENT && answered;
        if openmrs && !database && up(&observation.openmrs) && !self.openmrs_silent {
            events.push(Event::new("openmrs-silent").with("seconds", failing.as_secs()));
        }
        self.openmrs_silent = openmrs;
    }

    fn blindness(&mut self, observation: &Observation, now: Duration, events: &mut Vec<Event>) {
        if observation.seen.is_some() {
            if self.blind {
                events.push(Event::new("watcher-sees-again"));
            }
            self.blind = false;
            self.blind_since = None;
            return;
        }
        let since = *self.blind_since.get_or_insert(now);
        if !self.blind && now.saturating_sub(since) >= BLIND {
            self.blind = true;
            events.push(Event::new("watcher-blind"));
        }
    }
}

fn name(hold: Hold) -> &'static str {
    match hold {
        Hold::DiskFull => "disk-full",
    }
}
