//! `posto import FILE|-`: a dump in place of the present database.

mod progress;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use tokio::signal::unix::{SignalKind, signal};

use super::hands::{self, Answer};
use crate::database::import::error::ImportError;
use crate::database::import::reading::Reader;
use crate::database::import::report::Report;
use crate::database::import::run::{self, Request, Setting, Stop};
use crate::database::import::{exchange, space};
use crate::database::server::{MYSQL_ID, POSTO_ID};
use crate::facility;
use crate::places::Places;
use crate::services::Systemd;
use crate::system::log::log;
use crate::system::{clock, namespace};
use crate::texts::{Language, Value, say};

const EXIT_CODES: &str = "Exit codes:
  0    done (or, with --dry-run, could be done)
  1    the temporary server, a disk or systemd failed
  2    wrong arguments, or a question not answered with yes
  3    the file cannot be read
  4    the file is no dump, is cut off or damaged
  5    the dump holds no, or more than one, OpenMRS database
  6    not enough room
  7    the database refused a statement, or rows are missing
  8    another maintenance is under way
  9    the new database is in place, but something after that failed
  130  stopped on request
With every code but 0 and 9 the present database is as it was.";

/// Arguments of `posto import`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Arguments {
    /// The dump of mysqldump or mariadb-dump (as it is, or packed by gzip, zstd or xz), or - for standard input
    pub file: PathBuf,
    /// Check the whole dump and say what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Do not ask before the present database is replaced
    #[arg(long)]
    pub yes: bool,
    /// The database in the dump, if it holds more than one OpenMRS
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// Accept a dump without mysqldump's last line (of another program); whether it was cut off cannot be told then
    #[arg(long)]
    pub no_end_mark: bool,
}

/// Runs the command.
///
/// # Errors
/// Only when this process cannot do anything at all; the import's own errors are printed here.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // While there is one thread, so that every later one and every program of the import has none either.
    give_up_the_network();
    let places = Places::default();
    let language = facility::in_force(&places).0.language;
    if !arguments.dry_run && !agreed(arguments, &places, language)? {
        return Ok(ExitCode::from(2));
    }
    let now = clock::unix_seconds();
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    // Best effort: without it the pool has its smallest size.
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let setting = Setting {
        now,
        stamp: exchange::free_stamp(&places, now),
        places,
        reader: Reader {
            // This very program, also where its file has been replaced.
            program: "/proc/self/exe".into(),
            user: rustix::process::geteuid().is_root().then_some(POSTO_ID),
        },
        server_user: rustix::process::geteuid().is_root().then_some(MYSQL_ID),
        openmrs_user: exchange::openmrs_owner(),
        available_memory_bytes: space::available_memory_bytes(&meminfo).unwrap_or(0),
        random,
    };
    let request = Request {
        file: arguments.file.clone(),
        database: arguments.database.clone(),
        need_end_mark: !arguments.no_end_mark,
    };
    let result = super::wait_for(work(arguments, &request, &setting, language))?;
    Ok(told(arguments, language, result))
}

/// The import talks to the database and to systemd over sockets with a path, and to nobody else. It goes on where it is
/// not root (a dry run on another machine): then it may do no more than its user.
fn give_up_the_network() {
    if let Err(error) = namespace::leave_the_network() {
        log(&format!(
            "the import keeps this user's network, which it does not use: {error}"
        ));
    }
}

async fn work(
    arguments: &Arguments,
    request: &Request,
    setting: &Setting,
    language: Language,
) -> Result<Report, ImportError> {
    let stop = Rc::new(Stop::default());
    let failed = |error: std::io::Error| ImportError::Server(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut bar = progress::Bar::new(language);
    let mut show = |watch: &run::Watch| bar.show(watch);
    let import = async {
        if arguments.dry_run {
            return run::dry_run(request, setting, &stop, &mut show).await;
        }
        let services = Systemd::connect(&setting.places).await?;
        run::import(request, setting, &services, &stop, &mut show).await
    };
    let mut import = std::pin::pin!(import);
    loop {
        tokio::select! {
            done = &mut import => return done,
            _ = interrupt.recv() => stop.ask(),
            _ = terminate.recv() => stop.ask(),
        }
    }
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command's output"
)]
fn told(
    arguments: &Arguments,
    language: Language,
    result: Result<Report, ImportError>,
) -> ExitCode {
    match result {
        Ok(report) if arguments.json => {
            println!(
                "{}",
                serde_json::to_string_pretty(&report).unwrap_or_default()
            );
            ExitCode::SUCCESS
        }
        Ok(report) => {
            println!("{}", words::summary(language, &report));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let code = error.exit_code();
            if arguments.json {
                let unchanged = !matches!(error, ImportError::AfterExchange(_));
                println!(
                    "{}",
                    serde_json::json!({"error": error.to_string(), "code": code, "unchanged": unchanged})
                );
            }
            eprintln!("posto: {}", words::error(language, &error));
            ExitCode::from(code)
        }
    }
}

/// Whether the present database may be replaced: nothing is lost on a box where OpenMRS was never installed.
#[allow(clippy::print_stderr, reason = "the command's output")]
fn agreed(arguments: &Arguments, places: &Places, language: Language) -> std::io::Result<bool> {
    if arguments.yes || places.install_pending().exists() {
        return Ok(true);
    }
    let file = Value::from(arguments.file.display().to_string());
    let answer = if arguments.file == Path::new("-") {
        // What comes on standard input is the dump.
        Answer::NobodyThere
    } else {
        hands::ask(language, &say(language, "import-ask", &[("file", file)]))?
    };
    match answer {
        Answer::Yes => {}
        Answer::No => eprintln!("{}", say(language, "hand-not-wanted", &[])),
        Answer::NobodyThere => eprintln!("posto: {}", say(language, "import-needs-yes", &[])),
    }
    Ok(answer == Answer::Yes)
}
