//! `posto update status`.

use std::process::ExitCode;

use super::{bring, words};
use crate::cli::hands;
use crate::facility;
use crate::places::Places;
use crate::release;
use crate::texts::say;
use crate::update::fill::Staging;
use crate::update::said::{Said, Step};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exit code 0: all is well; 1: the last try brought nothing.
///
/// # Errors
/// When nobody can tell what is running.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    let running = release::running(&places)?;
    let (facility, _) = facility::in_force(&places);
    let said = if bring::is_working() {
        Said::read(&places.update_live())
    } else {
        Said::last(&places.update_live(), &places.update_worker())
    };
    let staging = Staging::read(&places);
    let takes_updates = places.trusted_root().exists();
    if arguments.json {
        let value = serde_json::json!({
            "running": running.release,
            "slot": running.slot.map(|slot| slot.letter()),
            "takes_updates": takes_updates,
            "updates": facility.updates,
            "channel": facility.releases.channel,
            "mirrors": facility.releases.mirrors,
            "worker": said,
            "staging": staging,
        });
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        let values = [
            ("release", running.release.as_str().into()),
            ("updates", facility.updates.to_string().into()),
            ("channel", facility.releases.channel.as_str().into()),
        ];
        println!("{}", say(language, "update-running", &values));
        if !takes_updates {
            println!("{}", say(language, "update-no-root", &[]));
        }
        words::print(language, &said, false)?;
        if !staging.release.is_empty() {
            let [trouble, reason] = words::reason(staging.trouble, staging.error.as_deref());
            let values = [
                ("release", staging.release.as_str().into()),
                trouble,
                reason,
            ];
            let id = match (staging.staged, staging.error.is_some()) {
                (true, _) => "update-done",
                (false, true) => "update-not-done",
                (false, false) => "update-staging-now",
            };
            println!("{}", say(language, id, &values));
        }
    }
    Ok(match said.step {
        Step::Failed => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}
