//! `posto admin-password show|reset`: OpenMRS's admin, for the technician before the box.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;

use crate::database::client::Client;
use crate::first_boot;
use crate::openmrs::admin;
use crate::places::Places;

const SQL_LIMIT: Duration = Duration::from_secs(20);

/// What to do with the password.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the password made on this box, as long as nobody has changed it
    Show,
    /// Make a new password for OpenMRS's account admin, and unlock it
    Reset,
}

/// Runs the command.
///
/// # Errors
/// When it is not root, the database does not answer, or OpenMRS is not installed yet.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(verb: &Verb) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    match verb {
        Verb::Show => match admin::generated(&places).context("run this as root")? {
            Some(password) => {
                println!("{password}");
                Ok(ExitCode::SUCCESS)
            }
            None => anyhow::bail!(
                "the password was changed and is known only to whoever changed it; 'posto admin-password reset' makes a new one"
            ),
        },
        Verb::Reset => {
            let password = first_boot::password_for_people()?;
            super::wait_for(async {
                let mut sql = Client::connect(&places.database_socket(), SQL_LIMIT).await?;
                admin::reset(&places, &mut sql, &password).await
            })??;
            println!("{password}");
            Ok(ExitCode::SUCCESS)
        }
    }
}
