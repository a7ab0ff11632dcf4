//! The daemon: looks, judges, acts, once a round; tells systemd that it lives.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use crate::openmrs::admin;
use crate::places::Places;
use crate::release;
use crate::supervise::door::{self, Action, Situation};
use crate::supervise::judgement::Judgement;
use crate::supervise::name_servers;
use crate::supervise::probe::{self, Probe, Round};
use crate::supervise::starts::{self, Starts};
use crate::supervise::{http, page};
use crate::system::clock;
use crate::system::durable::{self, DurableError, Owner};

/// While people wait.
const ROUND_SHUT: Duration = Duration::from_secs(1);
/// While all is well.
const ROUND_OPEN: Duration = Duration::from_secs(5);
/// How often the admin password is looked at, in rounds with an open door.
const ADMIN_EVERY: u32 = 12;
/// A box that is up, but cannot serve, has booted all the same.
const BOOTED_AFTER: Duration = Duration::from_secs(600);
/// The wizard answers when the installation is under way; what it says does not matter.
const TRIGGER_LIMIT: Duration = Duration::from_secs(10);

/// The daemon between two rounds.
#[derive(Debug)]
struct Daemon {
    places: Places,
    probe: Probe,
    state: door::State,
    starts: Starts,
    /// The start (by its time) whose length was learned already.
    learned: Option<Duration>,
    situation: Option<(Situation, u64)>,
    page: String,
    rounds_open: u32,
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
    let mut daemon = Daemon {
        // After a crash of the daemon alone the door is as it was; at boot tmpfs is empty, so it is shut.
        state: door::State {
            open: places.door_open().exists(),
            ..door::State::default()
        },
        starts: Starts::read(&places),
        boot_counted: release::running(&places).is_ok_and(|running| running.slot.is_some()),
        begun: clock::since_boot(),
        places,
        probe: Probe::default(),
        learned: None,
        situation: None,
        page: String::new(),
        rounds_open: 0,
    };
    tell(&[NotifyState::Ready]);
    loop {
        let pause = tokio::select! {
            pause = daemon.round() => pause?,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tell(&[NotifyState::Stopping]);
    Ok(())
}

/// Without systemd nobody listens, which is fine.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

impl Daemon {
    async fn round(&mut self) -> Result<Duration, DurableError> {
        let round = self.probe.look(&self.places).await;
        let now = clock::since_boot();
        if self.state.open {
            // Also after a restart of the daemon alone: this start is over, its length says nothing any more.
            self.learned = Some(round.started_at);
        }
        let judged = door::decide(self.state, &round.seen, now);
        let minutes = self.minutes(&judged.situation, &round, now);
        // The page first: when the door shuts, nginx shows at once what is going on.
        self.show(&judged.situation, minutes)?;
        match judged.action {
            Some(Action::Open) => {
                durable::write(&self.places.door_open(), b"", Owner::mode(0o644))?;
                self.learn(&round, now);
                log("the door is open");
            }
            Some(Action::Shut) => {
                durable::remove(&self.places.door_open())?;
                log(&format!("the door is shut: {:?}", round.seen));
            }
            Some(Action::TriggerInstallation) => {
                log("setting off the first installation of OpenMRS");
                http::ask(probe::OPENMRS, probe::WIZARD, TRIGGER_LIMIT).await;
            }
            Some(Action::FinishInstallation) => self.finish_installation(&round, now)?,
            None => {}
        }
        self.state = judged.state;
        self.leave_judgement(judged.situation, minutes, &round, now)?;
        self.watch_admin_password().await;
        self.finish_boot(now).await;
        name_servers::refresh(&self.places)?;
        tell(&[NotifyState::Watchdog]);
        let busy = matches!(judged.action, Some(Action::FinishInstallation));
        Ok(if busy {
            Duration::ZERO
        } else if self.state.open && self.state.bad_since.is_none() {
            ROUND_OPEN
        } else {
            ROUND_SHUT
        })
    }

    /// posto-init counts every boot of the committed slot and reads the whole root through after some that did not end
    /// here. Only an open door (or a long life) proves it: a damaged block under Java shows no earlier.
    async fn finish_boot(&mut self, now: Duration) {
        let up = self.state.open || now.saturating_sub(self.begun) >= BOOTED_AFTER;
        if !self.boot_counted || !up {
            return;
        }
        let Some(units) = self.probe.units() else {
            return;
        };
        self.boot_counted = false;
        let argv = ["/usr/bin/posto", "unit", "boot-finished"];
        if let Err(error) = units.run_apart("posto-boot-finished.service", &argv).await {
            log(&format!(
                "this boot could not be reported as finished: {error}"
            ));
        }
    }

    fn minutes(&self, situation: &Situation, round: &Round, now: Duration) -> Option<u64> {
        let kind = match situation {
            Situation::Starting => starts::Kind::Normal,
            Situation::Installing => starts::Kind::Install,
            _ => return None,
        };
        let elapsed = if round.started_at.is_zero() {
            Duration::ZERO
        } else {
            now.saturating_sub(round.started_at)
        };
        starts::minutes_left(self.starts.expected(kind), elapsed)
    }

    fn show(&mut self, situation: &Situation, minutes: Option<u64>) -> Result<(), DurableError> {
        let page = page::page(situation, minutes);
        if page != self.page {
            durable::write(
                &self.places.door_page(),
                page.as_bytes(),
                Owner::mode(0o644),
            )?;
            self.page = page;
        }
        Ok(())
    }

    /// Only the first opening after a start tells how long starts take; an installation is learned when it is finished.
    fn learn(&mut self, round: &Round, now: Duration) {
        self.learn_as(starts::Kind::Normal, round, now);
    }

    fn learn_as(&mut self, kind: starts::Kind, round: &Round, now: Duration) {
        if self.learned == Some(round.started_at) || round.started_at.is_zero() {
            return;
        }
        self.learned = Some(round.started_at);
        let took = now.saturating_sub(round.started_at);
        if let Err(error) = self.starts.learn(&self.places, kind, took) {
            log(&format!(
                "how long the start took could not be kept: {error}"
            ));
        }
    }

    /// The script holds the admin password, and with an empty database it would install again.
    fn finish_installation(&mut self, round: &Round, now: Duration) -> Result<(), DurableError> {
        durable::remove(&self.places.install())?;
        durable::write(&self.places.openmrs_environment(), b"", Owner::mode(0o644))?;
        durable::remove(&self.places.install_pending())?;
        self.learn_as(starts::Kind::Install, round, now);
        log("the first installation of OpenMRS is done");
        Ok(())
    }

    fn leave_judgement(
        &mut self,
        situation: Situation,
        minutes: Option<u64>,
        round: &Round,
        now: Duration,
    ) -> Result<(), DurableError> {
        let since = match &self.situation {
            Some((before, since)) if same(before, &situation) => *since,
            _ => clock::unix_seconds(),
        };
        self.situation = Some((situation.clone(), since));
        Judgement {
            at: now.as_secs(),
            door_open: self.state.open,
            database_answers: round.seen.sql,
            situation,
            since,
            minutes,
        }
        .write(&self.places)
    }

    async fn watch_admin_password(&mut self) {
        if !self.state.open {
            self.rounds_open = 0;
            return;
        }
        self.rounds_open = self.rounds_open.wrapping_add(1);
        if self.rounds_open % ADMIN_EVERY != 1 {
            return;
        }
        if let Some(sql) = self.probe.sql() {
            match admin::forget_if_changed(&self.places, sql).await {
                Ok(true) => {
                    log("the admin password was changed; the one made at first boot is forgotten")
                }
                Ok(false) => {}
                Err(error) => log(&format!(
                    "whether the admin password was changed is not known: {error}"
                )),
            }
        }
    }
}

/// Progress within one situation is not a new one.
fn same(before: &Situation, now: &Situation) -> bool {
    std::mem::discriminant(before) == std::mem::discriminant(now)
}

/// journald takes stderr and adds the time.
#[allow(clippy::print_stderr, reason = "the daemon's one place for its log")]
fn log(text: &str) {
    eprintln!("{text}");
}
