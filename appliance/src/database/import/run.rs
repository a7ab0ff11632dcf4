//! The import from its first byte to the running OpenMRS, in the order that keeps the old database until the new one
//! is whole.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::census::{Database, Wanted};
use super::error::ImportError;
use super::exchange::{self, AFTER, Attempt};
use super::load::{self, Progress};
use super::mend::{self, Mends};
use super::properties::{self, Settings, base64};
use super::reading::{Reader, Reading};
use super::report::{Report, Room};
use super::space;
use super::survey::Survey;
use super::throwaway::{Site, Throwaway};
pub use crate::maintenance::Stop;
use crate::maintenance::{Kind, Maintenance};
use crate::places::Places;
use crate::services::Services;
use crate::snapshot::restore;
use crate::system::durable::{self, Owner};

const PASSWORD_BYTES: u64 = 1024;
const PROPERTIES_BYTES: u64 = 1 << 20;
const TICK: Duration = Duration::from_millis(250);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The dump, or `-`.
    pub file: PathBuf,
    /// The database in the dump, if it holds several.
    pub database: Option<String>,
    /// Refuse a dump without mysqldump's last line.
    pub need_end_mark: bool,
}

/// What is being done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// The whole file is read and checked.
    #[default]
    Reading,
    /// The throwaway server is made.
    Preparing,
    /// The dump goes in.
    Loading,
    /// Rows are counted.
    Counting,
    /// Mends, clean stop, flush.
    Finishing,
    /// OpenMRS and the old database stop.
    Stopping,
    /// The new database starts. From here on nothing can be stopped any more.
    Starting,
}

/// How far it is; shown by whoever called.
#[derive(Debug, Default)]
pub struct Watch {
    /// The phase.
    pub phase: Phase,
    /// Packed bytes read in this phase.
    pub taken: Arc<AtomicU64>,
    /// Packed size, when known.
    pub size_bytes: Option<u64>,
    /// Rows and table.
    pub load: Arc<Progress>,
}

impl Watch {
    fn begin(&mut self, phase: Phase, reading: &Reading) {
        self.phase = phase;
        self.taken = Arc::clone(&reading.taken);
        self.size_bytes = reading.size_bytes;
    }
}

/// Where and as whom.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The box's paths.
    pub places: Places,
    /// Wall clock in unix seconds, for names.
    pub now: u64,
    /// The same as [`crate::system::clock::file_stamp`] writes it.
    pub stamp: String,
    /// The program that reads the dump.
    pub reader: Reader,
    /// uid of the throwaway server.
    pub server_user: Option<u32>,
    /// Owner of OpenMRS's files.
    pub openmrs_user: Option<u32>,
    /// Memory that may be used, in bytes.
    pub available_memory_bytes: u64,
    /// Random bytes for a new encryption key and vector.
    pub random: [u8; 32],
}

/// Reads the dump and says what an import would do; changes nothing.
///
/// # Errors
/// Why it could not be imported.
pub async fn dry_run(
    request: &Request,
    setting: &Setting,
    stop: &Stop,
    show: &mut dyn FnMut(&Watch),
) -> Result<Report, ImportError> {
    let mut watch = Watch::default();
    let survey = read_whole(request, &setting.reader, &mut watch, stop, show).await?;
    let chosen = survey.census.conclude(
        survey.lines,
        request.need_end_mark,
        request.database.as_deref(),
    )?;
    let room = room(&setting.places, survey.bytes);
    Ok(Report::of(&request.file, &survey, chosen, room))
}

/// Imports. On any error but [`ImportError::AfterExchange`] the old database serves as before.
///
/// # Errors
/// [`ImportError`].
pub async fn import<S: Services>(
    request: &Request,
    setting: &Setting,
    services: &S,
    stop: &Stop,
    show: &mut dyn FnMut(&Watch),
) -> Result<Report, ImportError> {
    let places = &setting.places;
    let password = check_box(places)?;
    let mut maintenance = Maintenance::begin(places, Kind::Import, setting.now)?;
    exchange::finish_interrupted(places)?;
    restore::finish_interrupted(places, restore::Servers::MayRun)
        .map_err(ImportError::UnfinishedRestore)?;
    let attempt = Attempt::new(places, &setting.stamp);
    let mut watch = Watch::default();
    let mut show = |watch: &Watch| {
        // The waiting page's figure; the import does not depend on it.
        let _ = maintenance.progress(percent(watch));
        show(watch);
    };
    let built = build(
        request, setting, &attempt, &password, &mut watch, stop, &mut show,
    )
    .await;
    let mut report = match built {
        Ok(report) => report,
        Err(error) => {
            attempt.discard()?;
            return Err(error);
        }
    };
    watch.phase = Phase::Stopping;
    show(&watch);
    let exchanged = put_in_place(setting, &attempt, services, &password, stop).await;
    if let Err(error) = exchanged {
        if !matches!(error, ImportError::AfterExchange(_)) {
            attempt.discard()?;
        }
        return Err(error);
    }
    watch.phase = Phase::Starting;
    show(&watch);
    report.replaced = Some(attempt.replaced());
    // The daemon opens the door when OpenMRS has migrated and answers; the lock ends here.
    services
        .start_openmrs()
        .await
        .map_err(|error| ImportError::AfterExchange(error.to_string()))?;
    Ok(report)
}

