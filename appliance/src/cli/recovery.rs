//! `posto recovery show|noted|renew`: the code that opens this facility's copies when the box has burned. For root, who has all
//! that anyway.

use std::process::ExitCode;

use clap::Subcommand;

use super::hands;
use crate::events::{self, Event};
use crate::facility;
use crate::places::Places;
use crate::recovery;
use crate::technician;
use crate::texts::say;

/// What to do with the code.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the code, as long as nobody has said that it is noted
    Show,
    /// The code is written down and kept away from the box: forget it here
    Noted {
        /// The technician's code, too (the screen shows both)
        #[arg(long)]
        all: bool,
    },
    /// Make a new key and a new code for copies from now on; older copies open with their own code
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
        Verb::Show => match recovery::to_note(&places)? {
            Some(code) => println!("{code}"),
            None => anyhow::bail!(say(language, "recovery-forgotten", &[])),
        },
        Verb::Noted { all } => {
            if *all && technician::noted(&places)? {
                events::record(&places, &Event::new("technician-code-noted"));
            }
            if recovery::noted(&places)? {
                events::record(&places, &Event::new("recovery-code-noted"));
            }
            println!("{}", say(language, "recovery-noted", &[]));
        }
        Verb::Renew => {
            let recipient = facility::in_force(&places).0.programme.age_recipient;
            let code = recovery::renew(&places, recipient.as_deref())?;
            events::record(&places, &Event::new("recovery-code-renewed"));
            println!("{code}");
            println!("{}", say(language, "recovery-renewed", &[]));
        }
    }
    Ok(ExitCode::SUCCESS)
}
