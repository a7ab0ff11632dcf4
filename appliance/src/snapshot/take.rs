//! Taking a snapshot while the clinic works. docs/architecture.md, "Snapshots", Taking.
//!
//! `room -> number -> database (hot, or frozen where it gives no answer) -> OpenMRS's files -> manifest, flush, name, catalogue`

mod application;
pub mod class;
mod error;
pub(super) mod facts;
mod frozen;
mod hot;
mod listing;
mod redo_copy;
mod room;
mod settle;
mod stage;
pub mod systemd;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub use error::TakeError;
pub use frozen::{LIMIT as STANDSTILL_LIMIT, Standstill};
pub use hot::HELD_LIMIT;
pub use stage::ANSWER_LIMIT;

use super::id::Id;
use super::left_out::LeftOut;
use super::manifest::{self, Cut, Manifest, Method, Reason, Schema};
use super::moment;
use super::shelf::{Shelf, Unfinished};
use crate::places::Places;
use crate::system::clock;
use crate::system::durable;
use crate::system::log::log;

/// The database's clone in the snapshot.
pub const DATABASE: &str = "database";
/// OpenMRS's files in the snapshot.
pub const OPENMRS: &str = "openmrs";
/// A log that turned over, or a disk that was slow for a moment, is no reason to give up.
const TRIES: u32 = 3;

/// What the snapshot is to say of itself.
#[derive(Debug, Clone)]
pub struct Request {
    /// Why.
    pub reason: Reason,
    /// The facility's id.
    pub facility: String,
    /// The release that the data belong to.
    pub release: String,
    /// When it was built, unix seconds.
    pub release_built: u64,
    /// What the wall clock says, unix seconds.
    pub unix_s: u64,
    /// Time since boot.
    pub since_boot: Duration,
    /// A database that needs longer for one statement is silent; [`ANSWER_LIMIT`] is good.
    pub answer_limit: Duration,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// For the database to come to a point.
    Waiting,
    /// InnoDB's pages are cloned.
    Pages {
        /// Bytes.
        done: u64,
        /// Of how many.
        all: u64,
    },
    /// The redo is copied.
    Redo,
    /// Commits wait.
    Cut,
    /// The database stands still.
    Frozen,
    /// OpenMRS's files are cloned.
    Files,
    /// All is flushed.
    Flushing,
}

/// Takes a snapshot: waits for the shelf, and leaves nothing behind where it fails.
///
/// # Errors
/// [`TakeError`]; the clinic's data are untouched in any case.
pub async fn take(
    places: &Places,
    request: &Request,
    still: &impl Standstill,
    say: &mut dyn FnMut(Progress),
) -> Result<Manifest, TakeError> {
    room::check(places)?;
    let mut shelf = Shelf::open(places)?;
    let before = shelf.snapshots()?.pop().map(|one| one.manifest.moment);
    let unfinished = shelf.begin()?;
    match fill(places, request.answer_limit, &unfinished, still, say).await {
        Ok(filled) => {
            let moment = moment::now(places, before.as_ref(), request.unix_s, request.since_boot);
            let manifest = manifest(unfinished.id, request, moment, filled);
            say(Progress::Flushing);
            shelf.finish(unfinished, &manifest)?;
            Ok(manifest)
        }
        Err(error) => {
            // What stays would be removed by the next who takes the lock; the first reason is the one to tell.
            if let Err(left) = shelf.discard(unfinished) {
                log(&left.to_string());
            }
            Err(error)
        }
    }
}

/// What came into the directory.
struct Filled {
    method: Method,
    mariadb: String,
    schema: Option<Schema>,
    cut: Option<Cut>,
    highest: BTreeMap<String, u64>,
    held: Duration,
    apparent_bytes: u64,
}