async fn read_whole(
    request: &Request,
    reader: &Reader,
    watch: &mut Watch,
    stop: &Stop,
    show: &mut dyn FnMut(&Watch),
) -> Result<Survey, ImportError> {
    let reading = Reading::open(&request.file)?;
    watch.begin(Phase::Reading, &reading);
    let under_way = reading.begin(reader, Wanted::First, None)?;
    shown(watch, stop, show, under_way.survey()).await
}

/// Everything before the live services are touched: a whole, checked, flushed data directory in staging.
async fn build(
    request: &Request,
    setting: &Setting,
    attempt: &Attempt,
    password: &str,
    watch: &mut Watch,
    stop: &Stop,
    show: &mut dyn FnMut(&Watch),
) -> Result<Report, ImportError> {
    let places = &setting.places;
    // A stream can be read only once; a file is read as a whole first, so that what is wrong at its end is said
    // in minutes and not after hours.
    let wanted = if request.file == Path::new("-") {
        enough_room(&room(places, 0))?;
        Wanted::First
    } else {
        let survey = read_whole(request, &setting.reader, watch, stop, show).await?;
        let chosen = survey.census.conclude(
            survey.lines,
            request.need_end_mark,
            request.database.as_deref(),
        )?;
        enough_room(&room(places, survey.bytes))?;
        Wanted::Named(chosen.name.clone())
    };
    watch.phase = Phase::Preparing;
    show(watch);
    // Its server runs as another user and must pass through to its own directories.
    durable::directory(&places.staging(), Owner::mode(0o711))?;
    durable::directory(&attempt.staging(), Owner::mode(0o711))?;
    let site = Site {
        directory: attempt.staging(),
        user: setting.server_user,
        pool_bytes: space::pool_bytes(setting.available_memory_bytes),
    };
    let server = shown(watch, stop, show, Throwaway::start(site)).await?;
    let mut root = server.root().await?;
    mend::prepare(&mut root, password).await?;
    let connection = server.account(password).await?;

    let reading = Reading::open(&request.file)?;
    watch.begin(Phase::Loading, &reading);
    let (flag, progress, staging) = (stop.flag(), Arc::clone(&watch.load), places.staging());
    let loading = load::load(
        reading,
        &setting.reader,
        wanted,
        connection,
        flag,
        &progress,
        &staging,
    );
    let survey = shown(watch, stop, show, loading).await?;
    let chosen = survey.census.conclude(
        survey.lines,
        request.need_end_mark,
        request.database.as_deref(),
    )?;

    watch.phase = Phase::Counting;
    shown(watch, stop, show, mend::verify(&mut root, chosen)).await?;
    watch.phase = Phase::Finishing;
    let mends = shown(watch, stop, show, mend::mend(&mut root, chosen)).await?;
    drop(root);
    let stopping = tokio::task::spawn_blocking(move || server.stop());
    shown(watch, stop, show, async {
        stopping
            .await
            .map_err(|e| ImportError::Server(e.to_string()))?
    })
    .await?;
    attempt.mark_ready()?;
    Ok(report(
        request,
        &survey,
        chosen,
        mends,
        room(places, survey.bytes),
    ))
}

fn report(
    request: &Request,
    survey: &Survey,
    chosen: &Database,
    mends: Mends,
    room: Room,
) -> Report {
    let mut report = Report::of(&request.file, survey, chosen, room);
    report.mends = Some(mends);
    report
}

