//! The daemon's part in updates: the worker and the staging are started and not waited for.

use std::time::Duration;

use posto_signing::rollout;

use super::Daemon;
use crate::events::Event;
use crate::facility;
use crate::supervise::observation::Observation;
use crate::system::log::log;
use crate::update::due::{self, Due, Seen};
use crate::update::fill::{self, Staging};
use crate::update::order::Work;
use crate::update::said::{Found, Said, Step};
use crate::update::trouble::Trouble;
use crate::update::units::{STAGE, STICK, WORK};

const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What is kept between rounds.
#[derive(Debug, Default)]
pub(super) struct Updates {
    looked: Option<Duration>,
    worked: Option<Duration>,
    staged: Option<Duration>,
    failed: u32,
    /// A unit of updates was at work at the last look.
    pub(super) running: bool,
    /// What was told of already: release, bytes.
    told: Option<(String, Step)>,
}

impl Daemon {
    /// One round.
    pub(super) async fn look_after_updates(&mut self, observation: &Observation, now: Duration) {
        let looked = self.updates.looked;
        if looked.is_some_and(|last| now.saturating_sub(last) < LOOK_EVERY) {
            return;
        }
        self.updates.looked = Some(now);
        let said = Said::read(&self.places.update_worker());
        let (facility, _) = facility::in_force(&self.places);
        let since = |at: Option<Duration>| at.map(|at| now.saturating_sub(at).as_secs());
        let staging = Staging::read(&self.places);
        let mut running = false;
        for unit in [WORK, STAGE, STICK] {
            running |= self.life(unit).await.0;
        }
        self.updates.running = running;
        // While the worker is at it its state folder says that it was interrupted.
        if !running {
            self.tell_of_updates(&said);
        }
        let seen = Seen {
            may_ask: !facility.releases.mirrors.is_empty() && self.places.trusted_root().exists(),
            hands_off: self.hands_off(observation),
            running,
            up_s: now.as_secs(),
            since_work_s: since(self.updates.worked),
            failed: self.updates.failed,
            since_stage_s: since(self.updates.staged),
            said: &said,
            staged: staging.staged.then_some(staging.release.as_str()),
            spread: rollout::ring(&facility.id),
        };
        match due::due(&seen) {
            None => {}
            Some(Due::Work) => {
                self.updates.failed = match said.step {
                    Step::Failed => self.updates.failed.saturating_add(1),
                    _ => 0,
                };
                self.updates.worked = Some(now);
                if let Err(error) = self.order_a_fetch() {
                    log(&error.to_string());
                    return;
                }
                self.order(async |bus| bus.order_start(WORK).await).await;
            }
            Some(Due::Stage) => {
                self.updates.staged = Some(now);
                self.order(async |bus| bus.order_start(STAGE).await).await;
            }
        }
    }

    fn order_a_fetch(&self) -> anyhow::Result<()> {
        let (_, mut order) = fill::order(&self.places)?;
        order.work = Work::Fetch;
        Ok(order.write(&self.places)?)
    }

    /// What the worker says is told once, as its own words.
    fn tell_of_updates(&mut self, said: &Said) {
        let Found::Offered { release, bytes, .. } = &said.found else {
            return;
        };
        let (name, megabytes) = (&release.release, bytes.div_ceil(1_000_000));
        let now = Some((name.clone(), said.step));
        if self.updates.told == now {
            return;
        }
        let first = self.updates.told.is_none();
        self.updates.told = now;
        // What was said before this start of the daemon was told before it.
        if first && said.step != Step::Failed {
            return;
        }
        let event = match said.step {
            Step::Fetched => Event::new("update-fetched"),
            Step::Failed => Event::new("update-not-fetched")
                .with("trouble", said.trouble.map_or("", Trouble::name))
                .with("reason", said.error.clone().unwrap_or_default()),
            Step::Rest | Step::Asking | Step::Fetching => Event::new("update-offered"),
        };
        let event = event.with("release", name.as_str()).with("mb", megabytes);
        self.record(&event);
    }
}
