//! What a ping tells, looked at. Each probe is one small look of its own; one that hangs is given up alone, and what it would
//! have told is not known.

pub mod disk;
pub mod encounters;
pub mod pressure;
pub mod update;

use std::time::Duration;

use tokio::task::JoinHandle;

use super::frame::{Clock, Door, Frame, Mode, Power, Proof, Slot, Smart, State, Tri, Update};
use crate::guards::{clock as wall, heat, smart};
use crate::places::Places;
use crate::power::{boots, ups};
use crate::release;
use crate::report::Snapshots;
use crate::snapshot::copies::record::Record;
use crate::snapshot::moment;
use crate::snapshot::proof::Proven;
use crate::supervise::judgement::Judgement;
use crate::supervise::seen::Seen;
use crate::supervise::starts::Starts;
use crate::system::durable;

/// What a look at a file may take. A disk that hangs hangs for longer.
const LIMIT: Duration = Duration::from_secs(5);

/// Both clocks when a ping is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// Wall clock, seconds since 1970.
    pub unix_s: u64,
    /// Since boot.
    pub since_boot: Duration,
}

/// A look that may hang. While an old one hangs no new one is begun: a dead disk costs one thread.
#[derive(Debug, Default)]
struct Lone(Option<JoinHandle<()>>);

impl Lone {
    async fn look<T: Send + 'static>(
        &mut self,
        limit: Duration,
        look: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Option<T> {
        if self.0.as_ref().is_some_and(|old| !old.is_finished()) {
            return None;
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        // Whoever waited may have gone: nobody is told then.
        self.0 = Some(tokio::task::spawn_blocking(move || {
            let _ = tell.send(look());
        }));
        tokio::time::timeout(limit, told).await.ok()?.ok()?
    }
}

/// The probes that may hang, between two pings.
#[derive(Debug, Default)]
pub struct Probes {
    disk: Lone,
    snapshots: Lone,
    heat: Lone,
    files: Lone,
}

/// What was seen. `None`: not known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    disk: Option<disk::Room>,
    snapshots: Option<Snapshots>,
    temperature_c: Option<u64>,
    files: Option<Files>,
    encounters: Option<encounters::Encounters>,
}

/// What stands in small files.
#[derive(Debug, Clone, PartialEq, Default)]
struct Files {
    release_built_s: Option<u64>,
    slot: Option<posto_release::slot::Slot>,
    mode: Option<posto_release::kernel_line::Mode>,
    judgement: Option<Judgement>,
    seen: Option<Seen>,
    last_start_s: Option<u32>,
    boots: Option<(u64, u64)>,
    copy_age_s: Option<u64>,
    ups: Option<ups::Said>,
    smart: Option<smart::Health>,
    memory_waiting_percent: Option<u8>,
    update: Update,
    clock: Clock,
}

impl Probes {
    /// Looks at everything. `updating`: a release is being brought or staged now.
    pub async fn look(&mut self, places: &Places, clocks: Clocks, updating: bool) -> Facts {
        let data = places.data();
        let disk = self.disk.look(LIMIT, move || disk::room(&data));
        let catalogue = places.clone();
        let snapshots = self
            .snapshots
            .look(LIMIT, move || Snapshots::gather(&catalogue));
        let hwmon = places.hwmon();
        let heat = self.heat.look(LIMIT, move || heat::hottest(&hwmon));
        let small = places.clone();
        let files = self
            .files
            .look(LIMIT, move || Some(Files::read(&small, clocks, updating)));
        let socket = places.database_socket();
        let (disk, snapshots, temperature_c, files, encounters) =
            tokio::join!(disk, snapshots, heat, files, encounters::ask(&socket));
        Facts {
            disk,
            snapshots,
            temperature_c,
            files,
            encounters,
        }
    }
}

