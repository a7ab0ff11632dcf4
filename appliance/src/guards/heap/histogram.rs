//! What fills Java's heap, asked through HotSpot's attach protocol (JDK's attachListener_posix.cpp: a unix socket
//! `/tmp/.java_pid<pid>`, request `1\0inspectheap\0<three arguments>`, answer a status line and the text). jcmd would do
//! the same, but is not in a JRE. Runs as OpenMRS's user inside its sandbox, started by `-XX:OnOutOfMemoryError=`.
//!
//! HotSpot runs that command while all of Java stands still and waits for its end, so the unit puts it in the background;
//! and it ends Java itself, since `ExitOnOutOfMemoryError` would end Java before it could answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{kept, name};
use crate::system::durable::{self, DurableError, Owner};

/// A heap of 4 GiB is counted in seconds; after that Java is too far gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// The largest classes come first.
const LINE_LIMIT: usize = 200;
const ANSWER_LIMIT_BYTES: u64 = 256 * 1024;
const KEPT: usize = 5;

/// Why no histogram was kept.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// Not a process id.
    #[error("{0} is no process id")]
    Pid(i32),
    /// Java did not answer.
    #[error("Java did not tell what fills its heap ({socket}): {source}")]
    Java {
        /// Its socket.
        socket: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// Java answered with an error.
    #[error("Java refused to tell what fills its heap: {0}")]
    Refused(String),
    /// It could not be kept.
    #[error("{0}")]
    Keep(#[from] DurableError),
}

/// Asks the Java process `pid`, keeps the answer in `directory`, and gives the file's path.
///
/// # Errors
/// [`HistogramError`]; older histograms stay.
pub fn keep(temporary: &Path, directory: &Path, pid: i32) -> Result<PathBuf, HistogramError> {
    let socket = temporary.join(format!(".java_pid{pid}"));
    let answer = ask(&socket).map_err(|source| HistogramError::Java { socket, source })?;
    let text = histogram(&answer).map_err(HistogramError::Refused)?;
    durable::directory(directory, Owner::mode(0o700))?;
    let numbers = kept(directory);
    let next = numbers
        .last()
        .map_or(1, |last| last.wrapping_add(1) % 1_000_000);
    let path = directory.join(name(next));
    durable::write(&path, text.as_bytes(), Owner::mode(0o600))?;
    let surplus = (numbers.len() + 1).saturating_sub(KEPT);
    for old in numbers.iter().take(surplus) {
        durable::remove(&directory.join(name(*old)))?;
    }
    Ok(path)
}

/// Ends Java at once: after an exhausted heap no thread of it can be trusted to end in order.
///
/// # Errors
/// When there is no such process (any more), or it is somebody else's.
pub fn end(pid: i32) -> Result<(), HistogramError> {
    let process = Pid::from_raw(pid).filter(|_| pid > 1);
    let process = process.ok_or(HistogramError::Pid(pid))?;
    kill_process(process, Signal::KILL).map_err(|error| HistogramError::Java {
        socket: PathBuf::from(format!("process {pid}")),
        source: error.into(),
    })
}

fn ask(socket: &Path) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    // -all: without a collection first; on an exhausted heap it would take longest and free nothing.
    stream.write_all(b"1\0inspectheap\0-all\0\0\0")?;
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_LIMIT_BYTES).read_to_end(&mut answer);
    match read {
        // The first lines say what is wanted; Java may die while it tells the rest.
        Err(_) if answer.len() > 4096 => Ok(answer),
        Err(error) => Err(error),
        Ok(_) => Ok(answer),
    }
}

/// The text after the status line, its first lines only.
///
/// # Errors
/// What Java said instead.
pub fn histogram(answer: &[u8]) -> Result<String, String> {
    let answer = String::from_utf8_lossy(answer);
    let (status, text) = answer.split_once('\n').unwrap_or((&answer, ""));
    if status.trim() != "0" || text.trim().is_empty() {
        return Err(answer.chars().take(300).collect());
    }
    let lines: Vec<&str> = text.lines().take(LINE_LIMIT).collect();
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_newest_five_are_kept_and_are_told_by_number_not_by_time() {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(".java_pid42")).unwrap();
        let java = std::thread::spawn(move || {
            for _ in 0..7 {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = [0; 21];
                stream.read_exact(&mut asked).unwrap();
                assert_eq!(&asked, b"1\0inspectheap\0-all\0\0\0");
                let lines = "   1:   10   1000 [B\n".repeat(1000);
                stream.write_all(format!("0\n{lines}").as_bytes()).unwrap();
            }
        });
        let kept_in = dir.path().join("histograms");
        for _ in 0..7 {
            keep(dir.path(), &kept_in, 42).unwrap();
        }
        java.join().unwrap();
        assert_eq!(kept(&kept_in), [3, 4, 5, 6, 7]);
        let text = std::fs::read_to_string(kept_in.join(name(7))).unwrap();
        assert_eq!(text.lines().count(), LINE_LIMIT);
    }

    #[test]
    fn a_java_that_is_gone_leaves_what_was_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            keep(dir.path(), dir.path(), 42),
            Err(HistogramError::Java { .. })
        ));
        assert!(matches!(end(1), Err(HistogramError::Pid(1))));
        assert!(matches!(end(0), Err(HistogramError::Pid(0))));
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader(answer in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(text) = histogram(&answer) {
                prop_assert!(text.lines().count() <= LINE_LIMIT);
            }
        }

        #[test]
        fn only_names_of_our_form_count(name in "[0-9a-z./]{0,12}") {
            if let Some(number) = super::super::number(&name) {
                prop_assert_eq!(super::super::name(number), name);
            }
        }
    }
}
