//! `posto import FILE|-`: a dump in place of the present database.

use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `posto import`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The dump (.sql, .gz, .zst, .xz), or - for standard input
    pub file: PathBuf,
    /// Check the dump and say what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// The import's own error.
pub fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("import is not built yet; nothing was changed")
}
