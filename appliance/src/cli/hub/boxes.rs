//! `posto hub boxes|approve|refuse`: beside the running hub or without one.

use clap::Args;

use super::Data;
use crate::box_key::Fingerprint;
use crate::hub::store::Store;
use crate::system::clock;

/// All boxes.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Those that wait for an officer
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    place: Data,
}

/// One box.
#[derive(Debug, Args)]
pub(super) struct Decide {
    /// As the box's screen and 'posto box-key' show it
    fingerprint: Fingerprint,
    #[command(flatten)]
    place: Data,
}

/// Prints them, a line each: fingerprint, standing, facility, release, first hello.
///
/// # Errors
/// [`crate::hub::store::StoreError`].
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn list(list: &List) -> anyhow::Result<()> {
    for known in Store::open(&list.place.directory)?.boxes()? {
        if list.pending && !known.is_pending() {
            continue;
        }
        let wants = known.wants.as_ref().map(|wants| format!(" -> {wants}"));
        println!(
            "{}\t{}\t{}{}\t{}\t{}",
            known.fingerprint(),
            known.standing.code(),
            known.facility,
            wants.unwrap_or_default(),
            known.release,
            clock::date_and_time(known.first_s)
        );
    }
    Ok(())
}

/// Decides. A running hub notices within a second.
///
/// # Errors
/// [`crate::hub::store::StoreError`].
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn decide(decide: &Decide, approve: bool) -> anyhow::Result<()> {
    let mut store = Store::open(&decide.place.directory)?;
    let now_s = clock::unix_seconds();
    let known = store.decide(decide.fingerprint, approve, "root", now_s)?;
    println!(
        "{}\t{}\t{}",
        known.fingerprint(),
        known.standing.code(),
        known.facility
    );
    Ok(())
}
