//! `posto unit snapshot-prove`: what the daemon asked for, or the newest snapshot that nobody has looked at.

use std::time::Duration;

use crate::cli::proving;
use crate::events::{self, Event};
use crate::places::Places;
use crate::snapshot::order::Order;
use crate::snapshot::proof::Verdict;
use crate::snapshot::prove::progress::Progress;
use crate::snapshot::prove::{Outcome, due};
use crate::snapshot::shelf;
use crate::system::clock;
use crate::system::log::log;

/// Then the daemon decides anew: a quiet time ends, other snapshots wait.
const TURN: Duration = Duration::from_secs(2 * 3600);

/// Proves what is due.
///
/// # Errors
/// What could not be looked at: nothing was judged, the daemon asks again. A bad verdict is none of them.
pub(super) async fn run(places: &Places) -> anyhow::Result<()> {
    let until = clock::since_boot() + TURN;
    let all = shelf::list(places)?;
    let under_way = Progress::read(places).under_way();
    let order = Order::read(places).map(|order| (order.id, order.depth));
    for (id, depth) in due::due(order, &all, &under_way) {
        // Anew: the one before may have changed it.
        let all = shelf::list(places)?;
        let Some(snapshot) = all.iter().find(|found| found.manifest.id == id) else {
            continue;
        };
        let setting = proving::setting(places, &all, Some(until));
        match proving::prove(snapshot, depth, &all, &setting, &mut |_| {}).await? {
            Outcome::Proved(proof) => match proof.verdict {
                Verdict::Good => log(&format!("snapshot {id} is good ({})", depth.code())),
                Verdict::Bad { reason } => log(&format!("snapshot {id} is damaged: {reason}")),
            },
            Outcome::Continues { done, tables } => {
                let event = Event::new("proof-goes-on")
                    .with("snapshot", id.number())
                    .with("done", done)
                    .with("tables", tables);
                events::record(places, &event);
            }
        }
    }
    Ok(())
}
