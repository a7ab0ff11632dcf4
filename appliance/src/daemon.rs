//! The daemon: looks, judges, acts, once a round; tells systemd that it lives. It has no network: the watcher asks OpenMRS
//! and the database, systemd tells of deaths.

mod act;
mod copies;
mod look;
mod modules;
mod pings;
mod rebuild;
mod show;
mod snapshots;
mod tell;
mod updates;

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use crate::alarms::{self, Source};
use crate::events::{self, Event, Store};
use crate::guards::Guards;
use crate::openmrs::admin;
use crate::places::Places;
use crate::release;
use crate::supervise::decide::{self, State};
use crate::supervise::diagnosis;
use crate::supervise::door;
use crate::supervise::judgement::Judgement;
use crate::supervise::ledger::{Found, Ledger};
use crate::supervise::name_servers;
use crate::supervise::observation::Observation;
use crate::supervise::situation::Situation;
use crate::supervise::starts::{self, Starts};
use crate::system::clock;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::log::log;

/// While people wait, or something is in doubt.
const ROUND_BUSY: Duration = Duration::from_secs(1);
/// While all is well: a few files are looked at.
const ROUND_REST: Duration = Duration::from_secs(2);
/// How often the admin password and the name servers are looked at.
const CHORES_EVERY: Duration = Duration::from_secs(60);
/// A box that is up, but cannot serve, has booted all the same.
const BOOTED_AFTER: Duration = Duration::from_secs(600);
/// What a power cut takes from the ledger's uptime at most; budgets fill later then, never earlier.
const UPTIME_EVERY: Duration = Duration::from_secs(3600);
/// A disk that was full or read-only may be well again.
const LEDGER_AGAIN: Duration = Duration::from_secs(300);

