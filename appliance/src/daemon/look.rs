//! Looks at everything the judgement needs: systemd's word, the watcher's, marks and processes. Each look is bounded.

use std::path::Path;
use std::time::Duration;

use crate::alarms;
use crate::database::server;
use crate::events::Event;
use crate::maintenance;
use crate::openmrs::properties;
use crate::places::Places;
use crate::supervise::evidence::{Sample, Window};
use crate::supervise::observation::{Observation, Refusal, Server, Unit};
use crate::supervise::seen::{Seen, of};
use crate::system::durable;
use crate::system::units::{Life, News, Units};
use crate::system::vital;
use crate::wishes::Wish;

const GUARD_UNIT: &str = "posto-guard.service";
const UNITS: [&str; 3] = [server::OPENMRS_UNIT, server::UNIT, GUARD_UNIT];
const BUS_LIMIT: Duration = Duration::from_secs(5);
/// systemd tells of changes; if it did not, so late we would see it.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);
/// While not all is well.
const LOOK_BUSY: Duration = Duration::from_secs(5);
/// An answer older than this is worth a look at the process.
const DOUBT: Duration = Duration::from_secs(12);
const SAMPLE_EVERY: Duration = Duration::from_millis(1900);
const PROC: &str = "/proc";

/// What is kept between looks.
#[derive(Default)]
pub(super) struct Look {
    bus: Option<Units>,
    news: Option<News>,
    /// News came, or nothing was seen yet.
    lives: Option<[Life; 3]>,
    looked: Duration,
    stale: bool,
    openmrs: Window,
    database: Window,
    sampled: Duration,
}

impl Look {
    /// Waits for news of the units; without a bus for ever.
    pub(super) async fn news(&mut self) {
        match &self.news {
            Some(news) => news.wait().await,
            None => std::future::pending().await,
        }
        self.stale = true;
    }

    /// The connection to systemd, while it answers.
    pub(super) fn bus(&self) -> Option<&Units> {
        self.bus.as_ref()
    }

    /// Our own order changed something: look again.
    pub(super) fn again(&mut self) {
        self.stale = true;
    }

    /// Brings the units' lives up to date; the deaths since the last look.
    pub(super) async fn units(&mut self, at_rest: bool, now: Duration) -> Vec<Event> {
        let every = if at_rest { LOOK_ANYWAY } else { LOOK_BUSY };
        let due = self.stale
            || self.lives.is_none()
            || self.news.is_none()
            || now.saturating_sub(self.looked) >= every;
        if !due {
            return Vec::new();
        }
        self.stale = false;
        self.looked = now;
        let lives = match tokio::time::timeout(BUS_LIMIT, self.ask()).await {
            Ok(Some(lives)) => lives,
            // The bus may have been restarted: connect anew in the next round.
            _ => {
                self.bus = None;
                self.news = None;
                return Vec::new();
            }
        };
        let mut deaths = Vec::new();
        if let Some(before) = &self.lives {
            for (name, (old, new)) in ["openmrs-died", "database-died"]
                .into_iter()
                .zip(before.iter().zip(&lives))
            {
                deaths.extend(death(name, old, new));
            }
        }
        self.lives = Some(lives);
        deaths
    }

    async fn ask(&mut self) -> Option<[Life; 3]> {
        if self.bus.is_none() {
            self.bus = Units::connect().await.ok();
        }
        let bus = self.bus.as_ref()?;
        if self.news.is_none() {
            self.news = bus.news(&UNITS).await.ok();
        }
        let [openmrs, database, guard] = UNITS;
        Some([
            bus.life(openmrs).await.ok()?,
            bus.life(database).await.ok()?,
            bus.life(guard).await.ok()?,
        ])
    }

    /// One observation from all of it.
    pub(super) fn observe(&mut self, places: &Places, now: Duration) -> Observation {
        let none = <[Life; 3]>::default();
        let lives = self.lives.clone().unwrap_or(none);
        let [openmrs, database, guard] = &lives;
        let seen = Seen::read(places, now);
        self.sample([openmrs.main_pid, database.main_pid], seen.as_ref(), now);
        let settings = || durable::read(&places.runtime_properties(), properties::LIMIT_BYTES);
        let install_pending = places.install_pending().exists();
        Observation {
            maintenance: maintenance::under_way(places)
                .map(|record| (record.kind, record.progress)),
            hold: None,
            openmrs_stopped: Wish::OpenmrsStopped.stands(places),
            door_shut: Wish::DoorShut.stands(places),
            guard_passed: guard.is_active(),
            refused: refusal(places),
            install_pending,
            installation_overdue: false,
            // Only an installation asks.
            settings_finished: install_pending
                && settings()
                    .ok()
                    .flatten()
                    .is_some_and(|bytes| properties::is_finished(&String::from_utf8_lossy(&bytes))),
            openmrs: Server {
                signs: self.openmrs.signs(now),
                ..server_of(openmrs)
            },
            database: Server {
                signs: self.database.signs(now),
                ..server_of(database)
            },
            seen,
            expected_start: Duration::ZERO,
            ledger_writable: true,
        }
    }

