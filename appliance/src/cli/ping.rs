//! `posto unit ping`: brings the daemon's outbox to the hub and leaves what it heard. Runs without rights.

use anyhow::Context;

use crate::health::outbox::Outbox;
use crate::health::send::{self, Patience};
use crate::places::Places;

/// Brings it there.
///
/// # Errors
/// When there is no outbox, or tmpfs cannot be written; that nobody answered is no error.
pub(super) fn run(places: &Places) -> anyhow::Result<()> {
    let outbox = Outbox::read(places).context("there is nothing to be sent")?;
    let answers = send::carry(&outbox, Patience::default());
    Ok(answers.write(places)?)
}
