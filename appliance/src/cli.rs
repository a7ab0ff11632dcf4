//! The command line. One file a command: parse, call, print.

pub mod import;

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Looks after a health facility's OpenMRS server.
#[derive(Debug, Parser)]
#[command(name = "posto", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import a MySQL or MariaDB dump in place of the present database
    Import(import::Arguments),
}

/// Parses the process's arguments, runs the command and gives its exit code:
/// 0 done, 1 failed (nothing half-done counts), 2 wrong arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Import(arguments) => import::run(&arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error with its causes, one line each.
#[allow(
    clippy::print_stderr,
    reason = "the command line's one place for errors"
)]
fn complain(error: &anyhow::Error) {
    eprintln!("posto: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}

/// Runs one asynchronous call (D-Bus, SQL) from a command that is otherwise synchronous, on this thread.
///
/// # Errors
/// When the event loop cannot be made (out of file descriptors).
pub fn wait_for<F: Future>(future: F) -> std::io::Result<F::Output> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future))
}