impl Files {
    fn read(places: &Places, clocks: Clocks, updating: bool) -> Self {
        let identity = release::identity(places).ok();
        let counted = boots::read(places);
        let record = Record::read(places);
        let copy_age_s = record.last.map(|last| {
            let now = moment::now(places, Some(&last.copied), clocks.unix_s, clocks.since_boot);
            now.effective_s.saturating_sub(last.copied.effective_s)
        });
        let pressure = durable::read(&places.memory_pressure(), 64 * 1024);
        let pressure = pressure.ok().flatten().unwrap_or_default();
        let seen = Seen::read(places, clocks.since_boot);
        // A container counts as normal elsewhere; here it has no slots.
        let mode = release::mode(places).filter(|_| !places.container().exists());
        let running = identity.as_ref().map(|found| found.release.as_str());
        Self {
            release_built_s: identity.as_ref().map(|found| found.built),
            slot: release::running(places)
                .ok()
                .and_then(|running| running.slot),
            mode,
            update: update::read(places, mode, running, updating),
            judgement: Judgement::read(places, clocks.since_boot),
            seen,
            last_start_s: Starts::read(places).last(),
            boots: (counted.begun > 0).then(|| (counted.begun, counted.unclean())),
            copy_age_s,
            ups: ups::said(places),
            smart: smart::read(places),
            memory_waiting_percent: pressure::waiting_percent(&String::from_utf8_lossy(&pressure)),
            clock: clock(
                identity.map(|found| found.built),
                clocks.unix_s,
                places.clock_synchronised().exists(),
            ),
        }
    }
}

/// What the wall clock is worth.
fn clock(built_s: Option<u64>, unix_s: u64, synchronised: bool) -> Clock {
    match built_s {
        Some(built_s) if wall::wrong(unix_s, built_s) => Clock::Wrong,
        _ if synchronised => Clock::Synchronised,
        Some(_) => Clock::Plausible,
        None => Clock::Unknown,
    }
}

/// The ping that tells it. `alarm`: the worst standing alarm's number; `budget_left`: bytes.
#[must_use]
pub fn frame(facts: &Facts, clocks: Clocks, alarm: Option<u8>, budget_left: Option<u64>) -> Frame {
    let files = facts.files.clone().unwrap_or_default();
    let newest = facts.snapshots.and_then(|snapshots| snapshots.newest);
    let judgement = files.judgement.as_ref();
    let web_good = files.seen.as_ref().map(|seen| seen.web.streak.is_good());
    let sql_good = files.seen.as_ref().map(|seen| seen.sql.streak.is_good());
    Frame {
        sequence: 0,
        boot: files.boots.map(|(begun, _)| small(begun)),
        at_unix_s: u32::try_from(clocks.unix_s).unwrap_or(u32::MAX),
        state: State {
            slot: match files.slot {
                Some(posto_release::slot::Slot::A) => Slot::A,
                Some(posto_release::slot::Slot::B) => Slot::B,
                None => Slot::Unknown,
            },
            mode: match files.mode {
                Some(posto_release::kernel_line::Mode::Normal) => Mode::Normal,
                Some(posto_release::kernel_line::Mode::Trial) => Mode::Trial,
                Some(posto_release::kernel_line::Mode::Rescue) => Mode::Rescue,
                None => Mode::Unknown,
            },
            door: match judgement.map(|judgement| judgement.door_open) {
                Some(true) => Door::Open,
                Some(false) => Door::Shut,
                None => Door::Unknown,
            },
            openmrs: tri(web_good),
            database: tri(sql_good),
            power: match files.ups {
                Some(ups::Said::Online) => Power::Mains,
                Some(ups::Said::OnBattery) => Power::Battery,
                Some(ups::Said::Silent) => Power::Silent,
                Some(ups::Said::ReplaceBattery) => Power::ReplaceBattery,
                None => Power::Unknown,
            },
            smart: match files.smart.as_ref().map(|health| health.verdict) {
                Some(smart::Verdict::Good) => Smart::Good,
                Some(smart::Verdict::Worn { .. }) => Smart::Worn,
                Some(smart::Verdict::Failing) => Smart::Failing,
                None => Smart::Unknown,
            },
            proof: match newest.map(|newest| newest.proof) {
                Some(Proven::Not) => Proof::Not,
                Some(Proven::Quick | Proven::Full) => Proof::Good,
                Some(Proven::Bad) => Proof::Bad,
                None => Proof::Unknown,
            },
            clock: files.clock,
            update: files.update,
            ..State::default()
        },
        release_built_s: files
            .release_built_s
            .and_then(|built_s| u32::try_from(built_s).ok()),
        openmrs_since_min: judgement.map(|judgement| since(judgement, clocks.unix_s)),
        last_start_s: files.last_start_s.map(|seconds| small(seconds.into())),
        encounter_age_min: facts.encounters.and_then(|seen| seen.age_min).map(small),
        encounters_today: facts.encounters.map(|seen| small(seen.today)),
        snapshot_age_min: newest.map(|newest| small(newest.age_s / 60)),
        copy_age_h: files.copy_age_s.map(|age_s| small(age_s / 3600)),
        budget_left_mb: budget_left.map(|bytes| small(bytes / 1_000_000)),
        disk_used_percent: facts.disk.map(|room| room.used_percent),
        disk_free_gb: facts
            .disk
            .map(|room| small(room.free_bytes / 1_000_000_000)),
        inodes_used_percent: facts.disk.and_then(|room| room.inodes_used_percent),
        wear_percent: files.smart.as_ref().and_then(|health| health.wear_percent),
        memory_pressure_percent: files.memory_waiting_percent,
        temperature_c: facts
            .temperature_c
            .map(|degrees| u8::try_from(degrees).unwrap_or(u8::MAX)),
        unclean_boots: files.boots.map(|(_, unclean)| small(unclean)),
        alarm,
        ..Frame::default()
    }
}

