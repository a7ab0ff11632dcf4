//! What posto-session@.service runs on tty1 once the technician's code was right: SQL or a shell, outside the screen's
//! sandbox. When it ends, systemd starts the screen again.

use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use super::console::session_greeting;
use super::hands;
use crate::database::server::DATABASE;
use crate::places::Places;
use crate::system::process::Invocation;
use crate::texts::say;

/// Which session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A root shell.
    Shell,
    /// The database's own client.
    Sql,
}

/// Runs it on the terminal.
///
/// # Errors
/// When the program is not there.
#[allow(clippy::print_stdout, reason = "the session's terminal")]
pub(super) fn run(kind: Kind) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    match kind {
        Kind::Shell => {
            println!("{}\n", session_greeting(&places, "shell"));
            let home = if places.data().is_dir() {
                places.data()
            } else {
                Path::new("/").to_path_buf()
            };
            let error = Invocation::new("/bin/bash")
                .args(["--noprofile", "--rcfile", "/etc/posto/shell.bashrc", "-i"])
                .in_directory(home)
                .become_it();
            Err(error.into())
        }
        Kind::Sql => {
            println!("{}\n", session_greeting(&places, "sql"));
            let ended = super::wait_for(async {
                // Ctrl-C is the client's: it ends a statement, not the session.
                let _kept = signal(SignalKind::interrupt())?;
                Invocation::new("/usr/bin/mariadb")
                    .arg(format!("--socket={}", places.database_socket().display()))
                    .arg(DATABASE)
                    .run_here()
                    .map_err(anyhow::Error::from)
            })?;
            if let Err(error) = ended {
                // The database's own words stand above; the screen would clear them.
                println!("\n{error}\n{}", say(language, "session-enter", &[]));
                let mut line = String::new();
                std::io::stdin().lock().read_line(&mut line)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
