//! The restore itself, in the order that keeps the present state until the restored one has answered, and afterwards.

use std::time::Duration;

use super::ask;
use super::build::Build;
use super::error::RestoreError;
use super::exchange::{self, AFTER, Attempt, Mark, Servers, Word};
use super::mends;
use super::observe::{WORK_FIELD, observe};
use super::plan::{self, Observation, RestorePlan, Standing, Wanted};
use crate::database::client::Client;
use crate::events::{self, Event};
use crate::facility;
use crate::maintenance::{Kind, Maintenance, Stop};
use crate::places::Places;
use crate::services::{DatabaseEnd, Services};
use crate::snapshot::id::Id;
use crate::snapshot::left_out::LeftOut;
use crate::snapshot::manifest::{FORMAT, Manifest, Method, Reason};
use crate::snapshot::shelf::{self, Shelf, Snapshot};
use crate::system::clock;
use crate::system::log::log;

/// The first questions; the door is shut meanwhile.
const ASK_LIMIT: Duration = Duration::from_secs(120);

/// What is being done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The snapshot is cloned; the clinic works.
    Cloning,
    /// The door, OpenMRS and the database are shut.
    Stopping,
    /// The exchange. From here on nothing can be stopped any more.
    Exchanging,
    /// The restored database starts and is asked.
    Starting,
    /// The state before becomes a snapshot.
    Keeping,
    /// OpenMRS starts.
    Openmrs,
}

impl Phase {
    /// Per cent of the whole, for the waiting page: stopping and OpenMRS's own start are nearly all of it.
    #[must_use]
    pub const fn percent(self) -> u8 {
        match self {
            Self::Cloning => 0,
            Self::Stopping => 10,
            Self::Exchanging => 40,
            Self::Starting => 50,
            Self::Keeping => 70,
            Self::Openmrs => 80,
        }
    }
}

/// Where and as whom.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The box's paths.
    pub places: Places,
    /// Wall clock in unix seconds.
    pub unix_s: u64,
    /// Time since boot.
    pub since_boot: Duration,
    /// Owner of OpenMRS's files.
    pub openmrs_user: Option<u32>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Restored {
    /// What was put in place.
    pub restored: Id,
    /// The state before, as a snapshot.
    pub kept: Id,
    /// From the first step to OpenMRS's start, in seconds.
    pub seconds: u64,
    /// Of these, with the door shut.
    pub shut_s: u64,
    /// Whether OpenMRS migrates the schema now.
    pub migrates: bool,
}

/// Which snapshot is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Snapshot(Id),
    /// The state before the last restore.
    Undo,
}

/// The snapshot that is meant, and what was seen of it and of the present state. Changes nothing.
///
/// # Errors
/// [`RestoreError::Unknown`], [`RestoreError::NothingToUndo`], or why nobody can tell.
pub async fn look(
    choice: Choice,
    setting: &Setting,
) -> Result<(Snapshot, Observation), RestoreError> {
    let all = shelf::list(&setting.places)?;
    let newest = all.last().cloned();
    let found = match choice {
        Choice::Snapshot(id) => all
            .into_iter()
            .find(|snapshot| snapshot.id() == id)
            .ok_or(RestoreError::Unknown(id))?,
        Choice::Undo => all
            .into_iter()
            .rev()
            .find(|snapshot| matches!(snapshot.manifest.reason, Reason::BeforeRestore { .. }))
            .ok_or(RestoreError::NothingToUndo)?,
    };
    let (unix_s, since_boot) = (setting.unix_s, setting.since_boot);
    let seen = observe(&setting.places, &found, newest.as_ref(), unix_s, since_boot).await?;
    Ok((found, seen))
}

/// Restores `snapshot`, of which `seen` was observed. On any error but [`RestoreError::AfterExchange`] the present state serves
/// as before. Tells events.
///
/// # Errors
/// [`RestoreError`].
pub async fn restore<S: Services>(
    snapshot: &Snapshot,
    seen: &Observation,
    wanted: Wanted,
    setting: &Setting,
    services: &S,
    stop: &Stop,
    show: &mut dyn FnMut(Phase),
) -> Result<Restored, RestoreError> {
    let plan = plan::plan(seen, wanted)?;
    let places = &setting.places;
    let begun = Event::new("restore-begun").with("id", plan.id.number());
    events::record(places, &begun);
    let done = Restore {
        plan: &plan,
        seen,
        snapshot,
        setting,
        services,
        stop,
    };
    let done = done.run(show).await;
    match &done {
        Ok(done) => events::record(
            places,
            &Event::new("restore-done")
                .with("id", done.restored.number())
                .with("kept", done.kept.number())
                .with("seconds", done.seconds)
                .with(WORK_FIELD, done.shut_s),
        ),
        Err(error) => events::record(
            places,
            &Event::new("restore-failed")
                .with("id", plan.id.number())
                .with("reason", error.to_string()),
        ),
    }
    done
}

