//! The build runs as process 1 of its own PID and mount namespace: when it ends, however it ends, the kernel takes every child
//! and every mount with it.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::place;
use crate::process::{ProcessError, Program};

/// The hidden first argument by which the inner process knows that it is inside.
pub const INSIDE: &str = "--inside-sandbox";

/// The build could not be boxed in.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// unshare or setpriv.
    #[error("cannot start the build in namespaces of its own: {0}")]
    Process(#[from] ProcessError),
    /// Signals or waiting.
    #[error("cannot watch over the build: {0}")]
    Watch(#[from] std::io::Error),
}

/// How often the child's end is looked for while no signal comes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs this program again inside, with the same arguments; gives back its exit code. On SIGINT, SIGTERM or SIGHUP everything
/// inside is killed at once and `work` (what is half done) is removed: exit code 130.
///
/// # Errors
/// When it cannot be started or watched.
pub fn run_inside(
    me: &Path,
    arguments: &[std::ffi::OsString],
    work: &Path,
) -> Result<u8, SandboxError> {
    let (sender, receiver) = mpsc::channel();
    let mut signals = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    });
    // Killed outright, this process takes the inside with it by pdeathsig.
    let mut child = Program::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
        ])
        .args(["--kill-child=KILL", "--mount-proc", "--"])
        .arg(me)
        .arg(INSIDE)
        .args(arguments.iter().cloned())
        .spawn_attached(true)?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1));
        }
        match receiver.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            Ok(_signal) => {
                child.kill()?;
                child.wait()?;
                // The namespace dies a moment after unshare; its last process may still be writing.
                for _ in 0..50 {
                    if place::gone(work).is_ok() {
                        break;
                    }
                    let _ = receiver.recv_timeout(LOOK_EVERY);
                }
                return Ok(130);
            }
        }
    }
}
