//! `posto update check`.

use std::process::ExitCode;

use super::{bring, words};
use crate::cli::hands;
use crate::cli::snapshot::carrying::Bar;
use crate::places::Places;
use crate::update::fill;
use crate::update::said::{Said, Step};
use crate::update::units::WORK;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When it is not root, or this image takes no updates.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    super::must_take_updates(&places, language)?;
    let (_, order) = fill::order(&places)?;
    order.write(&places)?;
    bring::to_its_end(WORK, &mut Bar::new(language), "update-asking", || None)?;
    let said = Said::read(&places.update_worker());
    words::print(language, &said, arguments.json)?;
    Ok(match said.step {
        Step::Failed => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}
