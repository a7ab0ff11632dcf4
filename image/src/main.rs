//! `posto-image`: arguments in, a release directory out.

use std::process::ExitCode;

fn main() -> ExitCode {
    match posto_image::entry::run(std::env::args_os().collect()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("posto-image: {error:#}");
            ExitCode::FAILURE
        }
    }
}
