//! `posto hub user ...`, `posto hub token ...`.

use std::io::{BufRead, IsTerminal, Read, Write};

use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::Data;
use crate::hub::access::{Access, User};
use crate::hub::password;

/// What to do with people.
#[derive(Debug, Subcommand)]
pub(super) enum UserVerb {
    /// Add somebody, or give a new password; it is asked for, or read from the standard input's first line
    Add {
        /// Small letters, digits, dots and dashes
        name: String,
        /// May look, not approve boxes
        #[arg(long)]
        view_only: bool,
        #[command(flatten)]
        place: Data,
    },
    /// Remove somebody; the sessions end at once
    Remove(Named),
    /// All of them
    List {
        #[command(flatten)]
        place: Data,
    },
}

/// What to do with programs.
#[derive(Debug, Subcommand)]
pub(super) enum TokenVerb {
    /// Make a token and print it, this once (Authorization: Bearer)
    Add(Named),
    /// Remove a token
    Remove(Named),
}

/// By name.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// Which
    name: String,
    #[command(flatten)]
    place: Data,
}

/// Runs `posto hub user`.
///
/// # Errors
/// [`crate::hub::access::AccessError`], or no password.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(verb: &UserVerb) -> anyhow::Result<()> {
    match verb {
        UserVerb::Add {
            name,
            view_only,
            place,
        } => {
            let mut access = Access::open(place.made()?)?;
            let password = ask()?;
            let user = User {
                name: name.clone(),
                approves: !view_only,
            };
            access.set_user(&user, &password)?;
        }
        UserVerb::Remove(named) => {
            Access::open(&named.place.directory)?.remove_user(&named.name)?;
        }
        UserVerb::List { place } => {
            for user in Access::open(&place.directory)?.users()? {
                let may = if user.approves { "approves" } else { "looks" };
                println!("{}\t{may}", user.name);
            }
        }
    }
    Ok(())
}

/// Runs `posto hub token`.
///
/// # Errors
/// [`crate::hub::access::AccessError`].
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn token(verb: &TokenVerb) -> anyhow::Result<()> {
    match verb {
        TokenVerb::Add(named) => {
            println!(
                "{}",
                Access::open(named.place.made()?)?.set_token(&named.name)?
            );
        }
        TokenVerb::Remove(named) => {
            Access::open(&named.place.directory)?.remove_token(&named.name)?;
        }
    }
    Ok(())
}

/// One line, unseen on a terminal.
#[allow(clippy::print_stderr, reason = "the question")]
fn ask() -> anyhow::Result<String> {
    let input = std::io::stdin();
    let before = input.is_terminal().then(|| tcgetattr(&input)).transpose()?;
    if let Some(before) = &before {
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Flush, &unseen)?;
        eprint!("password: ");
        std::io::stderr().flush()?;
    }
    let mut line = String::new();
    let limit = u64::try_from(password::MOST_BYTES + 2)?;
    let read = input.lock().take(limit).read_line(&mut line);
    if let Some(before) = &before {
        tcsetattr(&input, OptionalActions::Flush, before)?;
        eprintln!();
    }
    read?;
    let password = line.trim_end_matches(['\n', '\r']);
    anyhow::ensure!(
        !password.is_empty(),
        "no password was given; nothing was changed"
    );
    Ok(password.to_string())
}
