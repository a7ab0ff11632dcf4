//! The daemon's part in copies off the disk: its unit is started and not waited for; the record tells what came of it.

use std::time::Duration;

use super::Daemon;
use crate::alarms::{self, Alarm, Source};
use crate::facility;
use crate::snapshot::copies::due::{self, Seen};
use crate::snapshot::copies::record::Record;
use crate::snapshot::{moment, shelf};
use crate::supervise::observation::Observation;
use crate::system::clock;
use crate::system::log::log;

const COPY: &str = "posto-copy.service";
/// A night is long.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// What is kept between rounds.
#[derive(Debug, Default)]
pub(super) struct Copies {
    looked: Option<Duration>,
    tried: Option<Duration>,
    alarm: Option<Alarm>,
}

impl Daemon {
    /// One round.
    pub(super) async fn look_after_copies(&mut self, observation: &Observation, now: Duration) {
        let looked = self.copies.looked;
        if looked.is_some_and(|last| now.saturating_sub(last) < LOOK_EVERY) {
            return;
        }
        self.copies.looked = Some(now);
        let (facility, _) = facility::in_force(&self.places);
        let Some(copies) = &facility.copies else {
            self.show_copies(None);
            return;
        };
        let all = match shelf::list(&self.places) {
            Ok(all) => all,
            Err(error) => {
                log(&error.to_string());
                return;
            }
        };
        let newest = all.last().map(|newest| &newest.manifest.moment);
        let unix_s = clock::unix_seconds();
        let moment = moment::now(&self.places, newest, unix_s, now);
        let mut record = Record::read(&self.places);
        if record.since.is_none() {
            record.since = Some(moment.clone());
            if let Err(error) = record.write(&self.places) {
                log(&error.to_string());
            }
        }
        let minute = moment::local_minute(&self.places, &facility.time_zone, unix_s);
        let seen = Seen {
            hands_off: self.hands_off(observation),
            running: self.life(COPY).await.0,
            newest_proven: shelf::last_proven(&all).map(shelf::Snapshot::id),
            record: &record,
            now_s: moment.effective_s,
            since_try_s: self
                .copies
                .tried
                .map(|tried| now.saturating_sub(tried).as_secs()),
            quiet: minute.map(|minute| facility.snapshots.quiet().holds(minute)),
        };
        let due = due::due(&seen);
        let days = due::too_old_days(&record, moment.effective_s, copies.alarm_days);
        let name = match record.last {
            Some(_) => "copies-old",
            None => "copies-none",
        };
        self.show_copies(days.map(|days| Alarm::new(name, &[("days", days.into())])));
        if due {
            self.copies.tried = Some(now);
            self.order(async |bus| bus.order_start(COPY).await).await;
        }
    }

    /// A copy is being made.
    pub(super) async fn is_copying(&self) -> bool {
        self.life(COPY).await.0
    }

    fn show_copies(&mut self, alarm: Option<Alarm>) {
        if alarm == self.copies.alarm {
            return;
        }
        let done = match &alarm {
            Some(alarm) => alarms::raise(&self.places, Source::Copies, alarm),
            None => alarms::lower(&self.places, Source::Copies),
        };
        match done {
            Ok(()) => self.copies.alarm = alarm,
            Err(error) => log(&error.to_string()),
        }
    }
}
