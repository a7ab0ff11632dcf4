//! `posto restore ID` and `posto restore --undo`: a snapshot in place of the present state.

mod words;

use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

use super::hands::{self, Answer};
use crate::database::import::exchange::openmrs_owner;
use crate::facility;
use crate::maintenance::Stop;
use crate::places::Places;
use crate::services::Systemd;
use crate::snapshot::id::Id;
use crate::snapshot::restore::error::RestoreError;
use crate::snapshot::restore::plan::{self, Observation, Part, RestorePlan, Wanted};
use crate::snapshot::restore::run::{self, Choice, Phase, Restored, Setting};
use crate::snapshot::shelf::Snapshot;
use crate::system::clock;
use crate::system::durable::{self, Owner};
use crate::texts::{Language, say};

pub(super) use words::row as row_words;

const EXIT_CODES: &str = "Exit codes:
  0    done (or, with --dry-run, could be done)
  1    a disk, systemd or a program failed
  2    wrong arguments, or a question not answered with yes
  3    refused: damaged, not proven, of a later release, of another MariaDB, no room, or no such snapshot
  4    it did not come up as it should; the state before is in place again
  8    another maintenance or a snapshot is under way
  9    it is in place, but something after that failed
  130  stopped on request
With every code but 0 and 9 the present state is as it was.";

/// Arguments of `posto restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The snapshot's number ('posto snapshot list')
    #[arg(required_unless_present = "undo", conflicts_with = "undo")]
    id: Option<Id>,
    /// Bring back the state before the last restore
    #[arg(long, conflicts_with = "only")]
    undo: bool,
    /// Say what would be done; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print the plan or the result as JSON
    #[arg(long)]
    json: bool,
    /// Only this part of the snapshot
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Also a snapshot that nobody has proven
    #[arg(long)]
    accept_unproven: bool,
    /// Leave the outcome for the box's screen
    #[arg(long, hide = true)]
    for_screen: bool,
}

/// Runs the command.
///
/// # Errors
/// Only when this process cannot do anything at all; the restore's own errors are printed here.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    let setting = Setting {
        unix_s: clock::unix_seconds(),
        since_boot: clock::since_boot(),
        openmrs_user: openmrs_owner(),
        places,
    };
    let wanted = Wanted {
        only: arguments.only,
        accept_unproven: arguments.accept_unproven,
    };
    let choice = arguments.id.map_or(Choice::Undo, Choice::Snapshot);
    let looked = super::wait_for(run::look(choice, &setting))?;
    let planned = looked.and_then(|(snapshot, seen)| {
        let plan = plan::plan(&seen, wanted)?;
        Ok((snapshot, seen, plan))
    });
    let (snapshot, seen, plan) = match planned {
        Ok(planned) => planned,
        Err(error) => return Ok(failed(arguments, &setting.places, language, &error)),
    };
    if arguments.dry_run {
        show_plan(arguments, &setting.places, language, &plan);
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes && !agreed(arguments, &setting.places, language, &plan)? {
        return Ok(ExitCode::from(2));
    }
    let done = super::wait_for(work(&snapshot, &seen, wanted, &setting, language))?;
    Ok(match done {
        Ok(done) => succeeded(arguments, &setting.places, language, &done),
        Err(error) => failed(arguments, &setting.places, language, &error),
    })
}

async fn work(
    snapshot: &Snapshot,
    seen: &Observation,
    wanted: Wanted,
    setting: &Setting,
    language: Language,
) -> Result<Restored, RestoreError> {
    let stop = Stop::default();
    let failed = |error: std::io::Error| RestoreError::Task(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let services = Systemd::connect(&setting.places)
        .await
        .map_err(crate::services::ServicesError::from)?;
    let bar = bar();
    let mut show = |phase: Phase| {
        bar.set_position(u64::from(phase.percent()));
        let words = say(language, words::step(phase), &[]);
        if bar.is_hidden() {
            line(&words);
        } else {
            bar.set_message(words);
        }
    };
    let restore = run::restore(snapshot, seen, wanted, setting, &services, &stop, &mut show);
    let mut restore = std::pin::pin!(restore);
    let done = loop {
        tokio::select! {
            done = &mut restore => break done,
            _ = interrupt.recv() => stop.ask(),
            _ = terminate.recv() => stop.ask(),
        }
    };
    bar.finish_and_clear();
    done
}

/// Hidden where standard error is no terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(100);
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {percent:>3} % {msg} {elapsed}") {
        // A text console has no blocks of eighths.
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

#[allow(clippy::print_stderr, reason = "progress where there is no terminal")]
fn line(words: &str) {
    eprintln!("{words}");
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn show_plan(arguments: &Arguments, places: &Places, language: Language, plan: &RestorePlan) {
    if arguments.json {
        println!("{}", serde_json::json!({ "plan": plan }));
        return;
    }
    let zone = facility::in_force(places).0.time_zone;
    println!("{}", words::plan(language, &zone, plan));
    if !arguments.for_screen {
        println!("{}", say(language, "restore-dry", &[]));
    }
}

#[allow(clippy::print_stderr, reason = "the command's question")]
fn agreed(
    arguments: &Arguments,
    places: &Places,
    language: Language,
    plan: &RestorePlan,
) -> std::io::Result<bool> {
    let zone = facility::in_force(places).0.time_zone;
    if !arguments.json {
        eprintln!("{}", words::plan(language, &zone, plan));
    }
    let answer = hands::ask(language, &say(language, "restore-ask", &[]))?;
    match answer {
        Answer::Yes => {}
        Answer::No => eprintln!("{}", say(language, "hand-not-wanted", &[])),
        Answer::NobodyThere => eprintln!("posto: {}", say(language, "restore-needs-yes", &[])),
    }
    Ok(answer == Answer::Yes)
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn succeeded(
    arguments: &Arguments,
    places: &Places,
    language: Language,
    done: &Restored,
) -> ExitCode {
    if arguments.json {
        println!("{}", serde_json::json!({ "done": done }));
    } else {
        println!("{}", words::done(language, done));
    }
    leave_for_screen(arguments, places, |language| words::done(language, done));
    ExitCode::SUCCESS
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command's output"
)]
fn failed(
    arguments: &Arguments,
    places: &Places,
    language: Language,
    error: &RestoreError,
) -> ExitCode {
    let code = error.exit_code();
    if arguments.json {
        let unchanged = !matches!(error, RestoreError::AfterExchange(_));
        let said =
            serde_json::json!({"error": error.to_string(), "code": code, "unchanged": unchanged});
        println!("{said}");
    }
    eprintln!("posto: {}", words::error(language, error));
    leave_for_screen(arguments, places, |language| words::error(language, error));
    ExitCode::from(code)
}

/// The screen started this as a unit of its own and reads here what came of it.
fn leave_for_screen(arguments: &Arguments, places: &Places, words: impl Fn(Language) -> String) {
    if !arguments.for_screen {
        return;
    }
    let said = serde_json::json!({ "pt": words(Language::Pt), "en": words(Language::En) });
    // Best effort: without it the screen says that it does not know, and the events tell.
    let _ = durable::write(
        &places.restore_said(),
        said.to_string().as_bytes(),
        Owner::mode(0o600),
    );
}
