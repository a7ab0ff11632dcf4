//! The command line. One file a command: parse, call, print.

mod admin_password;
mod console;
pub mod import;
mod status;
mod unit;

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
    /// How the box is (exit code 0: good, 1: the clinic cannot work, 2: an alarm stands)
    Status(status::Arguments),
    /// Show or renew the password of OpenMRS's admin
    AdminPassword {
        #[command(subcommand)]
        verb: admin_password::Verb,
    },
    /// Show the box's screen
    Console,
    /// Watch over the box (posto.service)
    #[command(hide = true)]
    Daemon,
    /// The work of the box's own units
    #[command(hide = true)]
    Unit {
        #[command(subcommand)]
        verb: unit::Verb,
    },
}

/// Parses the process's arguments, runs the command and gives its exit code:
/// 0 done, 1 failed (nothing half-done counts), 2 wrong arguments.
#[must_use]
pub fn main() -> ExitCode {
    let mut words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if words
        .first()
        .is_some_and(|program| unit::is_generator(program.as_ref()))
    {
        words.splice(..1, ["posto", "unit", "generator"].map(Into::into));
    }
    let arguments = Arguments::parse_from(words);
    let done = match arguments.command {
        Command::Import(arguments) => import::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::AdminPassword { verb } => admin_password::run(&verb),
        Command::Console => console::run(),
        Command::Daemon => daemon(),
        Command::Unit { verb } => unit::run(&verb),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn daemon() -> anyhow::Result<ExitCode> {
    wait_for(crate::daemon::run(crate::places::Places::default()))??;
    Ok(ExitCode::SUCCESS)
}

/// Prints an error with its causes, one line each.
#[allow(
    clippy::print_stderr,
    reason = "the command line's one place for errors"
)]
fn complain(error: &anyhow::Error) {
    let mut said = error.to_string();
    eprintln!("posto: {said}");
    for cause in error.chain().skip(1) {
        // Our own errors say their cause in their own sentence.
        let cause = cause.to_string();
        if !said.contains(&cause) {
            eprintln!("  because: {cause}");
            said = cause;
        }
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
