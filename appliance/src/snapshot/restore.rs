//! A snapshot back in place of the present state, which becomes a snapshot itself. docs/architecture.md, "Snapshots".
//!
//! [`plan`] says from what [`observe`] saw what would be done, or why not; [`run`] does it: [`build`] clones the snapshot
//! beside the live data, [`exchange`] puts it in their place in one step and ends an interrupted restore, [`ask`] questions
//! the database that came up. [`settings`] and [`mends`] make another moment's, or another box's, state this box's own.

pub mod ask;
pub mod build;
pub mod error;
pub mod exchange;
pub mod mends;
pub mod observe;
pub mod plan;
pub mod run;
pub mod settings;

pub use exchange::{Servers, finish_interrupted};

use crate::events::{self, Event};
use crate::places::Places;
use exchange::Finished;

/// Records how an interrupted restore ended.
pub fn tell(places: &Places, finished: &Finished) {
    let event = match finished {
        // Nothing had happened.
        Finished::Removed(_) => return,
        Finished::Completed { restored, kept } => Event::new("restore-done-at-boot")
            .with("id", restored.number())
            .with("kept", kept.number()),
        Finished::WentBack(id) => Event::new("restore-taken-back").with("id", id.number()),
    };
    events::record(places, &event);
}
