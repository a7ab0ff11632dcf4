//! `posto snapshot verify ID`: proves one snapshot now, in sight.

mod progress;
mod words;

use std::process::ExitCode;

use crate::cli::proving;
use crate::facility;
use crate::places::Places;
use crate::snapshot::id::{Id, NotAnId};
use crate::snapshot::proof::{Depth, Proof};
use crate::snapshot::prove::{Outcome, ProveError};
use crate::snapshot::shelf;
use crate::texts::Language;

const EXIT_CODES: &str = "Exit codes:
  0    it is good
  1    it could not be proven (no room, no memory, no such snapshot, another proof under way); no verdict
  2    wrong arguments
  3    it is damaged; the server's log is kept beside it
  130  stopped on request; no verdict";

/// Arguments of `posto snapshot verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The snapshot's number
    #[arg(value_parser = id)]
    id: Id,
    /// Also check every page and every table and count the clinical tables' rows: minutes to hours
    #[arg(long)]
    full: bool,
    /// Print the proof as JSON
    #[arg(long)]
    json: bool,
}

fn id(text: &str) -> Result<Id, NotAnId> {
    text.parse()
}

/// Runs the command.
///
/// # Errors
/// Only when this process cannot do anything at all; the proof's own errors are printed here.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = facility::in_force(&places).0.language;
    let result = crate::cli::wait_for(prove(arguments, &places, language))?;
    Ok(told(arguments, language, result))
}

async fn prove(
    arguments: &Arguments,
    places: &Places,
    language: Language,
) -> Result<Proof, ProveError> {
    let all = shelf::list(places)?;
    let snapshot = all
        .iter()
        .find(|found| found.manifest.id == arguments.id)
        .ok_or(ProveError::Unknown(arguments.id))?;
    let depth = if arguments.full {
        Depth::Full
    } else {
        Depth::Quick
    };
    let setting = proving::setting(places, &all, None);
    let mut bar = progress::Bar::new(language);
    let mut show = |watch: &_| bar.show(watch);
    match proving::prove(snapshot, depth, &all, &setting, &mut show).await? {
        Outcome::Proved(proof) => Ok(proof),
        // Without a time limit there is nothing to go on with later.
        Outcome::Continues { .. } => Err(ProveError::Interrupted),
    }
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command's output"
)]
fn told(arguments: &Arguments, language: Language, result: Result<Proof, ProveError>) -> ExitCode {
    match result {
        Ok(proof) => {
            if arguments.json {
                println!(
                    "{}",
                    serde_json::to_string_pretty(&proof).unwrap_or_default()
                );
            } else {
                println!("{}", words::verdict(language, &proof));
            }
            if proof.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(3)
            }
        }
        Err(error) => {
            let code: u8 = match error {
                ProveError::Interrupted => 130,
                _ => 1,
            };
            if arguments.json {
                println!(
                    "{}",
                    serde_json::json!({"error": error.to_string(), "code": code})
                );
            }
            eprintln!("posto: {}", words::error(language, &error));
            ExitCode::from(code)
        }
    }
}
