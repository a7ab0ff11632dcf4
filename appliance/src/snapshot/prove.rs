//! Proves a snapshot by starting a real server on a clone of it and looking. The snapshot itself is only read. What is found is a
//! verdict; what could not be looked at is an error and no verdict.

mod clone;
pub mod compare;
pub mod due;
mod error;
mod judge;
pub mod log;
mod look;
mod pages;
mod place;
pub mod plan;
pub mod progress;
mod proven;

pub use error::ProveError;
pub use proven::{NotProven, ProvenSnapshot};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::clone::{Clone, Turn, source};
use self::judge::Ending;
use self::look::Look;
use self::progress::{Done, Progress};
use super::id::Id;
use super::manifest::{Binlog, Moment};
use super::proof::{Depth, Proof, Verdict};
use super::shelf::Snapshot;
use crate::database::import::space;
use crate::database::server;
use crate::maintenance::Stop;
use crate::places::Places;
use crate::system::clock;
use crate::system::durable::{self, Owner};
use crate::system::log::log;

/// What is left of a bad proof beside its verdict: the server's log, its beginning and its end.
pub const LOG: &str = "proof-log.txt";
/// Of each end of it.
const LOG_BYTES: u64 = 128 * 1024;
/// Reasons that a verdict names.
const REASONS: usize = 4;

/// Where, as whom and with what.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The box's paths.
    pub places: Places,
    /// The server program.
    pub program: PathBuf,
    /// uid = gid of the server; `None` runs it as the caller (tests without root).
    pub user: Option<u32>,
    /// Memory that may be used now, in bytes.
    pub available_memory_bytes: u64,
    /// When the proof begins.
    pub moment: Moment,
    /// Time since boot from which on a full proof begins no other table: the next one goes on from there. `None`: to the end.
    pub until: Option<Duration>,
}

/// What is being done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// The snapshot is cloned.
    #[default]
    Cloning,
    /// The server starts: InnoDB recovers.
    Recovering,
    /// Every table is opened.
    Opening,
    /// Full: the files' pages are read.
    Reading,
    /// Full: every table is checked.
    Checking,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watch {
    /// The phase.
    pub phase: Phase,
    /// Tables, or bytes while files are read.
    pub done: u64,
    /// Of these; 0 while nobody knows.
    pub whole: u64,
    /// The table or file.
    pub what: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A verdict; not yet on the shelf.
    Proved(Proof),
    /// The time was over; the next full proof goes on from there.
    Continues {
        /// Tables done.
        done: u64,
        /// Of these.
        tables: u64,
    },
}

/// What was seen on the way; kept when the verdict is bad, too.
#[derive(Debug, Default)]
struct Seen {
    tables: u64,
    rows: BTreeMap<String, u64>,
    highest: BTreeMap<String, u64>,
    binlog: Option<Binlog>,
}

/// Proves `snapshot`. `others` are the snapshots on the shelf, oldest first: the earlier ones' counts are compared with. Dropping
/// the future ends the server and removes the clone.
///
/// # Errors
/// [`ProveError`]: the snapshot was not judged.
pub async fn prove(
    snapshot: &Snapshot,
    depth: Depth,
    others: &[Snapshot],
    setting: &Setting,
    stop: &Stop,
    show: &mut dyn FnMut(&Watch),
) -> Result<Outcome, ProveError> {
    let begun = clock::since_boot();
    let id = snapshot.manifest.id;
    if !setting.program.exists() {
        return Err(ProveError::NoProgram(setting.program.clone()));
    }
    let _held = snapshot.hold()?;
    let _turn = Turn::take(&setting.places)?;
    enough(snapshot, setting)?;

    let mut progress = Progress::read(&setting.places);
    let mut done = match depth {
        Depth::Full => progress.of(id).cloned().unwrap_or_default(),
        Depth::Quick => Done::default(),
    };
    let mut seen = Seen::default();
    let ending = tokio::select! {
        ended = attempt(snapshot, depth, setting, &mut done, &mut seen, show) => ended,
        () = stop.asked() => Err(Ending::Failed(ProveError::Interrupted)),
    };
    let took = clock::since_boot().saturating_sub(begun);
    let took_ms = done
        .took_ms
        .saturating_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let verdict = match ending {
        Ok(()) => Verdict::Good,
        Err(Ending::Bad { reasons }) => Verdict::Bad {
            reason: reasons
                .into_iter()
                .take(REASONS)
                .collect::<Vec<_>>()
                .join("; "),
        },
        Err(unfinished) => {
            if depth == Depth::Full {
                keep(setting, &mut progress, id, Done { took_ms, ..done });
            }
            return match unfinished {
                Ending::Failed(error) => Err(error),
                Ending::Later { done, tables } => Ok(Outcome::Continues { done, tables }),
                Ending::Bad { .. } => Err(ProveError::Interrupted),
            };
        }
    };
    if depth == Depth::Full && progress.of(id).is_some() {
        progress.forget(id);
        write(setting, &progress);
    }
    let earlier = others
        .iter()
        .filter(|other| other.manifest.id < id)
        .flat_map(|other| &other.proofs)
        .filter(|proof| proof.is_good());
    Ok(Outcome::Proved(Proof {
        id,
        depth,
        verdict,
        moment: setting.moment.clone(),
        took_ms,
        tables: seen.tables,
        fell: compare::fell(&seen.rows, earlier.map(|proof| &proof.rows)),
        rows: seen.rows,
        highest: seen.highest,
        binlog: seen.binlog,
    }))
}

