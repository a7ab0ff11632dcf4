//! The publisher's tool. It does not sign yet: it refuses, saying so.
use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!(
        "posto-sign: signing releases is not built yet in this version; nothing was read, signed or written."
    );
    ExitCode::from(2)
}
