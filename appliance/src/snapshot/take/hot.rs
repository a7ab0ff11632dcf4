//! The hot clone: plan, then steps. Why it is right: each page is taken whole at some moment after the checkpoint, no page is
//! on the disk before its redo, and the redo from the checkpoint to the cut is there: it is the state of a crash at the cut, which
//! recovery is made for. mariadb-backup does the same, but reads the data.
//!
//! What waits for whom:
//! - A change of tables (DDL) that has begun is waited for, 30 s at most; one that comes later waits until the cut. A long ALTER
//!   TABLE goes on beside us; only its last step waits.
//! - Commits wait from the cut's beginning to its end: milliseconds, and never more than [`HELD_LIMIT`].
//! - A taker that is killed costs nothing: its connection closes, and with it every lock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Progress;
use super::class::Class;
use super::error::TakeError;
use super::facts;
use super::listing::Listing;
use super::redo_copy::{self, RedoCopy};
use super::settle::settle;
use super::stage::{self, Stage};
use crate::database::client::Client;
use crate::snapshot::manifest::{Cut, Schema};
use crate::system::clock;
use crate::system::reflink::{Pair, directory_like};

/// Commits are let go on after this, whatever is not cloned by then: a failing disk must not stop the clinic.
pub const HELD_LIMIT: Duration = Duration::from_secs(2);
/// A rest of redo that is copied in a few milliseconds.
const SMALL_REST_BYTES: u64 = 256 << 10;
/// How often the rest is copied ahead of the cut; each round leaves what the clinic wrote during the one before.
const ROUNDS: u32 = 8;

/// What came out besides the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hot {
    pub(super) mariadb: String,
    pub(super) schema: Option<Schema>,
    pub(super) cut: Cut,
    pub(super) highest: std::collections::BTreeMap<String, u64>,
    pub(super) held: Duration,
}

/// Clones the running server's `database` into the new directory `to`.
pub(super) async fn clone(
    socket: &Path,
    answer_limit: Duration,
    database: &Path,
    to: &Path,
    say: &mut dyn FnMut(Progress),
) -> Result<Hot, TakeError> {
    say(Progress::Waiting);
    let mut client = Client::connect(socket, answer_limit).await?;
    facts::check_settings(&mut client).await?;
    let mariadb = facts::version(&mut client).await?;
    let schema = facts::schema(&mut client).await?;

    settle(&mut client, &mut || redo_copy::checkpoint_lsn(database)).await?;

    let mut stage = Stage::block_ddl(client).await?;
    let journal = stage.journal().await?.map(|at| at.file);
    let listing = Listing::of(database, journal.as_deref())?;
    make_directories(database, to, &listing)?;

    // Before the first page: the log from its checkpoint on has all redo of every page that is cloned after it.
    let mut redo = RedoCopy::begin(database, to)?;
    clone_pages(database, to, &listing, say)?;
    clone_still(database, to, &listing)?;
    say(Progress::Redo);
    copy_redo_ahead(&mut stage, &mut redo).await?;

    let prepared = prepare_cut(database, to, &listing)?;
    let highest = facts::highest(stage.client()).await?;
    let rest = stage.lsn().await?;
    redo.copy_flushed(rest.flushed)?;

    say(Progress::Cut);
    let began = clock::since_boot();
    let cut = tokio::time::timeout(HELD_LIMIT, cut(&mut stage, redo, prepared)).await;
    // An error drops the connection, which ends the stage.
    let held_too_long = |_| TakeError::HeldTooLong(HELD_LIMIT);
    let (cut, redo, prepared) = cut.map_err(held_too_long)??;
    let mut client = stage.end().await?;
    let held = clock::since_boot().saturating_sub(began);

    redo.finish(stage::lsn(&mut client).await?.current)?;
    let highest = facts::at_the_cut(&mut client, &highest).await?;
    for pair in prepared.pairs {
        pair.finish()?;
    }
    Ok(Hot {
        mariadb,
        schema,
        cut,
        highest,
        held,
    })
}

