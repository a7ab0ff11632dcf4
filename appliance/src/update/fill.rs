//! From what the worker brought to a proven slot: root accepts it, one at a time, and stages it.

use std::fs::File;
use std::path::{Path, PathBuf};

use posto_signing::state::StateError;
use serde::{Deserialize, Serialize};

use super::accept::{self, AcceptError};
use super::order::Order;
use super::slot::{self, SlotError};
use super::slots::{Slots, SlotsError};
use super::stage::{self, StageError};
use super::trouble::Trouble;
use super::trust::{self, Trust, TrustError};
use crate::facility;
use crate::places::Places;
use crate::system::block::Disk;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::{lock, memory};

const STAGING_LIMIT_BYTES: u64 = 4096;

/// Why no release was staged.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// Where trust begins.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// What came.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// Root's trusted state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The slots.
    #[error(transparent)]
    Slots(#[from] SlotsError),
    /// The slot.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The work.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// Another one is at it.
    #[error("a release is being staged already")]
    Busy,
    /// A file.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The lock.
    #[error("{path}: {source}")]
    Lock {
        /// Which.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// How far the filling is, for whoever looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staging {
    /// Which release.
    pub release: String,
    /// Frames in the slot.
    pub done: u64,
    /// Of how many.
    pub all: u64,
    /// It stands there, proven.
    pub staged: bool,
    /// Why it ended early.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// The same in the program's own words.
    pub error: Option<String>,
}

impl Staging {
    /// Whether it was written now: what stood in the slot already was told when it came there.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.staged && self.all > 0
    }

    /// What was said last. Nothing readable is silence.
    #[must_use]
    pub fn read(places: &Places) -> Self {
        let text = durable::read(&places.update_staging(), STAGING_LIMIT_BYTES);
        text.ok()
            .flatten()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    fn write(&self, places: &Places) {
        let text = serde_json::to_vec(self).unwrap_or_default();
        // A sign for people: the work goes on without.
        let _ = durable::write(&places.update_staging(), &text, Owner::mode(0o644));
    }
}

/// The order as this box stands.
///
/// # Errors
/// [`TrustError`].
pub fn order(places: &Places) -> Result<(Trust, Order), TrustError> {
    let trust = Trust::read(places)?;
    let (facility, _) = facility::in_force(places);
    let memory_mib = memory::total_mib(&places.meminfo())?.unwrap_or_default();
    // A container has no disk of its own: none is too small for it.
    let disk_bytes = Disk::of(&places.data()).ok().and_then(|disk| disk.bytes());
    let mut order = Order::of(
        &facility,
        &trust,
        memory_mib,
        disk_bytes.unwrap_or(u64::MAX),
    );
    order.whole = wants_whole(places, &order.running);
    Ok((trust, order))
}

/// Whether the patch against the running release did not fit before.
fn wants_whole(places: &Places, running: &str) -> bool {
    durable::read(&places.update_whole(), STAGING_LIMIT_BYTES)
        .is_ok_and(|name| name.as_deref() == Some(running.as_bytes()))
}

/// Stages what lies in `folder`, if it is for this box. `by_hand`: somebody asked for it here. What stands in the slot already, proven
/// before, is not written again.
///
/// # Errors
/// [`FillError`]; the running release goes on in any case.
pub fn fill(
    places: &Places,
    folder: &Path,
    clock_s: i64,
    by_hand: bool,
) -> Result<Staging, FillError> {
    let _held = hold(places)?;
    let mut staging = Staging::default();
    let done = work(places, folder, clock_s, by_hand, &mut staging);
    if let Err(error) = &done {
        staging.trouble = Some(Trouble::from(error));
        staging.error = Some(error.to_string());
        staging.write(places);
    }
    done.map(|()| staging)
}

fn work(
    places: &Places,
    folder: &Path,
    clock_s: i64,
    by_hand: bool,
    staging: &mut Staging,
) -> Result<(), FillError> {
    let (trust, mut order) = order(places)?;
    order.by_hand = by_hand;
    let mut state = trust::open(places)?;
    let mut offered = accept::offered(folder, &trust, &order, clock_s, &mut state)?;
    staging.release.clone_from(&offered.terms.release);
    let slots = Slots::open(places)?;
    let verity = &offered.manifest.verity;
    if slot::said(&slots.other)?.is_some_and(|env| env.verity == *verity) {
        staging.staged = true;
        staging.write(places);
        return Ok(());
    }
    staging.write(places);
    let scratch = places.update_patches();
    let patch = offered.patch(folder, &order, &scratch, &mut state)?;
    let staged = stage::stage(
        slots.other.clone(),
        &slots.running,
        offered.manifest,
        &patch.file,
        &scratch,
        &mut |progress| {
            staging.done = progress.done as u64;
            staging.all = progress.all as u64;
            staging.write(places);
        },
    );
    if let Err(error) = staged {
        if error.is_other_base() && !patch.whole {
            let running = order.running.as_bytes();
            durable::write(&places.update_whole(), running, Owner::mode(0o644))?;
        }
        return Err(error.into());
    }
    staging.staged = true;
    staging.write(places);
    Ok(forget_patches(places)?)
}

/// They stand in the slot now.
fn forget_patches(places: &Places) -> Result<(), DurableError> {
    for name in durable::names_after(&places.update_patches(), "")? {
        durable::remove(&places.update_patches().join(name))?;
    }
    if places.update_whole().exists() {
        durable::remove(&places.update_whole())?;
    }
    Ok(())
}

fn hold(places: &Places) -> Result<File, FillError> {
    durable::directory(&places.update_patches(), Owner::mode(0o700))?;
    let path = places.update_lock();
    match lock::try_hold(&path) {
        Ok(held) => held.ok_or(FillError::Busy),
        Err(source) => Err(FillError::Lock { path, source }),
    }
}
