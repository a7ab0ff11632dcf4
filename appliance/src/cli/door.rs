//! `posto door open|close`: the door by hand. Only shutting is a wish; opening takes it back, and the box opens when
//! OpenMRS answers.

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::by_hand::wait_for_door;
use super::hands;
use crate::events::{self, Event};
use crate::places::Places;
use crate::texts::say;
use crate::wishes::Wish;

/// The daemon looks every 5 s while all is well.
const LIMIT: Duration = Duration::from_secs(15);

/// What to do with the door.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Let the network reach OpenMRS again; the box opens as soon as OpenMRS answers
    Open(Arguments),
    /// Keep the network out until 'posto door open' or the next start of the box; OpenMRS goes on
    Close(Arguments),
}

/// Arguments of both.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When it is not root or tmpfs cannot be written.
pub(super) fn run(verb: &Verb) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    let (open, arguments) = match verb {
        Verb::Open(arguments) => (true, arguments),
        Verb::Close(arguments) => (false, arguments),
    };
    if arguments.dry_run {
        let step = if open {
            "hand-step-open"
        } else {
            "hand-step-close"
        };
        hands::print_plan(language, &[step], arguments.json);
        return Ok(ExitCode::SUCCESS);
    }
    hands::must_be_root(language)?;
    if open {
        Wish::DoorShut.take_back(&places)?;
        events::record(&places, &Event::new("door-opened-by-hand"));
    } else {
        Wish::DoorShut.make(&places)?;
        events::record(&places, &Event::new("door-shut-by-hand"));
    }
    let settled = super::wait_for(wait_for_door(&places, open, LIMIT))?;
    let (id, good) = match (open, settled) {
        (true, true) => ("door-end-open", true),
        (true, false) => ("door-end-later", true),
        (false, true) => ("door-end-shut", true),
        (false, false) => ("door-end-not-shut", false),
    };
    hands::print_end(language, &say(language, id, &[]), good, arguments.json);
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
