//! `posto-image`: arguments in, a release directory out.

use std::process::ExitCode;

fn main() -> ExitCode {
    match posto_image::entry::run(std::env::args_os().collect()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("posto-image: {}", said_once(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error with its causes; one that says its cause in its own sentence already does not hear it again.
fn said_once(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}
