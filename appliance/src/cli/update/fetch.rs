//! `posto update fetch [--stick]`.

use std::process::ExitCode;

use super::{bring, words};
use crate::cli::hands;
use crate::cli::snapshot::carrying::Bar;
use crate::places::Places;
use crate::texts::{Language, say};
use crate::update::fill::{self, Staging};
use crate::update::order::Work;
use crate::update::said::{Found, Said, Step};
use crate::update::stick;
use crate::update::units::{STAGE, STICK, WORK};

const AFTER: &str = "What came stays: a link that dies, a power cut or Ctrl-C cost nothing, the next try (also the box's own) goes on from there.
With --stick a release comes from a stick labelled POSTOUPDATE ('posto-sign stage --to' makes it), also the rest of one that a
download has begun. The clinic goes on working; the running release is not touched.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(in crate::cli) struct Arguments {
    /// From a stick instead of the link
    #[arg(long)]
    stick: bool,
    /// Say what would come and what it costs, and bring nothing
    #[arg(long)]
    dry_run: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When it is not root, this image takes no updates, or no release stands in the other slot afterwards; what came is kept.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    super::must_take_updates(&places, language)?;
    let (_, mut order) = fill::order(&places)?;
    if arguments.stick {
        stick::find(&places).map_err(|_| anyhow::anyhow!(say(language, "update-no-stick", &[])))?;
    }
    order.by_hand = true;
    order.work = if arguments.dry_run {
        Work::Check
    } else {
        Work::Fetch
    };
    order.write(&places)?;
    let mut bar = Bar::new(language);
    let unit = if arguments.stick && !arguments.dry_run {
        STICK
    } else {
        WORK
    };
    let came = bring::to_its_end(unit, &mut bar, "update-fetching", || {
        let said = Said::read(&places.update_live());
        Some((said.have_bytes, said.all_bytes))
    })?;
    let said = Said::last(&places.update_live(), &places.update_worker());
    if arguments.dry_run || !came || said.fetched().is_none() {
        words::print(language, &said, arguments.json)?;
        let good = said.step != Step::Failed && (came || arguments.dry_run);
        let nothing_to_do = matches!(said.found, Found::UpToDate | Found::Waits { .. });
        return Ok(code(good && (arguments.dry_run || nothing_to_do)));
    }
    let staged = bring::to_its_end(STAGE, &mut bar, "update-staging", || {
        let staging = Staging::read(&places);
        Some((staging.done, staging.all))
    })?;
    let staging = Staging::read(&places);
    print_staged(language, &staging, arguments.json)?;
    Ok(code(staged && staging.staged))
}

fn code(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn print_staged(language: Language, staging: &Staging, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(staging)?);
        return Ok(());
    }
    let [trouble, reason] = words::reason(staging.trouble, staging.error.as_deref());
    let id = if staging.staged {
        "update-done"
    } else {
        "update-not-done"
    };
    let values = [
        ("release", staging.release.as_str().into()),
        trouble,
        reason,
    ];
    println!("{}", say(language, id, &values));
    Ok(())
}
