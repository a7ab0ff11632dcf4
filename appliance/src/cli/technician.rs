//! `posto technician show|noted|renew`: the code that opens SQL, logs and a shell at the screen. For root, who has all
//! that anyway.

use std::process::ExitCode;

use clap::Subcommand;

use super::hands;
use crate::events::{self, Event};
use crate::facility;
use crate::places::Places;
use crate::technician;
use crate::texts::say;

/// What to do with the code.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the code, as long as nobody has said that it is noted
    Show,
    /// The code is written down: forget it on the box, but for its hash
    Noted,
    /// Make a new code; the old one opens nothing any more
    Renew,
}

/// Runs the command.
///
/// # Errors
/// When it is not root or a file cannot be written.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(verb: &Verb) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    match verb {
        Verb::Show => match technician::to_note(&places)? {
            Some(code) => println!("{code}"),
            None => anyhow::bail!(say(language, "technician-forgotten", &[])),
        },
        Verb::Noted => {
            if technician::noted(&places)? {
                events::record(&places, &Event::new("technician-code-noted"));
            }
            println!("{}", say(language, "technician-noted", &[]));
        }
        Verb::Renew => {
            let recipient = facility::in_force(&places).0.programme.age_recipient;
            let code = technician::renew(&places, recipient.as_deref())?;
            events::record(&places, &Event::new("technician-code-renewed"));
            println!("{code}");
            if recipient.is_none() {
                println!("{}", say(language, "technician-no-programme", &[]));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