/// Room and memory, before anything is made.
fn enough(snapshot: &Snapshot, setting: &Setting) -> Result<(), ProveError> {
    let available_bytes = setting.available_memory_bytes;
    if available_bytes < plan::MEMORY_BYTES {
        return Err(ProveError::NoMemory {
            needed_bytes: plan::MEMORY_BYTES,
            available_bytes,
        });
    }
    let needed_bytes = plan::room_bytes(length(&source(snapshot).join("ib_logfile0")));
    match space::free_bytes(&setting.places.staging()) {
        Some(free_bytes) if free_bytes < needed_bytes => Err(ProveError::NoRoom {
            needed_bytes,
            free_bytes,
        }),
        _ => Ok(()),
    }
}

async fn attempt(
    snapshot: &Snapshot,
    depth: Depth,
    setting: &Setting,
    done: &mut Done,
    seen: &mut Seen,
    show: &mut dyn FnMut(&Watch),
) -> Result<(), Ending> {
    show(&Watch::default());
    // Also before cloning: without its system file the server would begin a new database in its place.
    server::looks_like_data(&source(snapshot))
        .map_err(|name| Ending::bad(format!("database/{name} is missing or empty")))?;
    let clone = Clone::make(&setting.places, snapshot)?;
    let mut look = Look::new(&clone, setting);
    let ended = async {
        seen.binlog = place::place(&clone.data())?;
        look.start(show).await?;
        look.open_all(snapshot, depth, seen, show).await?;
        if depth == Depth::Full {
            look.stop()?;
            pages::read_all(&clone.data(), setting, done, show).await?;
            look.start(show).await?;
            look.check_all(setting, done, seen, show).await?;
        }
        look.log_is_clean()
    }
    .await;
    if let Err(Ending::Bad { .. }) = &ended {
        evidence(&look.log_path(), &snapshot.directory);
    }
    ended
}

/// Notes what is done for the next night; a disk that does not take it costs that night's work again.
fn keep(setting: &Setting, progress: &mut Progress, id: Id, done: Done) {
    if done.files.is_empty() && done.tables.is_empty() {
        return;
    }
    progress.put(id, done);
    write(setting, progress);
}

fn write(setting: &Setting, progress: &Progress) {
    if let Err(error) = progress.write(&setting.places) {
        log(&error.to_string());
    }
}

/// Leaves the server's log beside the proofs.
fn evidence(from: &Path, directory: &Path) {
    let kept = judge::both_ends(from, LOG_BYTES)
        .map_err(|error| error.to_string())
        .and_then(|text| {
            durable::write(&directory.join(LOG), &text, Owner::mode(0o600))
                .map_err(|error| error.to_string())
        });
    if let Err(error) = kept {
        log(&format!("the log of a bad proof was not kept: {error}"));
    }
}

fn length(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |found| found.len())
}
