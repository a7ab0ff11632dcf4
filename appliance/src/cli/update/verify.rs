//! `posto update verify DIR|DEVICE`: what a technician's stick holds, before anything is taken from it.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::HumanBytes;
use posto_signing::rollout::{Decision, Rollout};
use serde::Serialize;

use crate::cli::hands;
use crate::cli::snapshot::carrying::Bar;
use crate::places::Places;
use crate::system::clock;
use crate::system::medium::{Access, Mounted};
use crate::system::namespace;
use crate::texts::{Language, say};
use crate::update::accept::{self, AcceptError};
use crate::update::fill;
use crate::update::stick;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The folder of the mounted stick, or its device (mounted for reading only, nothing on it is run)
    #[arg(value_name = "DIR|DEVICE")]
    from: PathBuf,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    /// All releases that the lists name.
    releases: Vec<Rollout>,
    /// The one that this box would take.
    takes: Option<String>,
    /// Why none.
    why_not: Option<String>,
    /// Patches that are there, whole.
    patches: Vec<Patch>,
    /// Lists whose time is over.
    expired: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Patch {
    release: String,
    path: String,
    bytes: u64,
    /// Why it cannot be used.
    error: Option<String>,
}

/// Runs the command. Exit code 0: this box would take a release that is whole there; 1: not.
///
/// # Errors
/// When it is not root, or nothing there can be believed.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    super::must_take_updates(&places, language)?;
    let is_device = std::fs::metadata(&arguments.from)?
        .file_type()
        .is_block_device();
    let found = if is_device {
        namespace::own_mounts()?;
        let mounted = Mounted::at(&arguments.from, &places.update_stick(), Access::Read)?;
        let found = look(&places, language, mounted.path());
        mounted.end()?;
        found?
    } else {
        look(&places, language, &arguments.from)?
    };
    print(language, &found, arguments.json)?;
    let good = found.takes.is_some() && found.patches.iter().any(|patch| patch.error.is_none());
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn look(places: &Places, language: Language, folder: &Path) -> anyhow::Result<Found> {
    let folder = stick::repository(folder);
    let (trust, mut order) = fill::order(places)?;
    order.by_hand = true;
    // Nothing of this look is kept: only what is staged moves trust on.
    let mut state = accept::looking(places)?;
    let mut lists = accept::lists(&folder, &trust, &order, clock::unix_s(), &mut state)?;
    let (takes, why_not) = match &lists.decision {
        Decision::Take(terms) => (Some(terms.release.clone()), None),
        Decision::UpToDate => (None, Some(AcceptError::UpToDate.to_string())),
        Decision::Wait(_, why) => (None, Some(why.to_string())),
    };
    let wanted = match &lists.decision {
        Decision::Take(terms) | Decision::Wait(terms, _) => Some(terms.release.clone()),
        Decision::UpToDate => None,
    };
    let mut patches = Vec::new();
    let mut bar = Bar::new(language);
    if let Some(release) = wanted {
        lists.manifest(&folder, &release, &mut state)?;
        for way in lists.ways(&release) {
            let mut done = 0;
            let checked = lists.check(&folder, &way, &mut state, &mut |bytes| {
                done += bytes;
                bar.show("update-checking", (done, way.bytes), 1);
            });
            patches.push(Patch {
                release: release.clone(),
                path: way.patch.clone(),
                bytes: way.bytes,
                error: checked.err().map(|error| error.to_string()),
            });
        }
    }
    bar.clear();
    Ok(Found {
        releases: lists.releases.clone(),
        takes,
        why_not,
        patches,
        expired: lists
            .expired
            .iter()
            .map(|expired| expired.role.as_str().to_owned())
            .collect(),
    })
}

#[allow(clippy::print_stdout, reason = "the command's output")]
fn print(language: Language, found: &Found, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(found)?);
        return Ok(());
    }
    let names: Vec<&str> = found
        .releases
        .iter()
        .map(|one| one.release.as_str())
        .collect();
    let names = [("names", names.join(", ").into())];
    println!("{}", say(language, "update-verify-lists", &names));
    for patch in &found.patches {
        let values = [
            ("path", patch.path.as_str().into()),
            ("bytes", HumanBytes(patch.bytes).to_string().into()),
            ("reason", patch.error.clone().unwrap_or_default().into()),
        ];
        let id = match &patch.error {
            None => "update-verify-whole",
            Some(_) => "update-verify-not",
        };
        println!("{}", say(language, id, &values));
    }
    if !found.expired.is_empty() {
        let roles = found.expired.join(", ");
        println!(
            "{}",
            say(language, "update-expired", &[("roles", roles.into())])
        );
    }
    let values = [
        ("release", found.takes.clone().unwrap_or_default().into()),
        ("why", found.why_not.clone().unwrap_or_default().into()),
    ];
    let id = match &found.takes {
        Some(_) => "update-verify-takes",
        None => "update-verify-takes-none",
    };
    println!("{}", say(language, id, &values));
    Ok(())
}