    /// Only in doubt: the threads of a Java are some sixty files.
    fn sample(&mut self, pids: [u32; 2], seen: Option<&Seen>, now: Duration) {
        let good = |at: Option<u64>| at.is_some_and(|at| now.saturating_sub(of(at)) < DOUBT);
        let well =
            seen.is_some_and(|seen| good(seen.sql.streak.good_at) && good(seen.web.streak.good_at));
        if well {
            self.openmrs.clear();
            self.database.clear();
            return;
        }
        if now.saturating_sub(self.sampled) < SAMPLE_EVERY {
            return;
        }
        self.sampled = now;
        for (window, pid) in [&mut self.openmrs, &mut self.database]
            .into_iter()
            .zip(pids)
        {
            match (pid != 0)
                .then(|| vital::look(Path::new(PROC), pid))
                .flatten()
            {
                Some(vital) => window.add(Sample {
                    at: now,
                    pid,
                    cpu: vital.cpu,
                    stopped: vital.stopped,
                    running: vital.running,
                    disk: vital.disk,
                }),
                None => window.clear(),
            }
        }
    }
}

fn refusal(places: &Places) -> Option<Refusal> {
    alarms::KEEPING_DOWN.into_iter().find_map(|source| {
        alarms::standing_of(places, source).map(|alarm| Refusal {
            // A database that was away for too long, say: the next try may go well.
            lasting: alarm.code != "openmrs-prepare",
            code: alarm.code,
        })
    })
}

fn server_of(life: &Life) -> Server {
    let unit = match life.active.as_str() {
        "active" => Unit::Up,
        // start-pre: prepare waits for the database. auto-restart: systemd tries again.
        "activating" | "reloading" => Unit::Starting,
        "deactivating" => Unit::Stopping,
        // Its turn at boot has not come yet.
        "inactive" | "" if life.left_inactive.is_zero() => Unit::Starting,
        _ => Unit::Down,
    };
    Server {
        unit,
        started: life.left_inactive.max(life.main_started),
        ..Server::default()
    }
}

/// A death that systemd did not order itself.
fn death(name: &'static str, old: &Life, new: &Life) -> Option<Event> {
    let event = Event::new(name);
    if new.main_exited > old.main_exited && new.result != "success" {
        let how = match new.exit_code {
            1 => "exit",
            3 => "core",
            _ => "signal",
        };
        return Some(
            event
                .with("how", how)
                .with("number", u64::try_from(new.exit_status).unwrap_or(0))
                .with("result", new.result.as_str()),
        );
    }
    // Already on its way up again when we looked.
    (new.restarts > old.restarts && old.main_exited.is_zero()).then(|| {
        event
            .with("how", "unknown")
            .with("number", 0)
            .with("result", "unknown")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Life {
        Life {
            active: "active".into(),
            main_pid: 9,
            result: "success".into(),
            ..Life::default()
        }
    }

    #[test]
    fn a_kill_is_a_death_and_a_stop_is_none() {
        let killed = Life {
            active: "activating".into(),
            sub: "auto-restart".into(),
            result: "signal".into(),
            main_exited: Duration::from_secs(5),
            exit_code: 2,
            exit_status: 9,
            main_pid: 0,
            ..running()
        };
        let event = death("openmrs-died", &running(), &killed).unwrap();
        assert_eq!(
            event,
            Event::new("openmrs-died")
                .with("how", "signal")
                .with("number", 9)
                .with("result", "signal")
        );
        let again = Life {
            restarts: 1,
            main_pid: 10,
            ..running()
        };
        assert_eq!(death("openmrs-died", &killed, &again), None);
        assert!(death("openmrs-died", &running(), &again).is_some());
        let stopped = Life {
            active: "inactive".into(),
            main_exited: Duration::from_secs(5),
            exit_code: 1,
            exit_status: 143,
            ..running()
        };
        assert_eq!(death("openmrs-died", &running(), &stopped), None);
    }

    #[test]
    fn a_unit_whose_turn_has_not_come_is_starting_and_one_that_failed_is_down() {
        let life = |active: &str, left| Life {
            active: active.into(),
            left_inactive: Duration::from_secs(left),
            ..Life::default()
        };
        assert_eq!(server_of(&life("inactive", 0)).unit, Unit::Starting);
        assert_eq!(server_of(&life("inactive", 5)).unit, Unit::Down);
        assert_eq!(server_of(&life("failed", 5)).unit, Unit::Down);
    }
}
