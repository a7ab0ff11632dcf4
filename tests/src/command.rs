//! The one runner of host programs: argv in the error, bounded output, no shell strings.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Most of a program's output that is kept, bytes.
const OUTPUT_MAX_BYTES: usize = 8 << 20;

/// What a finished program said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Exit code; 128 + signal when it was killed.
    pub code: i32,
    /// Standard output, lossy UTF-8.
    pub out: String,
    /// Standard error, lossy UTF-8.
    pub err: String,
}

/// Prepares a host program.
#[expect(clippy::disallowed_methods, reason = "the runner itself")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Prepares a host program that the kernel kills when the calling thread ends, however it ends. `argv` may be its begin only.
pub fn ending_with_us<S: AsRef<OsStr>>(argv: &[S]) -> Command {
    let mut bound = command("setpriv");
    bound.args(["--pdeathsig", "KILL"]).args(argv);
    bound
}

/// Runs to the end and returns what was said, also on failure.
///
/// # Errors
/// Only when the program could not be started.
pub fn ask<S: AsRef<OsStr> + Debug>(argv: &[S]) -> Result<Said> {
    use std::os::unix::process::ExitStatusExt;
    let (program, arguments) = argv.split_first().context("empty command")?;
    let output = command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {argv:?}"))?;
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[..bytes.len().min(OUTPUT_MAX_BYTES)]).into_owned()
    };
    let code = output
        .status
        .code()
        .unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
    Ok(Said {
        code,
        out: text(&output.stdout),
        err: text(&output.stderr),
    })
}

/// Runs to the end; its standard output.
///
/// # Errors
/// When it cannot be started or ends with another code than 0.
pub fn run<S: AsRef<OsStr> + Debug>(argv: &[S]) -> Result<String> {
    let said = ask(argv)?;
    if said.code != 0 {
        bail!(
            "{argv:?} ended with {}: {}{}",
            said.code,
            said.out,
            said.err
        );
    }
    Ok(said.out)
}