fn tri(good: Option<bool>) -> Tri {
    match good {
        Some(true) => Tri::Yes,
        Some(false) => Tri::No,
        None => Tri::Unknown,
    }
}

fn small(figure: u64) -> u16 {
    u16::try_from(figure).unwrap_or(u16::MAX)
}

fn since(judgement: &Judgement, unix_s: u64) -> u16 {
    // The same clock wrote it; one that was set meanwhile says nothing.
    small(unix_s.saturating_sub(judgement.since) / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_look_at_is_unknown_and_never_good() {
        let clocks = Clocks {
            unix_s: 1_795_000_000,
            since_boot: Duration::from_secs(100),
        };
        let frame = frame(&Facts::default(), clocks, None, None);
        assert_eq!(
            frame,
            Frame {
                at_unix_s: 1_795_000_000,
                ..Frame::default()
            }
        );
        assert_eq!(frame.state.bits(), 0);
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_given_up_alone_and_not_begun_again_while_it_hangs() {
        const SOON: Duration = Duration::from_millis(20);
        let mut lone = Lone::default();
        let (let_go, wait) = std::sync::mpsc::channel::<()>();
        let hung: Option<u8> = lone
            .look(SOON, move || {
                let _ = wait.recv();
                Some(1)
            })
            .await;
        assert_eq!(hung, None);
        assert_eq!(lone.look(LIMIT, || Some(2)).await, None, "still hangs");
        let mut other = Lone::default();
        assert_eq!(other.look(LIMIT, || Some(3)).await, Some(3));
        drop(let_go);
        let old = lone.0.take().unwrap();
        old.await.unwrap();
        assert_eq!(lone.look(LIMIT, || Some(4)).await, Some(4));
    }

    #[test]
    fn a_clock_before_the_build_is_wrong_even_if_something_has_set_it() {
        let built = 1_795_000_000;
        assert_eq!(clock(Some(built), 10, true), Clock::Wrong);
        assert_eq!(clock(Some(built), built + 10, true), Clock::Synchronised);
        assert_eq!(clock(Some(built), built + 10, false), Clock::Plausible);
        assert_eq!(clock(None, built, false), Clock::Unknown);
    }
}
