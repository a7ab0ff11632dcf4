//! `posto logs`: the journal, by what people call things.

use std::process::ExitCode;

use clap::ValueEnum;

use crate::database::server::{OPENMRS_UNIT, UNIT};
use crate::system::process::Invocation;

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Lines shown when nothing else is said.
const LINES: u32 = 200;
const LINES_LIMIT: i64 = 1_000_000;

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Subject {
    /// OpenMRS and Tomcat
    Openmrs,
    /// MariaDB
    Database,
    /// Posto's own parts
    Posto,
    /// nginx
    Door,
}

impl Subject {
    pub(super) const ALL: [Self; 4] = [Self::Openmrs, Self::Database, Self::Posto, Self::Door];

    const fn unit(self) -> &'static str {
        match self {
            Self::Openmrs => OPENMRS_UNIT,
            Self::Database => UNIT,
            // journalctl(1) takes a pattern.
            Self::Posto => "posto*",
            Self::Door => "nginx.service",
        }
    }
}

/// Arguments of `posto logs`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Whose log; without it, all of them
    subject: Option<Subject>,
    /// Go on with new lines until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines [default: 200, or all since --since]
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u32).range(1..=LINES_LIMIT))]
    lines: Option<u32>,
    /// From when on: '2026-11-22 14:00', 'yesterday', '1 hour ago' (systemd.time(7))
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
}

/// Becomes journalctl.
///
/// # Errors
/// When journalctl is not there.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let error = Invocation::new(JOURNALCTL)
        .args(argv(arguments))
        .become_it();
    Err(error.into())
}

/// The log of one subject as it grows, for the screen.
pub(super) fn follow(subject: Subject) -> Invocation {
    let arguments = Arguments {
        subject: Some(subject),
        follow: true,
        lines: None,
        since: None,
    };
    Invocation::new(JOURNALCTL).args(argv(&arguments))
}

fn argv(arguments: &Arguments) -> Vec<String> {
    let mut argv = vec!["--no-hostname".to_string()];
    let subjects = arguments
        .subject
        .map_or(Subject::ALL.to_vec(), |one| vec![one]);
    argv.extend(subjects.iter().map(|one| format!("--unit={}", one.unit())));
    if arguments.follow {
        argv.push("--follow".to_string());
    }
    // One word with the option, so that no value is taken for an option.
    match (arguments.lines, &arguments.since) {
        (Some(lines), _) => argv.push(format!("--lines={lines}")),
        (None, None) => argv.push(format!("--lines={LINES}")),
        (None, Some(_)) => {}
    }
    if let Some(since) = &arguments.since {
        argv.push(format!("--since={since}"));
    }
    argv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_journalctl_s_options_and_never_more() {
        let arguments = |subject, follow, lines, since: Option<&str>| Arguments {
            subject,
            follow,
            lines,
            since: since.map(str::to_string),
        };
        assert_eq!(
            argv(&arguments(Some(Subject::Database), true, Some(5), None)),
            [
                "--no-hostname",
                "--unit=mariadb.service",
                "--follow",
                "--lines=5"
            ]
        );
        assert_eq!(
            argv(&arguments(
                Some(Subject::Posto),
                false,
                None,
                Some("--file=/x")
            )),
            ["--no-hostname", "--unit=posto*", "--since=--file=/x"]
        );
        let all = argv(&arguments(None, false, None, None));
        assert_eq!(
            all.iter()
                .filter(|word| word.starts_with("--unit="))
                .count(),
            4
        );
        assert_eq!(all.last().unwrap(), "--lines=200");
    }
}
