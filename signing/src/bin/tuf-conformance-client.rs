//! The client behind the command line of the public tuf-conformance suite. Nothing in it but arguments: it is the
//! library's client with the specification's own policy and plain files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use posto_signing::bounds::Bounds;
use posto_signing::clock::now_s;
use posto_signing::durable;
use posto_signing::http::{Authorities, HttpSource, Patience};
use posto_signing::state::{DirectoryState, TrustedState};
use posto_signing::update;
use posto_signing::workflow::{Change, Policy, Workflow};

/// A TUF client, as the tuf-conformance suite calls it.
#[derive(Parser)]
struct Arguments {
    /// Where trusted metadata is kept.
    #[arg(long)]
    metadata_dir: PathBuf,
    /// The repository's metadata.
    #[arg(long)]
    metadata_url: Option<String>,
    /// The target to download.
    #[arg(long)]
    target_name: Option<String>,
    /// The repository's targets.
    #[arg(long)]
    target_base_url: Option<String>,
    /// Where targets are kept.
    #[arg(long)]
    target_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Begins from this root.
    Init {
        /// A root.json.
        trusted_root: PathBuf,
    },
    /// Brings the metadata up to date.
    Refresh,
    /// Brings the metadata up to date and downloads a target.
    Download,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut state = DirectoryState::new(&arguments.metadata_dir);
    match &arguments.command {
        Command::Init { trusted_root } => init(trusted_root, &mut state),
        Command::Refresh => refresh(arguments, &mut state).map(|_| ()),
        Command::Download => download(arguments, &mut state),
    }
}

fn init(trusted_root: &Path, state: &mut DirectoryState) -> anyhow::Result<()> {
    let policy = Policy::strict();
    let file = durable::read(trusted_root, policy.bounds.root_bytes)?
        .with_context(|| format!("{}: there is no such file", trusted_root.display()))?;
    let workflow = Workflow::begin(
        &file,
        posto_signing::workflow::Stored::default(),
        policy,
        now_s(),
    )?;
    let version = posto_signing::metadata::Metadata::common(&**workflow.root()).version;
    state.apply(&[Change::Root { version, file }])?;
    Ok(())
}

fn refresh(
    arguments: &Arguments,
    state: &mut DirectoryState,
) -> anyhow::Result<(Workflow, HttpSource)> {
    let Some(metadata_url) = &arguments.metadata_url else {
        bail!("--metadata-url is needed");
    };
    let stored = state.load(&Bounds::default())?;
    let anchor = stored
        .root
        .clone()
        .context("no root.json: init comes first")?;
    let mut workflow = Workflow::begin(&anchor, stored, Policy::strict(), now_s())?;
    let mut source = HttpSource::new(
        metadata_url,
        arguments.target_base_url.as_deref(),
        Patience::default(),
        &Authorities::Public,
    );
    update::refresh(&mut workflow, &mut source, state)?;
    Ok((workflow, source))
}

fn download(arguments: &Arguments, state: &mut DirectoryState) -> anyhow::Result<()> {
    let (Some(name), Some(_), Some(folder)) = (
        &arguments.target_name,
        &arguments.target_base_url,
        &arguments.target_dir,
    ) else {
        bail!("--target-name, --target-base-url and --target-dir are needed");
    };
    let (mut workflow, mut source) = refresh(arguments, state)?;
    let found = update::find(&mut workflow, name, &mut source, state)?;
    let consistent = workflow.root().consistent_snapshot;
    update::download(&found, consistent, &mut source, folder)?;
    Ok(())
}
