//! What can take a box down slowly: disk, memory, processes, heat, clocks. Guards look and tell; `supervise` acts.

pub(crate) mod clock;
pub mod disk;
pub mod heap;
pub(crate) mod heat;
mod memory;
pub mod smart;
mod tasks;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alarms::{self, Alarm, Source};
use crate::events::{self, Event};
use crate::places::Places;
use crate::power::ups;
use crate::release;
use crate::system::log::log;
use crate::system::{clock as clocks, durable, freezer};

/// Work that may wait: imports' conversions, proofs of snapshots.
const BACKGROUND: &str = "posto-background.slice";
/// What changes within seconds: memory, processes, the battery.
const SOON: Duration = Duration::from_secs(10);
/// What changes within minutes: heat, the disk's health.
const LATE: Duration = Duration::from_secs(60);

/// Why the clinic must be down until it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// The data disk is so full that the database would be caught in the middle of a write.
    DiskFull,
}

/// What the guards saw in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Why the clinic must be down, if it must.
    pub hold: Option<Hold>,
}

/// The guards between two rounds.
#[derive(Debug, Default)]
pub struct Guards {
    disk: disk::act::Disk,
    soon: Option<Duration>,
    late: Option<Duration>,
    memory: memory::State,
    killed: Option<u64>,
    histogram: Option<u32>,
    clock: Option<clock::Reading>,
    clock_wrong: bool,
    /// Seconds since 1970; the release does not change under a running daemon.
    built: Option<u64>,
    heat: BTreeMap<String, heat::Level>,
    health: Option<smart::Health>,
    ups: Option<ups::Said>,
    tasks: tasks::act::Tasks,
}

impl Guards {
    /// Looks, does what no clerk notices (thins logs, stops background work), records events, and tells what the clinic
    /// must know. `now` is time since boot.
    pub async fn round(&mut self, places: &Places, now: Duration) -> Seen {
        // One statvfs: what a fast disk takes between two looks must fit into the marks.
        let hold = self.disk.look(places, now).await;
        self.look_at_clock(places, now);
        self.look_for_histogram(places);
        if due(&mut self.soon, now, SOON) {
            self.look_at_memory(places, now).await;
            self.tasks.look(places, now);
            self.look_at_battery(places);
        }
        if due(&mut self.late, now, LATE) {
            self.look_at_heat(places);
            self.look_at_health(places);
        }
        Seen { hold }
    }

    fn look_at_clock(&mut self, places: &Places, now: Duration) {
        let reading = clock::Reading {
            unix_s: clocks::unix_seconds(),
            since_boot: now,
        };
        let first = self.clock.is_none();
        let jump = self
            .clock
            .replace(reading)
            .and_then(|before| clock::jumped(before, reading));
        if let Some(jump) = jump {
            events::record(
                places,
                &Event::new("clock-jumped")
                    .with("from", clocks::date_and_time(jump.from_unix_s))
                    .with("to", clocks::date_and_time(jump.to_unix_s)),
            );
        }
        if first {
            self.built = release::identity(places)
                .ok()
                .map(|identity| identity.built);
        }
        let (true, Some(built)) = (first || jump.is_some(), self.built) else {
            return;
        };
        let wrong = clock::wrong(reading.unix_s, built);
        let said = clocks::date_and_time(reading.unix_s);
        if wrong && !self.clock_wrong {
            events::record(
                places,
                &Event::new("clock-wrong").with("time", said.clone()),
            );
        }
        self.clock_wrong = wrong;
        let alarm = wrong.then(|| Alarm::new("clock-wrong", &[("time", said.into())]));
        show(places, Source::Clock, alarm.as_ref());
    }

    async fn look_at_memory(&mut self, places: &Places, now: Duration) {
        let text = |path: std::path::PathBuf| {
            let bytes = durable::read(&path, 64 * 1024).ok().flatten();
            String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
        };
        let killed = memory::killed(&text(places.vmstat()));
        if let (Some(before), Some(killed)) = (self.killed, killed)
            && killed > before
        {
            events::record(
                places,
                &Event::new("memory-killed").with("count", killed - before),
            );
        }
        let first = self.killed.is_none();
        self.killed = killed.or(self.killed);
        if first {
            // A daemon that died after it froze the background does not know of it any more.
            move_background(memory::Act::Thaw).await;
        }
        let Some(pressure) = memory::parse(&text(places.memory_pressure())) else {
            return;
        };
        let (state, act) = memory::decide(self.memory, pressure, now);
        self.memory = state;
        if let Some(act) = act {
            move_background(act).await;
            let name = match act {
                memory::Act::Freeze => "memory-short",
                memory::Act::Thaw => "memory-calm",
            };
            events::record(
                places,
                &Event::new(name).with("waiting_percent", u64::from(pressure.some / 100)),
            );
        }
    }

