//! `posto snapshot take`, and the same by posto-snapshot.service.

use std::io::IsTerminal;
use std::process::ExitCode;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::cli::{hands, wait_for};
use crate::facility;
use crate::places::Places;
use crate::snapshot::manifest::{Manifest, Method, Reason};
use crate::snapshot::shelf::ShelfError;
use crate::snapshot::take::systemd::DatabaseUnit;
use crate::snapshot::take::{self, Progress, TakeError};
use crate::system::log::log;
use crate::system::reflink::space_of_tree;
use crate::texts::{Language, Value, say};

/// Longer than any reason that somebody types.
const REASON_LIMIT: usize = 200;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Why, in your words; 'posto snapshot list' shows it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When it is not root, or no snapshot could be taken: nothing half-made is left.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    let text = plain(&arguments.reason);
    let bar = Bar::new(language);
    let taken = take_one(&places, Reason::ByHand { text }, &mut |progress| {
        bar.show(progress);
    });
    bar.clear();
    let manifest = match taken {
        Err(error) => return Err(in_words(language, error)),
        Ok(manifest) => manifest,
    };
    print_taken(&places, language, &manifest, arguments.json);
    Ok(ExitCode::SUCCESS)
}

/// `posto unit snapshot-take`.
///
/// # Errors
/// When no snapshot could be taken.
pub(in crate::cli) fn scheduled(places: &Places) -> anyhow::Result<ExitCode> {
    let manifest = take_one(places, Reason::Scheduled, &mut |_| {})?;
    log(&format!(
        "snapshot {} taken; commits were held {} ms",
        manifest.id,
        manifest.held_us / 1000
    ));
    Ok(ExitCode::SUCCESS)
}

fn take_one(
    places: &Places,
    reason: Reason,
    say: &mut dyn FnMut(Progress),
) -> anyhow::Result<Manifest> {
    let (facility, _) = facility::in_force(places);
    let request = take::request_of_this_box(places, &facility.id, reason)?;
    Ok(wait_for(take::take(places, &request, &DatabaseUnit, say))??)
}

/// What is said in English to the log, in the technician's language. What only a programmer can help with stays as it is.
fn in_words(language: Language, error: anyhow::Error) -> anyhow::Error {
    let Some((id, values)) = error.downcast_ref().and_then(refusal) else {
        return error;
    };
    anyhow::anyhow!(say(language, id, &values))
}

type Words = (&'static str, Vec<(&'static str, Value)>);

fn refusal(error: &TakeError) -> Option<Words> {
    Some(match error {
        TakeError::Room { needed_mb, free_mb } => (
            "take-no-room",
            vec![("needed", (*needed_mb).into()), ("free", (*free_mb).into())],
        ),
        TakeError::Shelf(ShelfError::Busy) => ("take-busy", vec![]),
        TakeError::Blocked(_) => ("take-blocked", vec![]),
        TakeError::Overrun { .. } | TakeError::OtherLog => ("take-overrun", vec![]),
        TakeError::HeldTooLong(_) => ("take-slow-disk", vec![]),
        TakeError::NotRunning => ("take-not-running", vec![]),
        TakeError::FrozenTooShort(_) | TakeError::Freeze(_) => ("take-silent", vec![]),
        _ => return None,
    })
}

/// One line without control characters: it is shown on terminals.
fn plain(reason: &str) -> String {
    let printable = reason.chars().filter(|one| !one.is_control());
    printable.take(REASON_LIMIT).collect()
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn print_taken(places: &Places, language: Language, manifest: &Manifest, json: bool) {
    let directory = places.snapshots().join(manifest.id.directory());
    // Already others may share less of it; and nobody loses a snapshot because its size could not be told.
    let space = space_of_tree(&directory).unwrap_or_default();
    if json {
        println!(
            "{}",
            serde_json::json!({
                "snapshot": manifest,
                "directory": directory,
                "exclusive_bytes": space.exclusive_bytes,
                "extents": space.extents,
            })
        );
        return;
    }
    let id = manifest.id.to_string();
    let apparent = HumanBytes(manifest.apparent_bytes).to_string();
    let exclusive = HumanBytes(space.exclusive_bytes).to_string();
    let held = manifest.held_us.div_ceil(1000);
    let text = match manifest.method {
        Method::Freeze => "take-done-frozen",
        Method::HotClone | Method::Stopped => "take-done",
    };
    println!(
        "{}",
        self::say(
            language,
            text,
            &[
                ("id", id.into()),
                ("apparent", apparent.into()),
                ("exclusive", exclusive.into()),
                ("held", held.into()),
            ],
        )
    );
}

/// On a terminal only.
struct Bar {
    language: Language,
    bar: ProgressBar,
}

impl Bar {
    fn new(language: Language) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(1)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes}")
        {
            bar.set_style(style);
        }
        Self { language, bar }
    }

    fn show(&self, progress: Progress) {
        self.bar
            .set_message(say(self.language, words(progress), &[]));
        if let Progress::Pages { done, all } = progress {
            self.bar.set_length(all.max(1));
            self.bar.set_position(done);
        }
        self.bar.tick();
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn words(progress: Progress) -> &'static str {
    match progress {
        Progress::Waiting => "take-waiting",
        Progress::Pages { .. } => "take-pages",
        Progress::Redo => "take-redo",
        Progress::Cut => "take-cut",
        Progress::Frozen => "take-frozen",
        Progress::Files => "take-files",
        Progress::Flushing => "take-flushing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_said_in_the_technicians_language() {
        let error = TakeError::Room {
            needed_mb: 1280,
            free_mb: 3,
        };
        let said = in_words(Language::Pt, error.into()).to_string();
        assert!(said.contains("1280") && said.contains("livres"), "{said}");
        let other = in_words(Language::Pt, anyhow::anyhow!("as it is"));
        assert_eq!(other.to_string(), "as it is");
    }

    #[test]
    fn a_reason_is_one_printable_line() {
        assert_eq!(plain("before\nthe \u{1b}[31mvisit"), "beforethe [31mvisit");
        assert_eq!(plain(&"x".repeat(1000)).len(), REASON_LIMIT);
    }
}
