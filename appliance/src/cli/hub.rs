//! `posto hub ...`: the province's receiver of pings, and its officers' commands. Not for a clinic's box.

mod boxes;
mod sites;
mod user;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::hands;
use crate::hub::role::{self, Listening, Options};
use crate::hub::{self, key, life};
use crate::places::Places;
use crate::system::durable::DurableError;

/// Arguments of `posto hub`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: Run,
}

/// How the hub runs.
#[derive(Debug, Args)]
struct Run {
    /// Pages, data and batches of pings by HTTP; a proxy with TLS stands before it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8470")]
    listen: SocketAddr,
    /// Pings by UDP; boxes reach it from outside only if an outside address is named
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8470")]
    pings: SocketAddr,
    /// Told of alarms and silence: one JSON object a POST
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Given life signs (Healthchecks): GET, with /fail when something is wrong; {site} in it: one check a site
    #[arg(long, value_name = "URL")]
    life: Option<String>,
    /// Of the times on pages
    #[arg(long, value_name = "ZONE", default_value = "Africa/Maputo")]
    time_zone: String,
    #[command(flatten)]
    place: Data,
}

/// Where the hub's files are.
#[derive(Debug, Clone, Args)]
pub(super) struct Data {
    /// The hub's files
    #[arg(
        long = "data",
        value_name = "DIR",
        default_value = "/var/lib/posto-hub"
    )]
    directory: PathBuf,
}

impl Data {
    /// For what adds to a hub that may not have run yet.
    fn made(&self) -> Result<&Path, DurableError> {
        hub::folder(&self.directory)?;
        Ok(&self.directory)
    }
}

/// What else to do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// People who may look, and approve
    User {
        #[command(subcommand)]
        verb: user::UserVerb,
    },
    /// Programs that may read figures (Prometheus)
    Token {
        #[command(subcommand)]
        verb: user::TokenVerb,
    },
    /// All boxes with their fingerprints
    Boxes(boxes::List),
    /// Approve the box with this fingerprint; it supersedes another one of its facility
    Approve(boxes::Decide),
    /// Refuse the box with this fingerprint; nothing of it is kept any more
    Refuse(boxes::Decide),
    /// All sites and how they are
    Sites(sites::List),
    /// Bring in the programme's list: lines of facility,name,district,province (CSV)
    Places(sites::Bring),
    /// The public half of the hub's key, for facility files
    Key {
        #[command(flatten)]
        place: Data,
    },
}

/// Runs the command.
///
/// # Errors
/// As the verb's own.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.verb {
        None => return serve(&arguments.run),
        Some(Verb::User { verb }) => user::run(verb)?,
        Some(Verb::Token { verb }) => user::token(verb)?,
        Some(Verb::Boxes(list)) => boxes::list(list)?,
        Some(Verb::Approve(decide)) => boxes::decide(decide, true)?,
        Some(Verb::Refuse(decide)) => boxes::decide(decide, false)?,
        Some(Verb::Sites(list)) => sites::list(list)?,
        Some(Verb::Places(bring)) => sites::bring(bring)?,
        Some(Verb::Key { place }) => println!("{}", key::public(&key::ensure(&place.directory)?)),
    }
    Ok(ExitCode::SUCCESS)
}

#[allow(
    clippy::print_stdout,
    reason = "where it listens, for whoever started it"
)]
fn serve(run: &Run) -> anyhow::Result<ExitCode> {
    for url in run.webhook.iter().chain(&run.life) {
        let plain = url.replace(life::SITE, "site");
        anyhow::ensure!(
            plain.starts_with("https://") || plain.starts_with("http://"),
            "'{url}' is no address of a web service"
        );
    }
    let options = Options {
        data: run.place.directory.clone(),
        listen: run.listen,
        pings: run.pings,
        webhook: run.webhook.clone(),
        life: run.life.clone(),
        time_zone: run.time_zone.clone(),
        language: hands::language(&Places::default()),
    };
    role::run(options, |Listening { web, pings }| {
        println!("http://{web} udp://{pings}");
        // Without systemd nobody waits for it.
        sd_notify::notify(&[sd_notify::NotifyState::Ready]).ok();
    })?;
    Ok(ExitCode::SUCCESS)
}