    fn look_for_histogram(&mut self, places: &Places) {
        let directory = places.histograms();
        let newest = heap::kept(&directory).last().copied().unwrap_or(0);
        if self.histogram.is_some_and(|known| newest > known) {
            let file = directory.join(heap::name(newest));
            events::record(
                places,
                &Event::new("heap-exhausted").with("file", file.display().to_string()),
            );
        }
        self.histogram = Some(newest);
    }

    fn look_at_battery(&mut self, places: &Places) {
        let said = ups::said(places);
        if said == self.ups {
            return;
        }
        // The mains at the first look are no news.
        if let Some(now) = said.filter(|now| self.ups.is_some() || *now != ups::Said::Online) {
            events::record(places, &Event::new(now.event()));
        }
        self.ups = said;
        let alarm = match said {
            Some(ups::Said::OnBattery) => Some("ups-on-battery"),
            Some(ups::Said::Silent) => Some("ups-silent"),
            Some(ups::Said::ReplaceBattery) => Some("ups-replace-battery"),
            Some(ups::Said::Online) | None => None,
        };
        let alarm = alarm.map(|code| Alarm::new(code, &[]));
        show(places, Source::Ups, alarm.as_ref());
    }

    fn look_at_heat(&mut self, places: &Places) {
        let sensors = heat::sensors(&places.hwmon());
        let mut hottest = None;
        let mut changed = false;
        for (name, sensor) in &sensors {
            let before = self.heat.get(name).copied().unwrap_or_default();
            let level = heat::level(before, *sensor);
            if level != before {
                changed = true;
                let event = match level {
                    heat::Level::Normal => "heat-normal",
                    heat::Level::Hot => "heat-hot",
                    heat::Level::Critical => "heat-critical",
                };
                events::record(
                    places,
                    &Event::new(event)
                        .with("sensor", name.as_str())
                        .with("degrees", sensor.degrees()),
                );
                self.heat.insert(name.clone(), level);
            }
            hottest = hottest.max(Some((level, sensor.degrees(), name)));
        }
        if !changed {
            return;
        }
        let alarm = hottest
            .filter(|(level, ..)| *level > heat::Level::Normal)
            .map(|(_, degrees, sensor)| {
                let values = [
                    ("sensor", sensor.as_str().into()),
                    ("degrees", degrees.into()),
                ];
                Alarm::new("heat", &values)
            });
        show(places, Source::Heat, alarm.as_ref());
    }

    fn look_at_health(&mut self, places: &Places) {
        let health = smart::read(places);
        if health == self.health || health.is_none() {
            return;
        }
        self.health = health;
        let alarm = self.health.as_ref().and_then(|health| {
            let disk = health.disk.as_str();
            match health.verdict {
                smart::Verdict::Good => None,
                smart::Verdict::Failing => {
                    events::record(places, &Event::new("disk-failing").with("disk", disk));
                    Some(Alarm::new("disk-failing", &[("disk", disk.into())]))
                }
                smart::Verdict::Worn { sign, figure } => {
                    let event = Event::new("disk-worn").with("disk", disk);
                    events::record(
                        places,
                        &event.with("sign", sign.text()).with("figure", figure),
                    );
                    let values = [("disk", disk.into()), ("figure", figure.into())];
                    Some(Alarm::new(sign.text(), &values))
                }
            }
        });
        show(places, Source::DiskHealth, alarm.as_ref());
    }
}

/// Whether people would notice now that memory is short: what may wait stands still then.
#[must_use]
pub fn memory_is_short(places: &Places) -> bool {
    let bytes = durable::read(&places.memory_pressure(), 64 * 1024)
        .ok()
        .flatten();
    let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    memory::parse(&text).is_some_and(memory::Pressure::is_hard)
}

/// Whether `every` has passed since the last time, which is then now.
fn due(last: &mut Option<Duration>, now: Duration, every: Duration) -> bool {
    let due = last.is_none_or(|last| now.saturating_sub(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

async fn move_background(act: memory::Act) {
    let done = match act {
        memory::Act::Freeze => freezer::freeze(BACKGROUND).await,
        memory::Act::Thaw => freezer::thaw(BACKGROUND).await,
    };
    // Without systemd (tests) there is no background either.
    if let Err(error) = done {
        log(&format!("{BACKGROUND} could not be moved: {error}"));
    }
}

fn show(places: &Places, source: Source, alarm: Option<&Alarm>) {
    let done = match alarm {
        Some(alarm) => alarms::raise(places, source, alarm),
        None => alarms::lower(places, source),
    };
    if let Err(error) = done {
        log(&error.to_string());
    }
}
