//! `posto power-off`, `posto restart-box`: an orderly end, by systemd: OpenMRS first, the database last.

use std::process::ExitCode;

use super::hands::{self, Answer};
use crate::events::{self, Event};
use crate::maintenance;
use crate::places::Places;
use crate::system::units::Units;
use crate::texts::say;

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Off.
    Off,
    /// Off and on again.
    Restart,
}

/// Arguments of both.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command; it comes back before the box is down.
///
/// # Errors
/// When it is not root, nobody can be asked, or systemd refuses.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(way: Way, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    if arguments.dry_run {
        let last = match way {
            Way::Off => "hand-step-power-off",
            Way::Restart => "hand-step-restart-box",
        };
        hands::print_plan(language, &["hand-step-end-all", last], false);
        return Ok(ExitCode::SUCCESS);
    }
    hands::must_be_root(language)?;
    if maintenance::under_way(&places).is_some() {
        println!("{}", say(language, "hand-power-maintenance", &[]));
    }
    let (question, event, done) = match way {
        Way::Off => ("hand-ask-power-off", "by-hand-power-off", "hand-going-off"),
        Way::Restart => (
            "hand-ask-restart-box",
            "by-hand-restart-box",
            "hand-restarting",
        ),
    };
    if !arguments.yes {
        match hands::ask(language, &say(language, question, &[]))? {
            Answer::Yes => {}
            Answer::No => {
                println!("{}", say(language, "hand-not-wanted", &[]));
                return Ok(ExitCode::FAILURE);
            }
            Answer::NobodyThere => anyhow::bail!(say(language, "hand-needs-yes", &[])),
        }
    }
    events::record(&places, &Event::new(event));
    super::wait_for(async {
        let units = Units::connect().await?;
        match way {
            Way::Off => units.power_off().await,
            Way::Restart => units.reboot().await,
        }
    })??;
    println!("{}", say(language, done, &[]));
    Ok(ExitCode::SUCCESS)
}
