//! The one place that starts other programs: argument lists, never shell strings; output bounded; the argument list and the
//! end of stderr in every error.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// What is kept of a program's stdout. Nothing that the builder reads from a program is larger.
const STDOUT_LIMIT_BYTES: u64 = 256 << 20;
/// What is kept of a program's stderr: its last lines say why it failed.
const STDERR_KEPT_BYTES: usize = 8 << 10;

/// A program could not be started, or ended with something else than success.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program is missing or may not be run.
    #[error("cannot start {argv}: {source}")]
    Start {
        /// The argument list, for people.
        argv: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program ran and failed.
    #[error("{argv}\nended with {status}:\n{stderr}")]
    Failed {
        /// The argument list, for people.
        argv: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote on stderr.
        stderr: String,
    },
    /// It wrote more than it may.
    #[error("{argv} wrote more than {STDOUT_LIMIT_BYTES} bytes")]
    TooMuch {
        /// The argument list, for people.
        argv: String,
    },
}

/// One program to run, with its arguments, folder and environment.
#[derive(Debug, Clone)]
pub struct Program {
    argv: Vec<OsString>,
    dir: Option<PathBuf>,
    env: Vec<(OsString, OsString)>,
    clean_env: bool,
}

impl Program {
    /// A program by name (looked up in PATH) or path.
    pub fn new(name: impl Into<OsString>) -> Self {
        Self {
            argv: vec![name.into()],
            dir: None,
            env: Vec::new(),
            clean_env: false,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.argv.push(arg.into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.argv.extend(args.into_iter().map(Into::into));
        self
    }

    /// The folder it runs in.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_path_buf());
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Nothing of the caller's environment, so that it cannot change what is built.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.clean_env = true;
        self
    }

    /// The argument list as a person would type it.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for arg in &self.argv {
            if !shown.is_empty() {
                shown.push(' ');
            }
            shown.push_str(&arg.to_string_lossy());
        }
        const SHOWN_LIMIT: usize = 600;
        if shown.len() > SHOWN_LIMIT {
            let cut = (0..=SHOWN_LIMIT)
                .rev()
                .find(|at| shown.is_char_boundary(*at))
                .unwrap_or(0);
            shown.truncate(cut);
            shown.push_str(" ...");
        }
        shown
    }

    #[allow(clippy::disallowed_methods)] // this is the runner
    fn command(&self) -> Command {
        let mut argv = self.argv.iter();
        let mut command = Command::new(argv.next().cloned().unwrap_or_default());
        command.args(argv);
        if self.clean_env {
            command.env_clear();
        }
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs it to its end and gives back its stdout.
    ///
    /// # Errors
    /// When it cannot be started, fails, or writes more than 256 MiB.
    pub fn run(&self) -> Result<Vec<u8>, ProcessError> {
        self.run_watched(|_| {})
    }

    /// Like [`Program::run`], and hands every line of stderr to `line` as it comes, for progress.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_watched(&self, line: impl FnMut(&str) + Send) -> Result<Vec<u8>, ProcessError> {
        let (status, stdout, stderr) = self.run_any(line)?;
        if status.success() {
            Ok(stdout)
        } else {
            Err(ProcessError::Failed {
                argv: self.shown(),
                status,
                stderr,
            })
        }
    }

    /// Runs it and gives back how it ended, with stdout and the end of stderr.
    ///
    /// # Errors
    /// When it cannot be started or writes more than 256 MiB.
    pub fn run_any(
        &self,
        mut line: impl FnMut(&str) + Send,
    ) -> Result<(ExitStatus, Vec<u8>, String), ProcessError> {
        let start = |source| ProcessError::Start {
            argv: self.shown(),
            source,
        };
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(start)?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (stdout, kept) = std::thread::scope(|scope| {
            let kept = scope.spawn(move || {
                let mut kept = String::new();
                if let Some(err) = err {
                    for text in lines_lossy(err) {
                        line(&text);
                        kept.push_str(&text);
                        kept.push('\n');
                        while kept.len() > STDERR_KEPT_BYTES {
                            let cut = kept.find('\n').map_or(kept.len(), |at| at + 1);
                            kept.drain(..cut);
                        }
                    }
                }
                kept
            });
            let mut stdout = Vec::new();
            let read = out.map(|out| out.take(STDOUT_LIMIT_BYTES + 1).read_to_end(&mut stdout));
            (
                read.transpose().map(|_| stdout),
                kept.join().unwrap_or_default(),
            )
        });
        let status = child.wait().map_err(start)?;
        let stdout = stdout.map_err(start)?;
        if stdout.len() as u64 > STDOUT_LIMIT_BYTES {
            return Err(ProcessError::TooMuch { argv: self.shown() });
        }
        Ok((status, stdout, kept))
    }

    /// Starts it with the caller's stdin, stdout and stderr, in a process group of its own when `own_group`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_attached(&self, own_group: bool) -> Result<std::process::Child, ProcessError> {
        use std::os::unix::process::CommandExt;
        let mut command = self.command();
        command.stdin(Stdio::inherit());
        if own_group {
            command.process_group(0);
        }
        command.spawn().map_err(|source| ProcessError::Start {
            argv: self.shown(),
            source,
        })
    }
}

/// Lines of a stream that may not be UTF-8; carriage returns (progress bars) end a line too.
fn lines_lossy(stream: impl Read) -> impl Iterator<Item = String> {
    let mut bytes = std::io::BufReader::new(stream).bytes();
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        loop {
            match bytes.next() {
                Some(Ok(b'\n' | b'\r')) => {
                    return Some(String::from_utf8_lossy(&line).into_owned());
                }
                Some(Ok(byte)) => line.push(byte),
                Some(Err(_)) | None if line.is_empty() => return None,
                Some(Err(_)) | None => return Some(String::from_utf8_lossy(&line).into_owned()),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_argument_list_and_the_reason() {
        let error = Program::new("sh")
            .args(["-c", "echo broken >&2; exit 3"])
            .run()
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("sh -c") && text.contains("broken") && text.contains('3'),
            "{text}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Program::new("no-such-program-here").run().unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
    }

    #[test]
    fn stderr_arrives_line_by_line_and_stdout_whole() {
        let mut lines = Vec::new();
        let out = Program::new("sh")
            .args(["-c", "printf 'a\\rb\\n' >&2; printf out"])
            .run_watched(|line| lines.push(line.to_owned()))
            .unwrap();
        assert_eq!(out, b"out");
        assert_eq!(lines, ["a", "b"]);
    }
}
