//! The daemon's part in snapshots: what is due is started as a unit and not waited for; what came of it is seen on the shelf.

use std::time::Duration;

use super::Daemon;
use crate::alarms::{self, Alarm, Source};
use crate::events::{Event, Moment};
use crate::facility::{self, Facility};
use crate::guards::disk;
use crate::places::Places;
use crate::release;
use crate::snapshot::id::Id;
use crate::snapshot::moment;
use crate::snapshot::order::Order;
use crate::snapshot::retain::{self, Standing};
use crate::snapshot::schedule::{self, Disk, Failures, Room, Seen};
use crate::snapshot::shelf::{self, Snapshot};
use crate::supervise::observation::{Observation, Unit};
use crate::system::log::log;
use crate::system::{block, clock};
use posto_release::kernel_line::Mode;

const TAKE: &str = "posto-snapshot.service";
const PROVE: &str = "posto-proof.service";
const THIN: &str = "posto-snapshot-thin.service";
/// What is on the shelf changes by the hour.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// While something was started and is not over.
const LOOK_BUSY: Duration = Duration::from_secs(10);
/// A disk fills by the second.
const ROOM_EVERY: Duration = Duration::from_secs(10);
/// Thinning that did not help, or could not, is not tried again at once.
const THIN_PAUSE: Duration = Duration::from_secs(120);
const BUS_LIMIT: Duration = Duration::from_secs(5);

/// A unit that we start.
#[derive(Debug, Default)]
struct Job {
    /// What the shelf showed when it was ordered; `None`: nothing of ours is under way.
    ordered: Option<u64>,
    running: bool,
    failures: Failures,
}

/// What is kept between rounds.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    looked: Option<Duration>,
    room_looked: Option<Duration>,
    thinned: Option<Duration>,
    take: Job,
    prove: Job,
    proving: Option<Id>,
    disk: Option<Disk>,
    alarms: [Option<Alarm>; 2],
}

/// Leaves this boot's uptime for the moments of snapshots. Before the first round.
pub(super) fn begin(places: &Places, ledger_s: u64, now: Duration) {
    let newest_s = shelf::list(places).ok().and_then(|all| {
        let newest = schedule::newest_own(&all)?;
        Some(newest.manifest.moment.uptime_s)
    });
    if let Err(error) = moment::begin(places, ledger_s, newest_s, now) {
        log(&format!(
            "the uptime could not be left for snapshots: {error}"
        ));
    }
}

