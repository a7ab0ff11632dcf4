//! Other programs. Those that go on end with the thread that started them, also if that is killed.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use posto::system::clock::pause;

/// One that goes on.
pub(crate) struct Program(pub(crate) Child);

impl Program {
    pub(crate) fn start<W: AsRef<OsStr>>(path: impl AsRef<OsStr>, words: &[W]) -> Self {
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(path)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Waits until it listens there; for the machine that this thread is in.
    pub(crate) fn listening(mut self, at: SocketAddr) -> Self {
        for _ in 0..200 {
            if TcpStream::connect(at).is_ok() {
                return self;
            }
            if self.0.try_wait().unwrap().is_some() {
                break;
            }
            pause(Duration::from_millis(50));
        }
        self.0.kill().ok();
        let said = std::io::read_to_string(self.0.stderr.take().unwrap());
        panic!("does not listen at {at}: {}", said.unwrap_or_default());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// One that ends, well or not; what it printed, or what it said.
pub(crate) fn try_run<W: AsRef<OsStr>>(
    path: impl AsRef<OsStr>,
    words: &[W],
) -> Result<String, String> {
    let output = Command::new(path.as_ref())
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&[output.stdout, output.stderr].concat()))
    }
}

/// One that ends well.
pub(crate) fn run<W: AsRef<OsStr>>(path: impl AsRef<OsStr>, words: &[W]) -> String {
    try_run(path.as_ref(), words)
        .unwrap_or_else(|said| panic!("{}: {said}", path.as_ref().display()))
}

/// One that is unpacked where `POSTO_WIRE_PROGRAMS` says, or installed.
pub(crate) fn found(name: &str) -> PathBuf {
    let unpacked = std::env::var_os("POSTO_WIRE_PROGRAMS").map(PathBuf::from);
    ["bin", "sbin"]
        .iter()
        .filter_map(|rest| Some(unpacked.as_ref()?.join(rest).join(name)))
        .find(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}