fn make_directories(database: &Path, to: &Path, listing: &Listing) -> Result<(), TakeError> {
    directory_like(database, to)?;
    for directory in &listing.directories {
        directory_like(&database.join(directory), &to.join(directory))?;
    }
    Ok(())
}

fn clone_pages(
    database: &Path,
    to: &Path,
    listing: &Listing,
    say: &mut dyn FnMut(Progress),
) -> Result<(), TakeError> {
    let mut done = 0;
    for path in listing.of_class(Class::Pages) {
        say(Progress::Pages {
            done,
            all: listing.pages_bytes,
        });
        done += clone_one(&database.join(path), &to.join(path))?;
    }
    Ok(())
}

fn clone_still(database: &Path, to: &Path, listing: &Listing) -> Result<(), TakeError> {
    for path in listing.of_class(Class::Still) {
        clone_one(&database.join(path), &to.join(path))?;
    }
    Ok(())
}

fn clone_one(from: &Path, to: &Path) -> Result<u64, TakeError> {
    // Gone: a temporary table's, or a journal that was just thrown away.
    let Some(pair) = Pair::open(from, to)? else {
        return Ok(0);
    };
    let bytes = pair.clone_content()?;
    pair.finish()?;
    Ok(bytes)
}

/// Copies redo until little is left for the time in which commits wait.
async fn copy_redo_ahead(stage: &mut Stage, redo: &mut RedoCopy) -> Result<(), TakeError> {
    for _ in 0..ROUNDS {
        let lsn = stage.lsn().await?;
        if redo.left(lsn.flushed) < SMALL_REST_BYTES {
            break;
        }
        redo.copy_flushed(lsn.flushed)?;
    }
    Ok(())
}

/// What is cloned while commits wait: opened before, so that only the cloning itself is left.
#[derive(Debug)]
struct Prepared {
    database: PathBuf,
    to: PathBuf,
    pairs: Vec<Pair>,
    /// Names in the data directory itself by then.
    known: Vec<PathBuf>,
}

fn prepare_cut(database: &Path, to: &Path, listing: &Listing) -> Result<Prepared, TakeError> {
    let mut pairs = Vec::new();
    for path in listing.of_class(Class::AtTheCut) {
        if let Some(pair) = Pair::open(&database.join(path), &to.join(path))? {
            pair.flush_source()?;
            pairs.push(pair);
        }
    }
    Ok(Prepared {
        database: database.to_path_buf(),
        to: to.to_path_buf(),
        pairs,
        known: listing.files.values().flatten().cloned().collect(),
    })
}

/// The time in which commits wait.
async fn cut(
    stage: &mut Stage,
    redo: RedoCopy,
    prepared: Prepared,
) -> Result<(Cut, RedoCopy, Prepared), TakeError> {
    stage.block_commit().await?;
    let prepared = apart(move || clone_rest(prepared)).await?;
    let lsn = stage.lsn().await?;
    let (checkpoint_lsn, current) = (redo.checkpoint_lsn(), lsn.current);
    let redo = apart(move || {
        let mut redo = redo;
        redo.copy_tail(current)?;
        Ok(redo)
    })
    .await?;
    let cut = Cut {
        checkpoint_lsn,
        lsn: current,
        binlog: stage.journal().await?,
    };
    Ok((cut, redo, prepared))
}

/// On a thread of its own, so that the limit can end the wait for a disk that hangs.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TakeError> + Send + 'static,
) -> Result<T, TakeError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| TakeError::Copy(std::io::Error::other(error)))?
}

fn clone_rest(mut prepared: Prepared) -> Result<Prepared, TakeError> {
    for pair in &prepared.pairs {
        pair.clone_content()?;
    }
    // The server may have begun another journal since the listing.
    let now = Listing::of_top(&prepared.database)?;
    for path in now {
        if !prepared.known.contains(&path)
            && let Some(pair) =
                Pair::open(&prepared.database.join(&path), &prepared.to.join(&path))?
        {
            pair.clone_content()?;
            prepared.pairs.push(pair);
        }
    }
    Ok(prepared)
}
