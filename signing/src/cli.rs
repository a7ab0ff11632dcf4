//! The command line: one file a command.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use posto_signing::publish::key_file::KeyRing;
use posto_signing::publish::keys::Keys;
use posto_signing::publish::passphrase::Passphrases;
use posto_signing::time;

mod change;
mod publish;
mod publishing;
mod report;
mod root;
mod stage;
#[cfg(feature = "token")]
mod token;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Signs releases and publishes them as static files.
///
/// A ceremony's folder holds the keys (keys/NAME.key behind a passphrase, keys/NAME.pub) and the roots
/// (root/1.root.json, ...). It belongs on a computer without a network or on a stick in a safe; only the keys of
/// snapshot and timestamp are needed often. Every command prints its plan first; --dry-run ends there.
#[derive(Parser)]
#[command(name = "posto-sign", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Plan and result as JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// Print the plan and end: no key is opened, nothing is written.
    #[arg(long, global = true)]
    dry_run: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Make the keys and the first root (offline).
    Init(root::Init),
    #[cfg(feature = "token")]
    Token(token::Token),
    /// Ceremonies of the root.
    #[command(subcommand)]
    Root(Root),
    Publish(publish::Publish),
    /// Change how a published release goes out: percent, pause, resume, withdraw.
    Change(change::Change),
    /// Sign the same targets once more, so that they do not expire.
    Renew(change::Renew),
    /// Copy one release with its proof to a stick.
    Stage(stage::Stage),
    /// When what expires. Exit code 3 when something does soon.
    ExpireReport(report::ExpireReport),
    /// Which facilities are in which ring, and what each would take now.
    Rings(report::Rings),
}

#[derive(Subcommand)]
enum Root {
    /// Make the next root: new keys for old ones, a later expiry (offline).
    Rotate(root::Rotate),
}

/// Where keys are.
#[derive(Args)]
struct CeremonyArguments {
    /// The ceremony's folder.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Further folders with key files: other people's sticks. The ceremony's keys/ is always searched.
    #[arg(long, value_name = "DIR")]
    keys: Vec<PathBuf>,
}

impl CeremonyArguments {
    fn keys(&self, own: PathBuf) -> anyhow::Result<Keys> {
        let mut folders = self.keys.clone();
        if own.is_dir() {
            folders.push(own);
        }
        Ok(Keys::new(
            KeyRing::read(&folders)?,
            Passphrases::of_environment(),
        ))
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let say = Say {
        json: arguments.json,
        dry_run: arguments.dry_run,
    };
    match &arguments.command {
        Command::Init(init) => init.run(&say)?,
        #[cfg(feature = "token")]
        Command::Token(token) => token.run(&say)?,
        Command::Root(Root::Rotate(rotate)) => rotate.run(&say)?,
        Command::Publish(publish) => publish.run(&say)?,
        Command::Change(change) => change.run(&say)?,
        Command::Renew(renew) => renew.run(&say)?,
        Command::Stage(stage) => stage.run(&say)?,
        Command::ExpireReport(report) => return report.run(&say),
        Command::Rings(rings) => rings.run(&say)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// How results are printed.
struct Say {
    json: bool,
    dry_run: bool,
}

impl Say {
    /// The plan. `true`: go on.
    fn plan(&self, lines: &[String], plan: &serde_json::Value) -> anyhow::Result<bool> {
        if self.json && self.dry_run {
            println!("{}", serde_json::to_string_pretty(plan)?);
        } else if !self.json {
            for line in lines {
                println!("{line}");
            }
        }
        if self.dry_run && !self.json {
            println!("(dry run: nothing was opened, signed or written)");
        }
        Ok(!self.dry_run)
    }

    /// The result.
    fn done(&self, line: &str, result: &serde_json::Value) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(result)?);
        } else {
            println!("{line}");
        }
        Ok(())
    }
}

fn day(unix_s: i64) -> anyhow::Result<String> {
    time::write(unix_s).with_context(|| format!("{unix_s} is not a time"))
}
