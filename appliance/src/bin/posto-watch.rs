//! The watcher: posto-watch.service. A program of its own: what listens to OpenMRS and the database has nothing else of posto
//! in it, and few pages in memory.

use std::process::ExitCode;

use posto::cli;
use posto::places::Places;
use posto::supervise::watch;
use posto::system::log::log;

fn main() -> ExitCode {
    match cli::wait_for(watch::run(Places::default())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error.into()),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    log(&format!("posto-watch: {error:#}"));
    ExitCode::FAILURE
}
