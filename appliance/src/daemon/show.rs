//! What others see of the judgement: the door's page, and the file for `posto status` and the console. Written only when
//! something changed.

use std::time::Duration;

use super::Daemon;
use crate::supervise::judgement::Judgement;
use crate::supervise::observation::Observation;
use crate::supervise::page;
use crate::supervise::situation::Situation;
use crate::supervise::starts;
use crate::system::clock;
use crate::system::durable::{self, DurableError, Owner};

/// Readers call a judgement older than a minute dead.
const JUDGEMENT_EVERY: Duration = Duration::from_secs(20);

impl Daemon {
    pub(super) fn minutes(
        &self,
        situation: &Situation,
        observation: &Observation,
        now: Duration,
    ) -> Option<u64> {
        if !matches!(situation, Situation::Starting | Situation::Installing) {
            return None;
        }
        let started = observation.openmrs.started;
        let elapsed = if started.is_zero() {
            Duration::ZERO
        } else {
            now.saturating_sub(started)
        };
        starts::minutes_left(observation.expected_start, elapsed)
    }

    pub(super) fn show(
        &mut self,
        situation: &Situation,
        minutes: Option<u64>,
    ) -> Result<(), DurableError> {
        let new = Some((situation.clone(), minutes));
        if self.shown != new {
            let page = page::page(situation, minutes);
            durable::write(
                &self.places.door_page(),
                page.as_bytes(),
                Owner::mode(0o644),
            )?;
            self.shown = new;
        }
        Ok(())
    }

    pub(super) fn leave_judgement(
        &mut self,
        situation: Situation,
        minutes: Option<u64>,
        observation: &Observation,
        now: Duration,
    ) -> Result<(), DurableError> {
        let since = match &self.since {
            Some((before, since)) if same(before, &situation) => *since,
            _ => clock::unix_seconds(),
        };
        self.since = Some((situation.clone(), since));
        let judgement = Judgement {
            at: now.as_secs(),
            door_open: self.state.door.open,
            database_answers: observation
                .seen
                .as_ref()
                .is_some_and(|seen| seen.sql.streak.is_good()),
            situation,
            since,
            minutes,
        };
        let fresh = self.judgement.as_ref().is_some_and(|(before, at)| {
            Judgement {
                at: judgement.at,
                ..before.clone()
            } == judgement
                && now.saturating_sub(*at) < JUDGEMENT_EVERY
        });
        if !fresh {
            judgement.write(&self.places)?;
            self.judgement = Some((judgement, now));
        }
        Ok(())
    }
}

/// Progress within one situation is not a new one.
fn same(before: &Situation, now: &Situation) -> bool {
    std::mem::discriminant(before) == std::mem::discriminant(now)
}
