//! The daemon's part in rebuilding scattered tables: its unit is started and not waited for, and stopped when the box is needed.

use std::time::Duration;

use super::Daemon;
use crate::database::rebuild::decide::{self, When};
use crate::facility;
use crate::snapshot::moment;
use crate::supervise::observation::Observation;
use crate::system::clock;

const REBUILD: &str = "posto-rebuild.service";
/// A night is long.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// Something else comes first: a start, a snapshot, a proof.
const LOOK_AGAIN: Duration = Duration::from_secs(20);
/// While it runs.
const LOOK_BUSY: Duration = Duration::from_secs(2);

/// What is kept between rounds.
#[derive(Debug, Default)]
pub(super) struct Rebuild {
    looked: Option<Duration>,
    asked: Option<Duration>,
    put_off: bool,
    /// As it was last seen.
    pub(super) running: bool,
}

impl Daemon {
    /// One round.
    pub(super) async fn look_after_tables(&mut self, observation: &Observation, now: Duration) {
        let every = if self.rebuild.running {
            LOOK_BUSY
        } else if self.rebuild.put_off {
            LOOK_AGAIN
        } else {
            LOOK_EVERY
        };
        let looked = self.rebuild.looked;
        if looked.is_some_and(|last| now.saturating_sub(last) < every) {
            return;
        }
        self.rebuild.looked = Some(now);
        self.rebuild.running = self.life(REBUILD).await.0;
        let (facility, _) = facility::in_force(&self.places);
        let minute = moment::local_minute(&self.places, &facility.time_zone, clock::unix_seconds());
        let when = When {
            hands_off: self.hands_off(observation),
            busy: self.rebuild.running || self.works_on_snapshots() || self.is_copying().await,
            quiet: minute.map(|minute| facility.snapshots.quiet().holds(minute)),
            since_asked_s: self
                .rebuild
                .asked
                .map(|asked| now.saturating_sub(asked).as_secs()),
        };
        self.rebuild.put_off = when.quiet == Some(true) && (when.hands_off || when.busy);
        if self.rebuild.running && decide::must_stop(when) {
            self.order(async |bus| bus.order_stop(REBUILD).await).await;
        } else if decide::is_due(when) {
            self.rebuild.asked = Some(now);
            self.rebuild.running = true;
            self.order(async |bus| bus.order_start(REBUILD).await).await;
        }
    }
}
