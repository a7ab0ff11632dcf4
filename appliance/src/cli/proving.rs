//! Proofs as commands and units make them: with the box's own settings, stopped in order by a signal, the verdict on the shelf.

use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::database::import::space;
use crate::database::server::{MYSQL_ID, SERVER};
use crate::events::{self, Event};
use crate::maintenance::Stop;
use crate::places::Places;
use crate::snapshot::moment;
use crate::snapshot::proof::{Depth, Proof};
use crate::snapshot::prove::{self, Outcome, ProveError, Setting, Watch};
use crate::snapshot::shelf::{Shelf, Snapshot};
use crate::system::clock;

/// Whoever holds the shelf may be removing a large snapshot: a verdict that took hours waits for that.
const SHELF_WAIT: Duration = Duration::from_secs(900);

/// The box's setting for a proof that begins now. `all`: the snapshots there are, oldest first.
pub(super) fn setting(places: &Places, all: &[Snapshot], until: Option<Duration>) -> Setting {
    let before = all.last().map(|newest| &newest.manifest.moment);
    // Best effort: without it no memory counts as available, and the proof says so.
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Setting {
        places: places.clone(),
        program: PathBuf::from(SERVER),
        user: rustix::process::geteuid().is_root().then_some(MYSQL_ID),
        available_memory_bytes: space::available_memory_bytes(&meminfo).unwrap_or(0),
        moment: moment::now(places, before, clock::unix_seconds(), clock::since_boot()),
        until,
    }
}

/// Proves one snapshot, by Ctrl-C or systemd's stop ended in order, and puts the verdict on the shelf.
pub(super) async fn prove(
    snapshot: &Snapshot,
    depth: Depth,
    all: &[Snapshot],
    setting: &Setting,
    show: &mut dyn FnMut(&Watch),
) -> Result<Outcome, ProveError> {
    let no_signals = |source| ProveError::Read {
        path: PathBuf::from("signals"),
        source,
    };
    let stop = Stop::default();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let proving = prove::prove(snapshot, depth, all, setting, &stop, show);
    let mut proving = std::pin::pin!(proving);
    let outcome = loop {
        tokio::select! {
            done = &mut proving => break done?,
            _ = interrupt.recv() => stop.ask(),
            _ = terminate.recv() => stop.ask(),
        }
    };
    if let Outcome::Proved(proof) = &outcome {
        record(&setting.places, proof)?;
    }
    Ok(outcome)
}

fn record(places: &Places, proof: &Proof) -> Result<(), ProveError> {
    Shelf::open_within(places, SHELF_WAIT)?.proved(proof)?;
    for fall in &proof.fell {
        let event = Event::new("proof-rows-fell")
            .with("snapshot", proof.id.number())
            .with("table", fall.table.as_str())
            .with("before", fall.before)
            .with("now", fall.now);
        events::record(places, &event);
    }
    Ok(())
}
