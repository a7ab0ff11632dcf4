//! `posto unit snapshot-copy`: the newest proven snapshot to the disk for copies.

use crate::events::{self, Event};
use crate::places::Places;
use crate::snapshot::copies::{self, CopiesError};
use crate::system::clock;
use crate::system::log::log;

/// Copies.
///
/// # Errors
/// [`CopiesError`], told as an event; a disk that is not attached is none: it may be in the technician's bag.
pub(super) fn run(places: &Places) -> anyhow::Result<()> {
    let clocks = (clock::unix_seconds(), clock::since_boot());
    match copies::run(places, clocks, &mut |_| {}) {
        Ok(done) => {
            let (kept, pieces) = (done.kept, done.pieces);
            log(&format!(
                "{}: {pieces} pieces, {kept} of an earlier attempt",
                done.name
            ));
            if !done.left_out.is_nothing() {
                let (count, names) = (done.left_out.count, done.left_out.told());
                log(&format!("{}: {count} left out: {names}", done.name));
            }
            Ok(())
        }
        Err(error @ (CopiesError::NotAttached(_) | CopiesError::NotWanted)) => {
            log(&error.to_string());
            Ok(())
        }
        Err(error) => {
            let event = Event::new("copy-failed").with("reason", error.to_string());
            events::record(places, &event);
            Err(error.into())
        }
    }
}