async fn fill(
    places: &Places,
    answer_limit: Duration,
    unfinished: &Unfinished,
    still: &impl Standstill,
    say: &mut dyn FnMut(Progress),
) -> Result<Filled, TakeError> {
    let to = unfinished.directory.join(DATABASE);
    let mut filled = match hot(places, answer_limit, &to, say).await {
        Err(error) if error.is_silence() => {
            log(&format!("{error}; it is frozen and cloned as it stands"));
            frozen(places, &to, still, say).await?
        }
        other => other?,
    };
    say(Progress::Files);
    application::clone(&places.openmrs(), &unfinished.directory.join(OPENMRS))?;
    filled.apparent_bytes = apparent_bytes(&unfinished.directory)?;
    Ok(filled)
}

async fn hot(
    places: &Places,
    answer_limit: Duration,
    to: &Path,
    say: &mut dyn FnMut(Progress),
) -> Result<Filled, TakeError> {
    let mut tries = 1;
    loop {
        match hot::clone(
            &places.database_socket(),
            answer_limit,
            &places.database(),
            to,
            say,
        )
        .await
        {
            Ok(hot) => {
                return Ok(Filled {
                    method: Method::HotClone,
                    mariadb: hot.mariadb,
                    schema: hot.schema,
                    cut: Some(hot.cut),
                    highest: hot.highest,
                    held: hot.held,
                    apparent_bytes: 0,
                });
            }
            Err(error) if error.is_worth_another_try() && tries < TRIES => {
                log(&format!("try {tries} of {TRIES}: {error}"));
                durable::remove(to)?;
                tries += 1;
            }
            Err(TakeError::Overrun { .. }) => return Err(TakeError::Overrun { tries }),
            Err(error) => return Err(error),
        }
    }
}

async fn frozen(
    places: &Places,
    to: &Path,
    still: &impl Standstill,
    say: &mut dyn FnMut(Progress),
) -> Result<Filled, TakeError> {
    durable::remove(to)?;
    say(Progress::Frozen);
    let held = frozen::clone(still, &places.database(), to).await?;
    Ok(Filled {
        method: Method::Freeze,
        mariadb: facts::version_of_the_program()?,
        schema: None,
        cut: None,
        highest: BTreeMap::new(),
        held,
        apparent_bytes: 0,
    })
}

fn manifest(id: Id, request: &Request, moment: manifest::Moment, filled: Filled) -> Manifest {
    Manifest {
        format: manifest::FORMAT,
        id,
        moment,
        reason: request.reason.clone(),
        method: filled.method,
        facility: request.facility.clone(),
        release: request.release.clone(),
        release_built: request.release_built,
        mariadb: filled.mariadb,
        schema: filled.schema,
        cut: filled.cut,
        highest: filled.highest,
        held_us: u64::try_from(filled.held.as_micros()).unwrap_or(u64::MAX),
        apparent_bytes: filled.apparent_bytes,
        left_out: LeftOut::default(),
    }
}

/// Sum of the files' lengths.
fn apparent_bytes(tree: &Path) -> Result<u64, TakeError> {
    let mut bytes = 0;
    let mut pending = vec![tree.to_path_buf()];
    while let Some(path) = pending.pop() {
        let failed = |source| TakeError::Look {
            path: path.clone(),
            source,
        };
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let found = entry.metadata().map_err(failed)?;
            if found.is_dir() {
                pending.push(entry.path());
            } else if found.is_file() {
                bytes += found.len();
            }
        }
    }
    Ok(bytes)
}

/// The request of this box, now.
///
/// # Errors
/// When nobody can tell which release runs.
pub fn request_of_this_box(
    places: &Places,
    facility: &str,
    reason: Reason,
) -> Result<Request, crate::release::RunningError> {
    let identity = crate::release::identity(places)?;
    Ok(Request {
        reason,
        facility: facility.to_string(),
        release: identity.release,
        release_built: identity.built,
        unix_s: clock::unix_seconds(),
        since_boot: clock::since_boot(),
        answer_limit: ANSWER_LIMIT,
    })
}
