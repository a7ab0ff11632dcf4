//! Arguments to a command or the daemon; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    posto::cli::main()
}
