//! The command line. One file a command: parse, call, print.

mod admin_password;
mod box_key;
mod by_hand;
mod console;
mod door;
pub mod events;
mod hands;
mod hub;
pub mod import;
mod logs;
mod manual;
mod ping;
mod power;
mod proving;
mod recovery;
mod restore;
mod screen;
mod session;
mod snapshot;
mod status;
mod support_bundle;
mod technician;
mod unit;
mod update;

use std::future::Future;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Looks after a health facility's OpenMRS server.
///
/// The box looks after itself; these commands are for hands at it. 'posto help COMMAND' says more about each. Words are in the
/// facility's language; POSTO_LANGUAGE=pt or en takes the other.
#[derive(Debug, Parser)]
#[command(name = "posto", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import a MySQL or MariaDB dump in place of the present database
    Import(import::Arguments),
    /// Put a snapshot in place of the present state, which is kept as a snapshot
    Restore(restore::Arguments),
    /// Snapshots of the database and OpenMRS's files
    Snapshot {
        #[command(subcommand)]
        verb: snapshot::Verb,
    },
    /// New releases: what there is, bringing it, what stands in the other slot
    Update {
        #[command(subcommand)]
        verb: update::Verb,
    },
    /// How the box is (exit code 0: good, 1: the clinic cannot work, 2: an alarm stands)
    Status(status::Arguments),
    /// One file for whoever helps from a distance: figures for anybody, logs for the programme's key alone
    SupportBundle(support_bundle::Arguments),
    /// Restart OpenMRS and wait until it answers; the database goes on
    Restart(by_hand::Arguments),
    /// Stop OpenMRS until 'posto start openmrs' or the next start of the box; the door is shut first
    Stop(by_hand::Arguments),
    /// Start OpenMRS after 'posto stop' and wait until it answers
    Start(by_hand::Arguments),
    /// The door between the network and OpenMRS
    Door {
        #[command(subcommand)]
        verb: door::Verb,
    },
    /// Read the journal of OpenMRS, the database, posto or the door
    Logs(logs::Arguments),
    /// The code that opens SQL, logs and a shell at the screen
    Technician {
        #[command(subcommand)]
        verb: technician::Verb,
    },
    /// The code that opens this facility's copies when the box has burned
    Recovery {
        #[command(subcommand)]
        verb: recovery::Verb,
    },
    /// The public half of the box's own key, which signs its copies
    BoxKey(box_key::Arguments),
    /// What happened, in words
    Events(events::Arguments),
    /// Show or renew the password of OpenMRS's admin
    AdminPassword {
        #[command(subcommand)]
        verb: admin_password::Verb,
    },
    /// Restart the whole box, in order
    RestartBox(power::Arguments),
    /// Switch the whole box off, in order
    PowerOff(power::Arguments),
    /// Show the box's screen and its menu
    Console,
    /// The province's receiver of pings: pages, figures, approvals (not for a clinic's box)
    Hub(hub::Arguments),
    /// Print completions for a shell
    Completions {
        /// For which
        shell: manual::Shell,
    },
    /// Leave manual pages in a folder
    #[command(hide = true)]
    Man {
        /// Where
        folder: std::path::PathBuf,
    },
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
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Snapshot { verb } => snapshot::run(&verb),
        Command::Update { verb } => update::run(&verb),
        Command::Status(arguments) => status::run(&arguments),
        Command::SupportBundle(arguments) => support_bundle::run(&arguments),
        Command::Restart(arguments) => by_hand::run(by_hand::Act::Restart, &arguments),
        Command::Stop(arguments) => by_hand::run(by_hand::Act::Stop, &arguments),
        Command::Start(arguments) => by_hand::run(by_hand::Act::Start, &arguments),
        Command::Door { verb } => door::run(&verb),
        Command::Logs(arguments) => logs::run(&arguments),
        Command::Technician { verb } => technician::run(&verb),
        Command::Recovery { verb } => recovery::run(&verb),
        Command::BoxKey(arguments) => box_key::run(&arguments),
        Command::RestartBox(arguments) => power::run(power::Way::Restart, &arguments),
        Command::PowerOff(arguments) => power::run(power::Way::Off, &arguments),
        Command::Completions { shell } => manual::completions(shell, &mut Arguments::command()),
        Command::Man { folder } => manual::pages(&folder, Arguments::command()),
        Command::Events(arguments) => events::run(&arguments),
        Command::AdminPassword { verb } => admin_password::run(&verb),
        Command::Console => console::run(),
        Command::Hub(arguments) => hub::run(&arguments),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_its_hidden_parts_stay_out_of_help() {
        let mut command = Arguments::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        assert!(
            help.contains("restart-box") && help.contains("completions"),
            "{help}"
        );
        for hidden in ["daemon", "unit", "man "] {
            let shown = help
                .lines()
                .any(|line| line.trim_start().starts_with(hidden));
            assert!(!shown, "{hidden} in {help}");
        }
    }

    #[test]
    fn manual_pages_hold_no_date_and_one_is_there_a_command() {
        let dir = tempfile::tempdir().unwrap();
        manual::pages(dir.path(), Arguments::command()).unwrap();
        for name in ["posto.1", "posto-restart.1", "posto-door-close.1"] {
            let text = std::fs::read_to_string(dir.path().join(name)).unwrap();
            let title = text.lines().find(|line| line.starts_with(".TH")).unwrap();
            assert!(!title.contains("20"), "{title}");
        }
        assert!(!dir.path().join("posto-daemon.1").exists());
    }
}