/// Whether `every` has passed since the last time, which is then now.
fn due(last: &mut Option<Duration>, now: Duration, every: Duration) -> bool {
    let due = last.is_none_or(|last| now.saturating_sub(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

impl Daemon {
    /// One round.
    pub(super) async fn look_after_snapshots(&mut self, observation: &Observation, now: Duration) {
        if due(&mut self.snapshots.room_looked, now, ROOM_EVERY)
            && disk::room(&self.places).is_some_and(disk::Room::is_tight)
        {
            self.thin(now).await;
        }
        let busy = self.snapshots.take.ordered.is_some() || self.snapshots.prove.ordered.is_some();
        let every = if busy { LOOK_BUSY } else { LOOK_EVERY };
        if !due(&mut self.snapshots.looked, now, every) {
            return;
        }
        let all = match shelf::list(&self.places) {
            Ok(all) => all,
            Err(error) => {
                log(&error.to_string());
                return;
            }
        };
        self.see_jobs(&all, now).await;
        let (facility, _) = facility::in_force(&self.places);
        let boot = Moment::now(&self.places).boot;
        let seen = Seen {
            boot: &boot,
            ..self.see(&all, &facility, observation, now)
        };
        let worries = schedule::worries(&seen);
        let what = schedule::due(&seen);
        let expired = !seen.hands_off && !seen.taking && expired(&all, &facility, seen.uptime_s);
        self.show_worries(worries);
        if what.take {
            self.snapshots.take.ordered = Some(mark_of_take(&all));
            self.order(async |bus| bus.order_start(TAKE).await).await;
        } else if let Some((id, depth)) = what.prove {
            self.snapshots.prove.ordered = Some(mark_of_proof(&all, id));
            self.snapshots.proving = Some(id);
            match (Order { id, depth }).leave(&self.places) {
                Ok(()) => {
                    self.order(async |bus| bus.order_start(PROVE).await).await;
                }
                Err(error) => log(&error.to_string()),
            }
        }
        if expired {
            self.thin(now).await;
        }
    }

    /// A snapshot is taken or proven.
    pub(super) fn works_on_snapshots(&self) -> bool {
        let jobs = &self.snapshots;
        jobs.take.is_under_way() || jobs.prove.is_under_way()
    }

    async fn thin(&mut self, now: Duration) {
        if due(&mut self.snapshots.thinned, now, THIN_PAUSE) {
            self.order(async |bus| bus.order_start(THIN).await).await;
        }
    }

    /// What became of what was started: progress on the shelf is success, whatever the unit's exit code says.
    async fn see_jobs(&mut self, all: &[Snapshot], now: Duration) {
        let (take, take_result) = self.life(TAKE).await;
        let (prove, prove_result) = self.life(PROVE).await;
        let jobs = &mut self.snapshots;
        jobs.take.running = take;
        jobs.prove.running = prove;
        let failed = jobs.take.over(mark_of_take(all), now);
        let proof_mark = jobs.proving.map_or(0, |id| mark_of_proof(all, id));
        // A full proof may take several nights: no verdict yet, and well so.
        if jobs.prove.over(proof_mark, now) && prove_result != "success" {
            log(&format!("{PROVE} came to no verdict ({prove_result})"));
        }
        if failed {
            self.record(&Event::new("snapshot-failed").with("result", take_result));
        }
    }

    /// Whether the unit runs, and its last result. One that nobody can be asked about does not run.
    pub(super) async fn life(&self, unit: &str) -> (bool, String) {
        let Some(bus) = self.look.bus() else {
            return (false, String::new());
        };
        match tokio::time::timeout(BUS_LIMIT, bus.life(unit)).await {
            Ok(Ok(life)) => (
                !matches!(life.active.as_str(), "inactive" | "failed" | ""),
                life.result,
            ),
            _ => (false, String::new()),
        }
    }

    fn see<'a>(
        &mut self,
        all: &'a [Snapshot],
        facility: &Facility,
        observation: &Observation,
        now: Duration,
    ) -> Seen<'a> {
        let places = &self.places;
        let disk = *self.snapshots.disk.get_or_insert_with(|| disk_of(places));
        let room = disk::room(places).map_or(Room::Ample, |room| match room {
            room if room.is_low() => Room::Low,
            room if room.is_tight() => Room::Tight,
            _ => Room::Ample,
        });
        Seen {
            snapshots: all,
            hands_off: self.hands_off(observation),
            taking: self.snapshots.take.running,
            // Both read or write whole tables: one at a time.
            proving: self.snapshots.prove.running || self.rebuild.running,
            takes_failed: self.snapshots.take.failures,
            proofs_failed: self.snapshots.prove.failures,
            disk,
            room,
            uptime_s: moment::uptime_s(places, now),
            since_boot_s: now.as_secs(),
            boot: "",
            local_minute: moment::local_minute(places, &facility.time_zone, clock::unix_seconds()),
            every_s: u64::from(facility.snapshots.every_minutes) * 60,
            quiet: facility.snapshots.quiet(),
        }
    }

    /// Nothing is begun while others work on the data, or the clinic is in trouble.
    pub(super) fn hands_off(&self, observation: &Observation) -> bool {
        let ladder = &self.state.ladder;
        observation.maintenance.is_some()
            || observation.hold.is_some()
            || !observation.guard_passed
            || observation.install_pending
            || observation.database.unit != Unit::Up
            || (ladder.cause.is_some() && ladder.gave_up.is_none())
            || release::mode(&self.places) == Some(Mode::Trial)
    }

    fn show_worries(&mut self, worries: schedule::Worries) {
        let none = worries
            .none_for_h
            .map(|hours| Alarm::new("snapshots-none", &[("hours", hours.into())]));
        let proof = worries
            .bad
            .map(|id| Alarm::new("snapshot-bad", &[("snapshot", id.number().into())]))
            .or_else(|| {
                let hours = worries.unproven_for_h?;
                Some(Alarm::new("snapshots-unproven", &[("hours", hours.into())]))
            });
        let now = [none, proof];
        for ((source, alarm), before) in [Source::Snapshots, Source::Proofs]
            .into_iter()
            .zip(&now)
            .zip(&self.snapshots.alarms)
        {
            if alarm == before {
                continue;
            }
            let done = match alarm {
                Some(alarm) => alarms::raise(&self.places, source, alarm),
                None => alarms::lower(&self.places, source),
            };
            if let Err(error) = done {
                log(&error.to_string());
            }
        }
        self.snapshots.alarms = now;
    }
}

impl Job {
    fn is_under_way(&self) -> bool {
        self.running || self.ordered.is_some()
    }

    /// Whether what we ordered is over and came to nothing. `mark` is what the shelf shows now.
    fn over(&mut self, mark: u64, now: Duration) -> bool {
        let Some(ordered) = self.ordered.filter(|_| !self.running) else {
            return false;
        };
        self.ordered = None;
        if mark > ordered {
            self.failures = Failures::default();
            return false;
        }
        self.failures = self.failures.and_one(now.as_secs());
        true
    }
}

/// Grows with every snapshot.
fn mark_of_take(all: &[Snapshot]) -> u64 {
    all.last().map_or(0, |newest| newest.id().number())
}

/// Grows with every proof of it; the moment, because only the newest few proofs are kept.
fn mark_of_proof(all: &[Snapshot], id: Id) -> u64 {
    let snapshot = all.iter().find(|found| found.id() == id);
    snapshot
        .and_then(|found| found.proofs.last())
        .map_or(0, |last| last.moment.uptime_s.saturating_add(1))
}

fn expired(all: &[Snapshot], facility: &Facility, uptime_s: u64) -> bool {
    let standing: Vec<Standing> = all.iter().map(Standing::from).collect();
    let plan = retain::plan(&standing, facility.snapshots.counts(), uptime_s);
    !plan.expired.is_empty()
}

fn disk_of(places: &Places) -> Disk {
    match block::Disk::of(&places.data()) {
        Ok(disk) if disk.is_rotational() => Disk::Rotational,
        _ => Disk::Solid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ordered_and_left_nothing_on_the_shelf_has_failed_whatever_its_exit_code() {
        let mut job = Job {
            ordered: Some(4),
            running: true,
            ..Job::default()
        };
        let now = Duration::from_secs(1000);
        assert!(!job.over(4, now), "still running");
        job.running = false;
        assert!(job.over(4, now));
        assert_eq!(job.failures.count, 1);
        assert!(!job.over(4, now), "told once");
        job.ordered = Some(4);
        assert!(!job.over(5, now));
        assert_eq!(job.failures, Failures::default());
    }
}
