//! The publisher's tool: keys, ceremonies of the root, and a repository of static files.
//!
//! Exit codes: 0 done, 1 failed (the message says what stands), 2 wrong arguments, 3 something expires soon
//! (`expire-report` only).

use std::process::ExitCode;

use clap::Parser;

mod cli;

fn main() -> ExitCode {
    match cli::run(&cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("posto-sign: {error}");
            ExitCode::FAILURE
        }
    }
}
