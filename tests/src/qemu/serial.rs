//! The serial line of a machine under test.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Most that is kept in memory of what a machine says, bytes; the log file has all of it.
const KEPT_BYTES: usize = 4 << 20;

/// What the machine says, as it says it, also written to a log file.
#[derive(Debug)]
pub struct Serial {
    said: Receiver<Vec<u8>>,
    log: PathBuf,
    /// What was not yet matched.
    rest: String,
}

impl Serial {
    /// Begins to read; everything also goes to `log`.
    ///
    /// # Errors
    /// When the log cannot be made.
    pub(super) fn read(mut from: ChildStdout, log: &Path) -> Result<Self> {
        let mut file =
            File::create(log).with_context(|| format!("cannot make {}", log.display()))?;
        let (sender, said) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                let bytes = buffer[..length].to_vec();
                if file.write_all(&bytes).is_err() || sender.send(bytes).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            said,
            log: log.to_owned(),
            rest: String::new(),
        })
    }

    /// Where everything said is kept.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Forgets what was said and not asked for.
    pub fn forget(&mut self) {
        while self.said.try_recv().is_ok() {}
        self.rest.clear();
    }

    /// What was said and not matched until now, without waiting.
    pub fn so_far(&mut self) -> &str {
        while let Ok(bytes) = self.said.try_recv() {
            self.rest.push_str(&String::from_utf8_lossy(&bytes));
        }
        &self.rest
    }

    /// Waits until one of `patterns` was said; gives back its number and everything said up to its end.
    ///
    /// # Errors
    /// After `bound`, or when the machine has ended; the last lines are in the error.
    pub fn wait_for(&mut self, patterns: &[&str], bound: Duration) -> Result<(usize, String)> {
        let until = Instant::now() + bound;
        loop {
            let found = patterns
                .iter()
                .enumerate()
                .filter_map(|(number, pattern)| {
                    self.rest
                        .find(pattern)
                        .map(|at| (at + pattern.len(), number))
                })
                .min();
            if let Some((end, number)) = found {
                let after = self.rest.split_off(end);
                return Ok((number, std::mem::replace(&mut self.rest, after)));
            }
            match self
                .said
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.rest.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => {
                    let why = match error {
                        RecvTimeoutError::Timeout => format!("within {} s", bound.as_secs()),
                        RecvTimeoutError::Disconnected => "before the machine ended".to_owned(),
                    };
                    let last: Vec<&str> = self.rest.lines().rev().take(25).collect();
                    let last: Vec<&str> = last.into_iter().rev().collect();
                    bail!(
                        "none of {patterns:?} was said {why}; log: {}; last lines:\n{}",
                        self.log.display(),
                        last.join("\n")
                    );
                }
            }
            if self.rest.len() > KEPT_BYTES {
                let surplus = self.rest.len() - KEPT_BYTES;
                let cut = (surplus..)
                    .find(|at| self.rest.is_char_boundary(*at))
                    .unwrap_or(0);
                self.rest.drain(..cut);
            }
        }
    }
}
