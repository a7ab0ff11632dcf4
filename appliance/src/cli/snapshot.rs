//! `posto snapshot ...`.

pub(super) mod carrying;
pub(super) mod export;
mod import;
mod list;
mod show;
pub(super) mod take;
mod verify;
pub(super) mod words;

use std::process::ExitCode;

use clap::Subcommand;

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// All of them, the oldest first
    List(list::Arguments),
    /// One of them, with its proofs
    Show(show::Arguments),
    /// Take one now, while the clinic works
    Take(take::Arguments),
    /// Prove one now: a server is started on a clone of it
    Verify(verify::Arguments),
    /// Copy one to another disk or a stick, encrypted and signed
    Export(export::Arguments),
    /// Bring in what 'export' wrote, here or on another box
    Import(import::Arguments),
}

/// Runs the command.
///
/// # Errors
/// As the verb's own.
pub(super) fn run(verb: &Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::List(arguments) => list::run(arguments),
        Verb::Show(arguments) => show::run(arguments),
        Verb::Take(arguments) => take::run(arguments),
        Verb::Verify(arguments) => verify::run(arguments),
        Verb::Export(arguments) => export::run(arguments),
        Verb::Import(arguments) => import::run(arguments),
    }
}
