//! The one runner of other programs: an argv without a shell, bounded output, the end of stderr in the error,
//! and a program that is no longer watched is killed.

mod error;

pub use error::ProcessError;

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How much of the end of stderr an error carries.
pub const STDERR_TAIL_BYTES: usize = 8 * 1024;
/// How much standard output [`Invocation::run`] takes before it gives up on the program.
pub const STDOUT_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A program to run. Starts with an empty standard input and the caller's environment.
#[derive(Debug)]
pub struct Invocation {
    argv: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    user: Option<u32>,
    stdin: Input,
    capture_stdout: bool,
}

#[derive(Debug)]
enum Input {
    Empty,
    Bytes(Vec<u8>),
    Piped,
    From(OwnedFd),
}

impl Invocation {
    /// `program` by path or by name on PATH.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            argv: vec![program.as_ref().to_os_string()],
            env: Vec::new(),
            directory: None,
            user: None,
            stdin: Input::Empty,
            capture_stdout: false,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.argv.push(arg.as_ref().to_os_string());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.argv
            .extend(args.into_iter().map(|arg| arg.as_ref().to_os_string()));
        self
    }

    /// One environment variable besides the caller's.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_os_string(), value.as_ref().to_os_string()));
        self
    }

    /// The working directory.
    #[must_use]
    pub fn in_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Runs as this user and group (uid = gid on the box), with no other groups. Only root may.
    #[must_use]
    pub fn as_user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// The kernel kills the program when the *thread* that started it ends, kill -9 of this process included.
    /// Start it from a thread that outlives it. Call after the arguments' program is set; uses util-linux's setpriv.
    #[must_use]
    pub fn dies_with_us(mut self) -> Self {
        let mut argv: Vec<OsString> = ["/usr/bin/setpriv", "--pdeathsig", "KILL"]
            .map(Into::into)
            .into();
        if let Some(id) = self.user.take() {
            // setpriv changes the user itself: changing it afterwards would clear the death signal.
            argv.push(format!("--reuid={id}").into());
            argv.push(format!("--regid={id}").into());
            argv.push("--clear-groups".into());
        }
        argv.push("--".into());
        argv.append(&mut self.argv);
        self.argv = argv;
        self
    }

    /// Gives the program these bytes on standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Input::Bytes(bytes.into());
        self
    }

    /// Standard input is this open file.
    #[must_use]
    pub fn stdin_from(mut self, file: OwnedFd) -> Self {
        self.stdin = Input::From(file);
        self
    }

    /// Standard input is a pipe: [`Running::stdin`].
    #[must_use]
    pub fn piped_stdin(mut self) -> Self {
        self.stdin = Input::Piped;
        self
    }

    /// Standard output is a pipe: [`Running::stdout`]. Otherwise it goes to /dev/null.
    #[must_use]
    pub fn piped_stdout(mut self) -> Self {
        self.capture_stdout = true;
        self
    }

    /// Runs it to its end and gives its standard output.
    ///
    /// # Errors
    /// Any [`ProcessError`]; a program that is not done within `limit` is killed.
    pub fn run(self, limit: Duration) -> Result<Vec<u8>, ProcessError> {
        let mut running = self.piped_stdout().spawn()?;
        let reader = running
            .stdout()
            .map(|stdout| std::thread::spawn(move || all_of(stdout)));
        let ended = running.wait(limit);
        let output = match reader {
            // A grandchild may hold the pipe open after the program's end: without a good end the wait is short.
            Some(reader) if ended.is_ok() || soon_done(&reader) => {
                reader.join().unwrap_or_else(|_| Ok(Vec::new()))
            }
            _ => Ok(Vec::new()),
        };
        ended.map_err(|error| error.with_output(&output))?;
        let output = output.map_err(|source| ProcessError::Pipe {
            argv: running.argv.clone(),
            source,
        })?;
        if output.len() > STDOUT_LIMIT_BYTES {
            return Err(ProcessError::TooMuch {
                argv: running.argv.clone(),
                limit_bytes: STDOUT_LIMIT_BYTES,
            });
        }
        Ok(output)
    }

    /// Becomes the program: it takes this process's place, terminal and standard streams. Comes back only with the reason
    /// why it could not. Only argv, environment and directory count.
    #[must_use]
    pub fn become_it(self) -> ProcessError {
        match self.command() {
            Ok((mut command, argv)) => ProcessError::Start {
                argv,
                source: command.exec(),
            },
            Err(error) => error,
        }
    }

    /// Runs it on this process's own terminal and standard streams, to its end. Only argv, environment and directory count.
    ///
    /// # Errors
    /// [`ProcessError::Start`], or [`ProcessError::Failed`] with its status; its words went to the terminal.
    pub fn run_here(self) -> Result<(), ProcessError> {
        let (mut command, argv) = self.command()?;
        let status = command.status().map_err(|source| ProcessError::Start {
            argv: argv.clone(),
            source,
        })?;
        if status.success() {
            return Ok(());
        }
        Err(ProcessError::Failed {
            argv,
            status,
            stderr: String::new(),
        })
    }

    /// What the standard library runs, with argv, environment and directory set, and its command line for messages.
    #[allow(clippy::disallowed_methods, reason = "the runner itself")]
    fn command(&self) -> Result<(Command, String), ProcessError> {
        let argv = self
            .argv
            .iter()
            .map(|arg| arg.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        let Some((program, args)) = self.argv.split_first() else {
            return Err(ProcessError::Start {
                argv,
                source: std::io::ErrorKind::InvalidInput.into(),
            });
        };
        let mut command = Command::new(program);
        command
            .args(args)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        Ok((command, argv))
    }

    /// Starts it. Dropping what comes back kills it.
    ///
    /// # Errors
    /// [`ProcessError::Start`].
    pub fn spawn(self) -> Result<Running, ProcessError> {
        let (mut command, argv) = self.command()?;
        // An own group: Ctrl-C at the terminal reaches posto alone, which then ends its programs in order.
        command.process_group(0).stderr(Stdio::piped());
        if let Some(id) = self.user {
            // As root, std drops all other groups when it changes the user.
            command.uid(id).gid(id);
        }
        let (stdin, bytes) = match self.stdin {
            Input::Empty => (Stdio::null(), None),
            Input::Bytes(bytes) => (Stdio::piped(), Some(bytes)),
            Input::Piped => (Stdio::piped(), None),
            Input::From(file) => (Stdio::from(file), None),
        };
        command.stdin(stdin);
        command.stdout(if self.capture_stdout {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let mut child = command.spawn().map_err(|source| ProcessError::Start {
            argv: argv.clone(),
            source,
        })?;
        let stderr = child
            .stderr
            .take()
            .map(|stderr| std::thread::spawn(move || tail_of(stderr)));
        if let Some(bytes) = bytes
            && let Some(mut stdin) = child.stdin.take()
        {
            // A program that ends without reading all of it says so by its own status.
            std::thread::spawn(move || stdin.write_all(&bytes));
        }
        Ok(Running {
            child,
            argv,
            stderr,
            ended: None,
        })
    }
}

/// A program under way. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Running {
    child: Child,
    argv: String,
    stderr: Option<JoinHandle<Vec<u8>>>,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, once, if asked for by [`Invocation::piped_stdin`]. Dropping it closes it.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its standard output, once, if asked for by [`Invocation::piped_stdout`].
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether it has ended, and how, without waiting.
    ///
    /// # Errors
    /// [`ProcessError::Failed`] when it ended with an error.
    pub fn has_ended(&mut self) -> Result<bool, ProcessError> {
        let ended = self.child.try_wait().map_err(|source| self.pipe(source))?;
        match ended {
            None => Ok(false),
            Some(status) => self.judge(status).map(|()| true),
        }
    }

    /// Waits for its end, at most `limit`; then kills it.
    ///
    /// # Errors
    /// [`ProcessError::Failed`] or [`ProcessError::TooSlow`].
    pub fn wait(&mut self, limit: Duration) -> Result<(), ProcessError> {
        if self.await_end(limit)? {
            let status = self.child.wait().map_err(|source| self.pipe(source))?;
            return self.judge(status);
        }
        self.kill();
        let stderr = self.stderr_text();
        Err(ProcessError::TooSlow {
            argv: self.argv.clone(),
            limit,
            stderr,
        })
    }

    /// Asks it to end (SIGTERM), waits at most `limit`, then kills it.
    ///
    /// # Errors
    /// [`ProcessError::Failed`] when it ended with an error, [`ProcessError::TooSlow`] when it had to be killed.
    pub fn terminate(&mut self, limit: Duration) -> Result<(), ProcessError> {
        if self.ended.is_none() {
            // It may have ended meanwhile; the wait tells.
            let _ = self.signal(rustix::process::Signal::TERM);
        }
        self.wait(limit)
    }

    /// The command line, for messages.
    #[must_use]
    pub fn argv(&self) -> &str {
        &self.argv
    }

    fn await_end(&mut self, limit: Duration) -> Result<bool, ProcessError> {
        if self.ended.is_some() {
            return Ok(true);
        }
        let pid = rustix::process::Pid::from_child(&self.child);
        let watch = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
            .map_err(|error| self.pipe(error.into()))?;
        let started = Instant::now();
        loop {
            let left = limit.saturating_sub(started.elapsed());
            let wait = rustix::time::Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let mut events = [rustix::event::PollFd::from_borrowed_fd(
                watch.as_fd(),
                rustix::event::PollFlags::IN,
            )];
            match rustix::event::poll(&mut events, Some(&wait)) {
                Ok(0) if left.is_zero() => return Ok(false),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(self.pipe(error.into())),
            }
        }
    }

    fn judge(&mut self, status: ExitStatus) -> Result<(), ProcessError> {
        self.ended = Some(status);
        if status.success() {
            return Ok(());
        }
        let stderr = self.stderr_text();
        Err(ProcessError::Failed {
            argv: self.argv.clone(),
            status,
            stderr,
        })
    }

    fn stderr_text(&mut self) -> String {
        let tail = self.stderr.take().and_then(|reader| reader.join().ok());
        String::from_utf8_lossy(&tail.unwrap_or_default())
            .trim()
            .to_string()
    }

    fn signal(&self, signal: rustix::process::Signal) -> rustix::io::Result<()> {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal)
    }

    fn kill(&mut self) {
        if self.ended.is_none() {
            // The group: a program's own children would otherwise outlive it and hold its pipes.
            let _ = rustix::process::kill_process_group(
                rustix::process::Pid::from_child(&self.child),
                rustix::process::Signal::KILL,
            );
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }

    fn pipe(&self, source: std::io::Error) -> ProcessError {
        ProcessError::Pipe {
            argv: self.argv.clone(),
            source,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn soon_done<T>(reader: &JoinHandle<T>) -> bool {
    for _ in 0..20 {
        if reader.is_finished() {
            return true;
        }
        crate::system::clock::pause(Duration::from_millis(25));
    }
    false
}

fn all_of(mut stdout: ChildStdout) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    (&mut stdout)
        .take(STDOUT_LIMIT_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn tail_of(mut from: impl Read) -> Vec<u8> {
    let mut tail: Vec<u8> = Vec::new();
    let mut buffer = [0u8; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        tail.extend(buffer.get(..count).unwrap_or_default());
        if tail.len() > STDERR_TAIL_BYTES {
            tail.drain(..tail.len() - STDERR_TAIL_BYTES);
        }
    }
    tail
}

#[cfg(test)]
mod tests;
