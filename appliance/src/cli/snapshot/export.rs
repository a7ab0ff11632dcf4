//! `posto snapshot export ID --to DIRECTORY|-`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::carrying::Bar;
use super::words::bytes;
use crate::cli::hands;
use crate::events::{self, Event};
use crate::places::Places;
use crate::snapshot::export::{self, ExportError, Exported, Plan, Progress};
use crate::snapshot::id::{Id, NotAnId};
use crate::snapshot::left_out::LeftOut;
use crate::texts::{Language, Value, say};

const AFTER: &str = "The copy is encrypted to the facility's own recovery key, which goes along behind the recovery code, and to the
programme's key. Without Posto:  for p in *.age; do age -d -i KEY \"$p\"; done | zstd -d | tar x
A stick that was pulled is plugged in again and the command run again: what is whole of the copy stays.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(in crate::cli) struct Arguments {
    /// The snapshot's number
    #[arg(value_parser = id)]
    id: Id,
    /// A directory on another disk, or - for one tar file on standard output
    #[arg(long, value_name = "DIRECTORY|-")]
    to: PathBuf,
    /// Also a snapshot that nobody has proven, or that failed its proof
    #[arg(long)]
    accept_unproven: bool,
    /// Say what would be copied and whether there is room, and copy nothing
    #[arg(long)]
    dry_run: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

fn id(text: &str) -> Result<Id, NotAnId> {
    text.parse()
}

/// Runs the command.
///
/// # Errors
/// When it is not root, or the copy is not whole.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    let stream = arguments.to == Path::new("-");
    let told = |error: ExportError| anyhow::anyhow!(words(language, &error));
    let plan = export::plan(&places, arguments.id, arguments.accept_unproven).map_err(told)?;
    if !stream {
        not_on_the_data_disk(&places, &arguments.to, language)?;
        plan.check_room(&arguments.to).map_err(told)?;
    }
    if arguments.dry_run {
        print_plan(language, &plan, arguments.json);
        return Ok(ExitCode::SUCCESS);
    }
    let mut bar = Bar::new(language);
    let mut show = |progress| show(&mut bar, &plan, progress);
    let done = if stream {
        let out = Box::new(std::io::stdout().lock());
        export::to_stream(&places, &plan, out, &mut show)
    } else {
        export::to_directory(&places, &plan, &arguments.to, &mut show)
    };
    bar.clear();
    let done = done.map_err(told)?;
    let event = Event::new("snapshot-exported")
        .with("snapshot", arguments.id.number())
        .with("mb", done.bytes / 1_000_000)
        .with("name", done.name.as_str());
    events::record(&places, &event);
    if let Some(lacks) = done.left_out.event(arguments.id) {
        events::record(&places, &lacks);
    }
    print_done(language, &plan, &done, stream, arguments.json);
    Ok(ExitCode::SUCCESS)
}

/// What dies with the disk is no copy, and could fill it.
fn not_on_the_data_disk(places: &Places, to: &Path, language: Language) -> anyhow::Result<()> {
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev());
    match (device(to), device(&places.data())) {
        (Ok(there), Ok(data)) if there != data && to.is_dir() => Ok(()),
        (Ok(there), Ok(data)) if there == data => {
            anyhow::bail!(say(language, "export-same-disk", &[]))
        }
        _ => {
            let path = to.display().to_string();
            anyhow::bail!(say(
                language,
                "export-no-directory",
                &[("path", path.into())]
            ))
        }
    }
}

fn show(bar: &mut Bar, plan: &Plan, progress: Progress) {
    match progress {
        Progress::Checking { pieces } => {
            bar.show("export-checking", (0, plan.content_bytes()), pieces);
        }
        Progress::Packing { done, all, pieces } => {
            bar.show("export-packing", (done, all), pieces + 1);
        }
    }
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn print_plan(language: Language, plan: &Plan, json: bool) {
    if json {
        let plan = serde_json::json!({
            "name": plan.name(),
            "files": plan.files(),
            "content_bytes": plan.content_bytes(),
            "estimate_bytes": plan.estimate_bytes,
            "recipients": plan.recipients(),
            "left_out": plan.left_out(),
        });
        println!("{plan}");
        return;
    }
    let values = [
        ("name", plan.name().into()),
        ("files", plan.files().into()),
        ("content", bytes(plan.content_bytes()).into()),
        ("estimate", bytes(plan.estimate_bytes).into()),
        ("recipients", plan.recipients().join(", ").into()),
    ];
    println!("{}", say(language, "export-plan", &values));
    if let Some(text) = lacks(language, plan.left_out()) {
        println!("{text}");
    }
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command's output"
)]
fn print_done(language: Language, plan: &Plan, done: &Exported, stream: bool, json: bool) {
    let count = |number: usize| Value::Number(u64::try_from(number).unwrap_or(u64::MAX));
    let text = if json {
        serde_json::json!({
            "name": done.name,
            "path": done.path,
            "bytes": done.bytes,
            "pieces": done.pieces,
            "kept": done.kept,
            "left_out": done.left_out,
            "was_there": done.was_there,
        })
        .to_string()
    } else {
        let id = if done.was_there {
            "export-was-there"
        } else {
            "export-done"
        };
        let values = [
            ("name", done.name.as_str().into()),
            ("content", bytes(plan.content_bytes()).into()),
            ("bytes", bytes(done.bytes).into()),
            ("pieces", count(done.pieces)),
            ("kept", count(done.kept)),
        ];
        let mut text = say(language, id, &values);
        if let Some(lacks) = lacks(language, &done.left_out) {
            text.push('\n');
            text.push_str(&lacks);
        }
        text
    };
    // Standard output is the copy itself.
    if stream {
        eprintln!("{text}");
    } else {
        println!("{text}");
    }
}

/// What a copy does not carry.
pub(super) fn lacks(language: Language, left_out: &LeftOut) -> Option<String> {
    let values = [
        ("count", left_out.count.into()),
        ("names", left_out.told().into()),
    ];
    (!left_out.is_nothing()).then(|| say(language, "export-left-out", &values))
}

/// The error in the technician's language; what only a programmer could mend stays as it is.
pub(in crate::cli) fn words(language: Language, error: &ExportError) -> String {
    let path = |path: &Path| Value::Text(path.display().to_string());
    let (id, values): (&str, Vec<(&str, Value)>) = match error {
        ExportError::NotProven(reason) => (
            "export-not-proven",
            vec![("reason", reason.to_string().into())],
        ),
        ExportError::NoRoom {
            needed_bytes,
            free_bytes,
        } => (
            "export-no-room",
            vec![
                ("needed", bytes(*needed_bytes).into()),
                ("free", bytes(*free_bytes).into()),
            ],
        ),
        ExportError::Target { path: at, source } => (
            "export-target",
            vec![("path", path(at)), ("reason", source.to_string().into())],
        ),
        ExportError::Durable(reason) => (
            "export-target",
            vec![("path", "".into()), ("reason", reason.to_string().into())],
        ),
        ExportError::Busy => ("export-busy", Vec::new()),
        ExportError::ReadBack(at) => ("export-read-back", vec![("path", path(at))]),
        ExportError::InTheWay(at) => ("export-in-the-way", vec![("path", path(at))]),
        other => ("export-failed", vec![("reason", other.to_string().into())]),
    };
    say(language, id, &values)
}
