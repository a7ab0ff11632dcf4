//! Why another program did not do its work.

use std::process::ExitStatus;
use std::time::Duration;

use super::STDERR_TAIL_BYTES;

/// What went wrong with another program.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("could not start {argv}: {source}")]
    Start {
        /// The command line.
        argv: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// It ended with an error.
    #[error("{argv} failed ({status}){}", said(.stderr))]
    Failed {
        /// The command line.
        argv: String,
        /// Exit code or signal.
        status: ExitStatus,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// It did not end in time and was killed.
    #[error("{argv} did not end within {} s and was stopped{}", .limit.as_secs(), said(.stderr))]
    TooSlow {
        /// The command line.
        argv: String,
        /// The bound.
        limit: Duration,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// It wrote more than anybody expected, and was killed.
    #[error("{argv} wrote more than {limit_bytes} bytes and was stopped")]
    TooMuch {
        /// The command line.
        argv: String,
        /// The bound.
        limit_bytes: usize,
    },
    /// Talking to it failed.
    #[error("could not talk to {argv}: {source}")]
    Pipe {
        /// The command line.
        argv: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

impl ProcessError {
    /// Some programs (mariadb-install-db) say on standard output why they failed.
    pub(super) fn with_output(mut self, output: &std::io::Result<Vec<u8>>) -> Self {
        if let (Self::Failed { stderr, .. }, Ok(output)) = (&mut self, output)
            && stderr.is_empty()
        {
            let tail = output.len().saturating_sub(STDERR_TAIL_BYTES);
            let text = String::from_utf8_lossy(output.get(tail..).unwrap_or_default());
            *stderr = text.trim().to_string();
        }
        self
    }
}

fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        text => format!("; it said: {text}"),
    }
}
