//! `posto update ...`.

mod bring;
mod check;
mod fetch;
mod status;
mod verify;
mod words;

use std::process::ExitCode;

use clap::Subcommand;

use super::hands;
use crate::places::Places;
use crate::texts::{Language, say};

/// New releases: what there is, bringing it, what stands in the other slot.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Ask the mirrors what there is for this box (some kilobytes)
    Check(check::Arguments),
    /// Bring the release that is for this box, and write it into the slot that is not running
    Fetch(fetch::Arguments),
    /// What is known, how far it is, what this month cost
    Status(status::Arguments),
    /// Look at a stick or folder: what is on it, is it whole, would this box take it
    Verify(verify::Arguments),
}

/// Who asks, brings or looks must be root, on an image that knows its publisher.
fn must_take_updates(places: &Places, language: Language) -> anyhow::Result<()> {
    hands::must_be_root(language)?;
    if places.trusted_root().exists() {
        return Ok(());
    }
    anyhow::bail!(say(language, "update-no-root", &[]))
}

/// Runs the command.
///
/// # Errors
/// As the verb's own.
pub(super) fn run(verb: &Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Check(arguments) => check::run(arguments),
        Verb::Fetch(arguments) => fetch::run(arguments),
        Verb::Status(arguments) => status::run(arguments),
        Verb::Verify(arguments) => verify::run(arguments),
    }
}