struct Restore<'a, S> {
    plan: &'a RestorePlan,
    seen: &'a Observation,
    snapshot: &'a Snapshot,
    setting: &'a Setting,
    services: &'a S,
    stop: &'a Stop,
}

impl<S: Services> Restore<'_, S> {
    async fn run(&self, show: &mut dyn FnMut(Phase)) -> Result<Restored, RestoreError> {
        let places = &self.setting.places;
        let begun = clock::since_boot();
        // For all of it: nobody takes, throws away or restores beside this.
        let mut shelf = Shelf::open(places)?;
        exchange::finish_interrupted(places, Servers::MayRun)?;
        exchange::remove_left_overs(places)?;
        let held = self.snapshot.hold()?;
        // Only the number is needed: the kept state comes to its name whole, never as something partial that a power cut
        // would throw away.
        let unfinished = shelf.begin()?;
        let attempt = Attempt::new(places, unfinished.id);
        shelf.discard(unfinished)?;
        let build = Build {
            places: places.clone(),
            attempt: attempt.clone(),
            snapshot: self.snapshot.directory.clone(),
            only: self.plan.only,
            openmrs_user: self.setting.openmrs_user,
        };
        let prepared = self.prepare(&build, show).await;
        let (mut maintenance, shut) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                attempt.discard()?;
                return Err(error);
            }
        };
        let mut show = |phase: Phase| {
            // The waiting page's figure; the restore does not depend on it.
            let _ = maintenance.progress(phase.percent());
            show(phase);
        };
        show(Phase::Stopping);
        let mark = match self.stop_and_finish(&build).await {
            Ok(mark) => mark,
            Err(error) => {
                self.start_all().await;
                attempt.discard()?;
                return Err(error);
            }
        };
        show(Phase::Exchanging);
        if let Err(error) = attempt.exchange() {
            self.start_all().await;
            attempt.discard()?;
            return Err(error.into());
        }
        show(Phase::Starting);
        if let Err(reason) = self.start_and_ask().await {
            return Err(self.go_back(&attempt, reason).await);
        }
        let after = |error: &dyn std::fmt::Display| RestoreError::AfterExchange(error.to_string());
        if mark.word == Word::Awaited {
            attempt.say(Word::Confirmed).map_err(|e| after(&e))?;
        }
        show(Phase::Keeping);
        for step in AFTER {
            attempt.do_step(step, &mark).map_err(|e| after(&e))?;
        }
        drop((held, shelf));
        // Opening it takes the kept state into the catalogue; the directory is what counts.
        if let Err(error) = Shelf::open(places) {
            log(&format!(
                "the replaced state is not in the catalogue yet: {error}"
            ));
        }
        show(Phase::Openmrs);
        let shut_s = clock::since_boot().saturating_sub(shut).as_secs();
        // The daemon opens the door when OpenMRS has migrated and answers; the maintenance ends here.
        self.services.start_openmrs().await.map_err(|e| after(&e))?;
        Ok(Restored {
            restored: self.plan.id,
            kept: attempt.id(),
            seconds: clock::since_boot().saturating_sub(begun).as_secs(),
            shut_s,
            migrates: self.plan.migrates,
        })
    }

    /// Everything before the door is shut. Also when the maintenance began.
    async fn prepare(
        &self,
        build: &Build,
        show: &mut dyn FnMut(Phase),
    ) -> Result<(Maintenance, Duration), RestoreError> {
        show(Phase::Cloning);
        mends::password(&self.setting.places)?;
        let clone = build.clone();
        apart(move || clone.begin()).await?;
        self.go_on()?;
        let shut = clock::since_boot();
        let maintenance =
            Maintenance::begin(&self.setting.places, Kind::Restore, self.setting.unix_s)?;
        Ok((maintenance, shut))
    }

    /// Down, and everything ready for the exchange.
    async fn stop_and_finish(&self, build: &Build) -> Result<Mark, RestoreError> {
        let end = self.services.stop().await?;
        self.go_on()?;
        let mark = Mark {
            kept: build.attempt.id(),
            restored: self.plan.id,
            word: if self.plan.standing == Standing::Unproven {
                Word::Awaited
            } else {
                Word::Trusted
            },
            pending: build.pending(),
        };
        build.attempt.describe(&self.manifest(build, end))?;
        let (build, ready) = (build.clone(), mark.clone());
        apart(move || {
            build.finish()?;
            Ok(build.attempt.mark_ready(&ready)?)
        })
        .await?;
        // The last moment to turn back.
        self.go_on()?;
        Ok(mark)
    }

    /// Of the state that is replaced.
    fn manifest(&self, build: &Build, end: DatabaseEnd) -> Manifest {
        let (facility, _) = facility::in_force(&self.setting.places);
        let present = self.seen.present.clone().unwrap_or_default();
        Manifest {
            format: FORMAT,
            id: build.attempt.id(),
            moment: self.seen.now.clone(),
            reason: Reason::BeforeRestore {
                restored: self.plan.id,
            },
            // What was down or died is as if it had stood still: its next start recovers.
            method: match end {
                DatabaseEnd::Clean => Method::Stopped,
                DatabaseEnd::Unclean => Method::Freeze,
            },
            facility: facility.id,
            release: self.seen.release.clone(),
            release_built: self.seen.release_built,
            mariadb: self.seen.mariadb.clone().unwrap_or_default(),
            schema: present.schema,
            cut: None,
            highest: present.highest,
            held_us: 0,
            apparent_bytes: apparent_bytes(&self.setting.places),
            left_out: LeftOut::default(),
        }
    }

    /// The restored database comes up, is the right one, and is made ready for OpenMRS.
    async fn start_and_ask(&self) -> Result<(), String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let places = &self.setting.places;
        self.services
            .start_database()
            .await
            .map_err(|e| words(&e))?;
        let mut client = Client::connect(&places.database_socket(), ASK_LIMIT)
            .await
            .map_err(|e| words(&e))?;
        // With only OpenMRS's files restored the database is the present one, which nobody has written down.
        if self.plan.only != Some(plan::Part::Openmrs) {
            ask::check(
                &mut client,
                &self.snapshot.manifest,
                self.seen.proof.as_ref(),
            )
            .await?;
        }
        mends::apply(places, &mut client)
            .await
            .map_err(|e| words(&e))
    }

    /// Nobody has written to the restored database: the door is shut and OpenMRS is down.
    async fn go_back(&self, attempt: &Attempt, reason: String) -> RestoreError {
        let after = |error: &dyn std::fmt::Display| {
            RestoreError::AfterExchange(format!(
                "{reason}; and it could not be taken back: {error}"
            ))
        };
        // First, so that a power cut from now on goes back, too.
        if let Err(error) = attempt.say(Word::Refused) {
            return after(&error);
        }
        if let Err(error) = self.services.stop().await {
            return after(&error);
        }
        if let Err(error) = attempt.exchange() {
            return after(&error);
        }
        self.start_all().await;
        if let Err(error) = attempt.discard() {
            log(&error.to_string());
        }
        RestoreError::WentBack {
            id: self.plan.id,
            reason,
        }
    }

    /// Back to what was before. The restore's own error is what the person is told; the daemon sees to servers that do not
    /// come up.
    async fn start_all(&self) {
        if self.services.start_database().await.is_ok() {
            let _ = self.services.start_openmrs().await;
        }
    }

    fn go_on(&self) -> Result<(), RestoreError> {
        if self.stop.is_asked() {
            Err(RestoreError::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// Work that blocks, beside the loop that hears signals.
async fn apart(
    work: impl FnOnce() -> Result<(), RestoreError> + Send + 'static,
) -> Result<(), RestoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| RestoreError::Task(error.to_string()))?
}

/// Sum of the live files' lengths; what cannot be looked at is left out.
fn apparent_bytes(places: &Places) -> u64 {
    let mut pending = vec![places.database(), places.openmrs()];
    let mut bytes = 0u64;
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            match entry.metadata() {
                Ok(found) if found.is_dir() => pending.push(entry.path()),
                Ok(found) if found.is_file() => bytes = bytes.saturating_add(found.len()),
                _ => {}
            }
        }
    }
    bytes
}
