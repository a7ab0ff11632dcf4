//! Tells a snapshot's fault from the box's: how a proof ends when something does not work.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use super::error::ProveError;
use super::log::{self, Said};
use crate::database::client::SqlError;
use crate::database::private_server::ServerError;
use crate::system::process::ProcessError;

/// Why a proof does not go on.
#[derive(Debug)]
pub(super) enum Ending {
    /// The snapshot is damaged.
    Bad {
        /// In words, at least one.
        reasons: Vec<String>,
    },
    /// It could not be looked at.
    Failed(ProveError),
    /// The time is over.
    Later {
        /// Tables done.
        done: u64,
        /// Of these.
        tables: u64,
    },
}

impl Ending {
    /// One reason.
    pub(super) fn bad(reason: String) -> Self {
        Self::Bad {
            reasons: vec![reason],
        }
    }
}

impl<E: Into<ProveError>> From<E> for Ending {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Why the server did not come up.
pub(super) fn not_up(error: ServerError, log: &Path) -> Ending {
    match error {
        ServerError::Process(error) => ended(error, log),
        ServerError::Directory(error) => error.into(),
        ServerError::TooSlow(limit) => ProveError::TooSlow(limit).into(),
        ServerError::Refused(error) => refused("database root is not let in", error, log),
        ServerError::Ended => gave_up("the server ended by itself", log),
    }
}

/// How the server ended.
pub(super) fn ended(error: ProcessError, log: &Path) -> Ending {
    match &error {
        ProcessError::Failed { status, .. } => match status.signal() {
            // Nobody but the kernel for want of memory, systemd or a person sends these.
            Some(signal @ (1 | 2 | 9 | 15)) => {
                ProveError::Killed(format!("signal {signal}")).into()
            }
            _ => died(*status, error, log),
        },
        _ => error.into(),
    }
}

fn died(status: ExitStatus, error: ProcessError, log: &Path) -> Ending {
    // It never came as far as a log: the program itself could not be run.
    if length(log) == 0 {
        return error.into();
    }
    gave_up(&format!("the server gave up ({status})"), log)
}

fn gave_up(how: &str, log: &Path) -> Ending {
    let said = match said(log) {
        Ok(said) => said,
        Err(error) => return error.into(),
    };
    if let Some(lack) = said.lacks.first() {
        return ProveError::Lack(lack.clone()).into();
    }
    let why = said.why().map_or(String::new(), |why| format!(": {why}"));
    Ending::bad(format!("{how}{why}"))
}

/// A question that the server refused, or that was not answered while it runs on.
pub(super) fn refused(what: &str, error: SqlError, log: &Path) -> Ending {
    let Some(code) = error.code() else {
        return match error {
            SqlError::TooSlow(limit) => ProveError::TooSlow(limit).into(),
            error => error.into(),
        };
    };
    let lacks = said(log).map(|said| said.lacks).unwrap_or_default();
    if LACKS.contains(&code) || !lacks.is_empty() {
        let words = lacks.first().cloned().unwrap_or_else(|| error.to_string());
        return ProveError::Lack(words).into();
    }
    Ending::bad(format!("{what}: {}", words(&error)))
}

/// The server's own words, without what our error says around them.
fn words(error: &SqlError) -> String {
    match error {
        SqlError::Connect { source, .. } | SqlError::Statement(source) => match source {
            mysql_async::Error::Server(server) => format!("{} ({})", server.message, server.code),
            other => other.to_string(),
        },
        SqlError::TooSlow(_) => error.to_string(),
    }
}

/// The server's errors that say nothing of the data (mysqld_error.h): writing, disk full, out of memory, too many files or
/// connections, table of temporary data full, shutting down, interrupted, packet too large.
const LACKS: &[u16] = &[
    3, 5, 23, 1021, 1023, 1026, 1037, 1038, 1040, 1041, 1053, 1114, 1135, 1153, 1205, 1207, 1213,
    1226, 1317, 1927, 1969,
];

/// What the log says so far.
pub(super) fn said(log: &Path) -> Result<Said, ProveError> {
    let failed = |source| ProveError::Read {
        path: log.to_path_buf(),
        source,
    };
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Said::default()),
        Err(error) => return Err(failed(error)),
    };
    log::read(file).map_err(failed)
}

/// The first and the last `bytes` of a file.
pub(super) fn both_ends(path: &Path, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        // Judged before a server was started.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut kept = Vec::new();
    if length <= 2 * bytes {
        file.take(2 * bytes).read_to_end(&mut kept)?;
        return Ok(kept);
    }
    (&mut file).take(bytes).read_to_end(&mut kept)?;
    kept.extend_from_slice(b"\n[...]\n");
    file.seek(SeekFrom::Start(length - bytes))?;
    file.take(bytes).read_to_end(&mut kept)?;
    Ok(kept)
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::durable::{self, Owner};

    fn failed(raw: i32) -> ProcessError {
        ProcessError::Failed {
            argv: "mariadbd".to_string(),
            status: ExitStatus::from_raw(raw),
            stderr: String::new(),
        }
    }

    fn judged(raw: i32, text: &str) -> Ending {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        durable::write(&path, text.as_bytes(), Owner::mode(0o600)).unwrap();
        ended(failed(raw), &path)
    }

    #[test]
    fn a_killed_server_says_nothing_of_the_snapshot() {
        for signal in [9, 15] {
            let ending = judged(signal, "1 [ERROR] InnoDB: Tablespace 6 was not found\n");
            assert!(
                matches!(ending, Ending::Failed(ProveError::Killed(_))),
                "{ending:?}"
            );
        }
    }

    #[test]
    fn a_server_that_gives_up_on_what_it_read_is_a_bad_verdict() {
        for raw in [1 << 8, 6, 11] {
            let ending = judged(
                raw,
                "1 [ERROR] InnoDB: Tablespace 6 was not found\n1 [ERROR] Aborting\n",
            );
            let Ending::Bad { reasons } = ending else {
                panic!("{ending:?}");
            };
            assert!(reasons[0].contains("Tablespace 6"), "{reasons:?}");
        }
    }

    #[test]
    fn a_full_disk_or_a_program_that_cannot_run_is_not() {
        let full = judged(
            1 << 8,
            "1 [ERROR] InnoDB: Operating system error number 28 in a file operation.\n",
        );
        assert!(
            matches!(full, Ending::Failed(ProveError::Lack(_))),
            "{full:?}"
        );
        let none = judged(1 << 8, "");
        assert!(
            matches!(none, Ending::Failed(ProveError::Process(_))),
            "{none:?}"
        );
    }

    #[test]
    fn of_a_long_log_both_ends_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let text = format!("begin{}end", "x".repeat(1000));
        durable::write(&path, text.as_bytes(), Owner::mode(0o600)).unwrap();
        let kept = String::from_utf8(both_ends(&path, 20).unwrap()).unwrap();
        assert!(
            kept.starts_with("beginx") && kept.ends_with("xend") && kept.len() < 60,
            "{kept}"
        );
        assert_eq!(both_ends(&path, 504).unwrap().len(), text.len());
        assert!(both_ends(&dir.path().join("none"), 5).unwrap().is_empty());
    }
}