/// The daemon between two rounds.
struct Daemon {
    places: Places,
    look: look::Look,
    state: State,
    guards: Guards,
    events: Option<Store>,
    told: tell::Told,
    known_modules: modules::Known,
    starts: Starts,
    /// The start (by its time) whose length was learned already.
    learned: Option<Duration>,
    shown: Option<(Situation, Option<u64>)>,
    judgement: Option<(Judgement, Duration)>,
    since: Option<(Situation, u64)>,
    ledger: Ledger,
    ledger_writable: bool,
    /// The ledger's uptime when the daemon began, and when that was.
    uptime: (Duration, Duration),
    uptime_kept: Duration,
    chores: Option<Duration>,
    snapshots: snapshots::Snapshots,
    copies: copies::Copies,
    rebuild: rebuild::Rebuild,
    updates: updates::Updates,
    pings: pings::Pings,
    begun: Duration,
    /// Whether posto-init's count of unfinished boots still stands. A container has none.
    boot_counted: bool,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be received or tmpfs cannot be written at all.
pub async fn run(places: Places) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    durable::directory(&places.run(), Owner::mode(0o755))?;
    if let Some(door) = places.door_open().parent() {
        durable::directory(door, Owner::mode(0o755))?;
    }
    let mut daemon = Daemon::begin(places);
    tell(&[NotifyState::Ready]);
    loop {
        let pause = tokio::select! {
            pause = daemon.round() => pause?,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = daemon.look.news() => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tell(&[NotifyState::Stopping]);
    daemon.keep_uptime(clock::since_boot());
    Ok(())
}

/// Without systemd nobody listens, which is fine.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

impl Daemon {
    fn begin(places: Places) -> Self {
        let now = clock::since_boot();
        let (ledger, found) = Ledger::read(&places);
        snapshots::begin(&places, ledger.uptime_s, now);
        let mut daemon = Self {
            state: State {
                // After a crash of the daemon alone the door is as it was; at boot tmpfs is empty, so it is shut.
                door: door::State {
                    open: places.door_open().exists(),
                    ..door::State::default()
                },
                ..State::default()
            },
            look: look::Look::default(),
            guards: Guards::default(),
            events: None,
            told: tell::Told::default(),
            known_modules: modules::Known::read(&places),
            starts: Starts::read(&places),
            learned: None,
            shown: None,
            judgement: None,
            since: None,
            uptime: (Duration::from_secs(ledger.uptime_s), now),
            ledger,
            ledger_writable: true,
            uptime_kept: now,
            chores: None,
            snapshots: snapshots::Snapshots::default(),
            copies: copies::Copies::default(),
            rebuild: rebuild::Rebuild::default(),
            updates: updates::Updates::default(),
            pings: pings::Pings::default(),
            begun: now,
            boot_counted: release::running(&places).is_ok_and(|running| running.slot.is_some()),
            places,
        };
        // Whoever knew why these stood is gone; what still holds is said again.
        for source in [
            Source::Supervise,
            Source::Modules,
            Source::Snapshots,
            Source::Proofs,
            Source::Copies,
        ] {
            if let Err(error) = alarms::lower(&daemon.places, source) {
                log(&error.to_string());
            }
        }
        daemon.record(&Event::new("posto-began"));
        if found == Found::Damaged {
            daemon.record(&Event::new("ledger-damaged"));
            daemon.write_ledger(&daemon.ledger.clone());
        }
        daemon
    }

    fn record(&mut self, event: &Event) {
        events::record_with(&mut self.events, &self.places, event);
    }

    fn uptime(&self, now: Duration) -> Duration {
        self.uptime.0 + now.saturating_sub(self.uptime.1)
    }

    async fn round(&mut self) -> Result<Duration, DurableError> {
        let now = clock::since_boot();
        let guards = self.guards.round(&self.places, now).await;
        let deaths = self.look.units(self.is_at_rest(), now).await;
        for event in deaths {
            self.record(&event);
        }
        let observation = self.observe(guards.hold, now);
        let ledger = self.ledger.at(self.uptime(now));
        if self.state.door.open {
            // Also after a restart of the daemon alone: this start is over, its length says nothing any more.
            self.learned = Some(observation.openmrs.started);
        }
        let before = self.state.clone();
        let judged = decide::decide(&before, &observation, &ledger, now);
        let minutes = self.minutes(&judged.situation, &observation, now);
        // The page first: when the door shuts, nginx shows at once what is going on.
        self.show(&judged.situation, minutes)?;
        self.turn(judged.door, &observation, now)?;
        self.keep(judged.keep).await;
        let state = self.act(&before, judged.state, judged.act, now).await;
        self.state = state;
        let news = self.told.round(&observation, &self.state, now);
        for event in news {
            self.record(&event);
        }
        self.judge_modules(&observation);
        self.mend_account(&observation, now).await;
        self.leave_judgement(judged.situation, minutes, &observation, now)?;
        self.chores(now).await;
        self.look_after_snapshots(&observation, now).await;
        self.look_after_copies(&observation, now).await;
        self.look_after_tables(&observation, now).await;
        self.look_after_updates(&observation, now).await;
        self.look_after_pings(now).await;
        self.finish_boot(now).await;
        let every = if self.ledger_writable {
            UPTIME_EVERY
        } else {
            LEDGER_AGAIN
        };
        if now.saturating_sub(self.uptime_kept) >= every {
            self.keep_uptime(now);
        }
        tell(&[NotifyState::Watchdog]);
        let finishing = matches!(judged.door, Some(door::Action::FinishInstallation));
        Ok(if finishing {
            Duration::ZERO
        } else if self.is_at_rest() {
            ROUND_REST
        } else {
            ROUND_BUSY
        })
    }

    fn is_at_rest(&self) -> bool {
        self.state.door.open && self.state.ladder.good_since.is_some()
    }

    fn observe(&mut self, hold: Option<crate::guards::Hold>, now: Duration) -> Observation {
        let mut observation = self.look.observe(&self.places, now);
        observation.hold = hold;
        observation.ledger_writable = self.ledger_writable;
        let kind = if observation.install_pending {
            starts::Kind::Install
        } else {
            starts::Kind::Normal
        };
        observation.expected_start = self.starts.expected(kind);
        observation.installation_overdue = observation.install_pending
            && now.saturating_sub(observation.openmrs.started)
                >= diagnosis::hung_no_earlier(observation.expected_start);
        observation
    }

    fn turn(
        &mut self,
        action: Option<door::Action>,
        observation: &Observation,
        now: Duration,
    ) -> Result<(), DurableError> {
        match action {
            Some(door::Action::Open) => {
                durable::write(&self.places.door_open(), b"", Owner::mode(0o644))?;
                self.learn_as(starts::Kind::Normal, observation, now);
                self.record(&Event::new("door-opened"));
            }
            Some(door::Action::Shut(why)) => {
                durable::remove(&self.places.door_open())?;
                self.record(&Event::new("door-shut").with("why", why.name()));
            }
            Some(door::Action::TriggerInstallation) => {
                let mark = now.as_millis().to_string();
                durable::write(
                    &self.places.please_install(),
                    mark.as_bytes(),
                    Owner::mode(0o644),
                )?;
                self.record(&Event::new("installation-begun"));
            }
            Some(door::Action::FinishInstallation) => {
                self.finish_installation(observation, now)?;
            }
            None => {}
        }
        Ok(())
    }

    /// posto-init counts every boot of the committed slot and reads the whole root through after some that did not end
    /// here. Only an open door (or a long life) proves it: a damaged block under Java shows no earlier.
    async fn finish_boot(&mut self, now: Duration) {
        let up = self.state.door.open || now.saturating_sub(self.begun) >= BOOTED_AFTER;
        if !self.boot_counted || !up {
            return;
        }
        let Some(bus) = self.look.bus() else {
            return;
        };
        let argv = ["/usr/bin/posto", "unit", "boot-finished"];
        let done = bus.run_apart("posto-boot-finished.service", &argv).await;
        self.boot_counted = false;
        if let Err(error) = done {
            log(&format!(
                "this boot could not be reported as finished: {error}"
            ));
        }
    }

    /// Only the first opening after a start tells how long starts take; an installation is learned when it is finished.
    fn learn_as(&mut self, kind: starts::Kind, observation: &Observation, now: Duration) {
        let started = observation.openmrs.started;
        if self.learned == Some(started) || started.is_zero() {
            return;
        }
        self.learned = Some(started);
        let took = now.saturating_sub(started);
        match self.starts.learn(&self.places, kind, took) {
            Ok(()) => self.record(&Event::new("start-learned").with("seconds", took.as_secs())),
            Err(error) => log(&format!(
                "how long the start took could not be kept: {error}"
            )),
        }
    }

    /// The script holds the admin password, and with an empty database it would install again.
    fn finish_installation(
        &mut self,
        observation: &Observation,
        now: Duration,
    ) -> Result<(), DurableError> {
        durable::remove(&self.places.install())?;
        durable::write(&self.places.openmrs_environment(), b"", Owner::mode(0o644))?;
        durable::remove(&self.places.install_pending())?;
        durable::remove(&self.places.please_install())?;
        self.learn_as(starts::Kind::Install, observation, now);
        self.record(&Event::new("installation-done"));
        Ok(())
    }

    fn keep_uptime(&mut self, now: Duration) {
        self.uptime_kept = now;
        let ledger = self.ledger.at(self.uptime(now));
        self.write_ledger(&ledger);
    }

    fn write_ledger(&mut self, ledger: &Ledger) {
        self.ledger = ledger.clone();
        self.ledger_writable = match ledger.write(&self.places) {
            Ok(()) => true,
            Err(error) => {
                log(&format!("the ledger could not be kept: {error}"));
                false
            }
        };
    }

    async fn chores(&mut self, now: Duration) {
        if self
            .chores
            .is_some_and(|at| now.saturating_sub(at) < CHORES_EVERY)
            && self.is_at_rest()
        {
            return;
        }
        if let Err(error) = name_servers::refresh(&self.places) {
            log(&format!("the name servers could not be kept: {error}"));
        }
        if !self.is_at_rest() {
            return;
        }
        self.chores = Some(now);
        match admin::forget_if_changed_at(&self.places).await {
            Ok(true) => self.record(&Event::new("admin-password-forgotten")),
            Ok(false) => {}
            Err(error) => log(&format!(
                "whether the admin password was changed is not known: {error}"
            )),
        }
    }
}