/// Stops the services, exchanges, starts the database on the new directory. Goes back if it does not start.
async fn put_in_place<S: Services>(
    setting: &Setting,
    attempt: &Attempt,
    services: &S,
    password: &str,
    stop: &Stop,
) -> Result<(), ImportError> {
    if stop.is_asked() {
        return Err(ImportError::Interrupted);
    }
    let stopped = async {
        services.stop().await?;
        attempt.prepare_properties(&new_properties(setting, password)?, setting.openmrs_user)?;
        // The last moment to turn back.
        if stop.is_asked() {
            Err(ImportError::Interrupted)
        } else {
            Ok(())
        }
    };
    if let Err(error) = stopped.await {
        start_all(services).await;
        return Err(error);
    }
    if let Err(error) = attempt.exchange() {
        start_all(services).await;
        return Err(error.into());
    }
    if let Err(error) = services.start_database().await {
        // Nobody has written to it: the door is shut and OpenMRS is down.
        services
            .stop()
            .await
            .map_err(|e| ImportError::AfterExchange(e.to_string()))?;
        attempt
            .exchange()
            .map_err(|e| ImportError::AfterExchange(e.to_string()))?;
        start_all(services).await;
        return Err(error.into());
    }
    for step in AFTER {
        attempt
            .do_step(step)
            .map_err(|error| ImportError::AfterExchange(error.to_string()))?;
    }
    Ok(())
}

/// Back to what was before. The import's own error is what the person is told; the daemon sees to services that do
/// not come up.
async fn start_all<S: Services>(services: &S) {
    if services.start_database().await.is_ok() {
        let _ = services.start_openmrs().await;
    }
}

fn new_properties(setting: &Setting, password: &str) -> Result<String, ImportError> {
    let present = durable::read(&setting.places.runtime_properties(), PROPERTIES_BYTES)?;
    let present = present.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (key, vector) = setting.random.split_at(16);
    let settings = Settings {
        password,
        encryption_key: &base64(key),
        encryption_vector: &base64(vector),
    };
    Ok(properties::runtime_properties(
        present.as_deref(),
        &settings,
    ))
}

/// The box must be set up: an import exchanges, it does not found. Gives OpenMRS's database password.
fn check_box(places: &Places) -> Result<String, ImportError> {
    for path in [places.database(), places.openmrs()] {
        if !path.is_dir() {
            return Err(ImportError::NotSetUp { path });
        }
    }
    let path = places.secrets().join("openmrs-db-password");
    let password = durable::read(&path, PASSWORD_BYTES)?
        .ok_or_else(|| ImportError::NotSetUp { path: path.clone() })?;
    let password = String::from_utf8_lossy(&password).trim().to_string();
    if password.is_empty() {
        Err(ImportError::NotSetUp { path })
    } else {
        Ok(password)
    }
}

fn room(places: &Places, unpacked_bytes: u64) -> Room {
    Room {
        needed_bytes: space::needed_bytes(unpacked_bytes),
        free_bytes: space::free_bytes(&places.data()),
    }
}

fn enough_room(room: &Room) -> Result<(), ImportError> {
    match room.free_bytes {
        Some(free_bytes) if free_bytes < room.needed_bytes => Err(ImportError::NoRoom {
            needed_bytes: room.needed_bytes,
            free_bytes,
        }),
        _ => Ok(()),
    }
}

/// Per cent of the whole for the waiting page: reading and loading are nearly all of it.
fn percent(watch: &Watch) -> u8 {
    let part = watch.size_bytes.filter(|size| *size > 0).map_or(0, |size| {
        let taken = watch.taken.load(Ordering::Relaxed).min(size);
        taken.saturating_mul(100) / size
    });
    let percent = match watch.phase {
        Phase::Reading => part / 20,
        Phase::Preparing => 5,
        Phase::Loading => 5 + part * 80 / 100,
        Phase::Counting => 88,
        Phase::Finishing => 92,
        Phase::Stopping => 96,
        Phase::Starting => 98,
    };
    u8::try_from(percent).unwrap_or(100)
}

/// Waits for `work`, showing how far it is, until it is done or a stop is asked for.
async fn shown<T>(
    watch: &Watch,
    stop: &Stop,
    show: &mut dyn FnMut(&Watch),
    work: impl Future<Output = Result<T, ImportError>>,
) -> Result<T, ImportError> {
    let mut work = std::pin::pin!(work);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => return Err(ImportError::Interrupted),
            done = &mut work => return done,
            _ = tick.tick() => show(watch),
        }
    }
}
