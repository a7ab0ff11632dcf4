//! The server's journal (binlog) as files: which one is the last, whether the server closed it, where its last whole change ends.
//! Formats: sql/log_event.h, sql/log.cc (`do_binlog_recovery`), tried with MariaDB 10.11 and 11.8.

mod groups;

pub use groups::end;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::system::durable;

/// The list of journals in a data directory, oldest first.
const INDEX: &str = "binlog.index";
/// 512 MiB of journals of 64 MiB, and many restarts.
const INDEX_LIMIT_BYTES: u64 = 1 << 20;
/// Every journal begins with it, a format description event comes next.
const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];
/// Of an event's head: time 4, type 1, server 4, length 4, end 4, flags 2.
const HEAD_BYTES: usize = 19;
const TYPE_AT: usize = 4;
const LENGTH_AT: usize = 9;
const FLAGS_AT: usize = 17;
const FORMAT_DESCRIPTION: u8 = 15;
/// `LOG_EVENT_BINLOG_IN_USE_F`, in the first event's flags: set while the server writes this journal, taken away as it closes it.
/// No checksum counts it.
const IN_USE: u8 = 1;

/// What the last journal says of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The server closed it: its next start takes no transaction from it.
    Closed,
    /// It was being written: the server's next start looks up in it what became of transactions.
    InUse,
}

/// Why the journal gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is none.
    #[error("{0} names no journal")]
    None(PathBuf),
    /// It is no journal, or not a plain file of the database's.
    #[error("{0} is not a journal that the server wrote")]
    Not(PathBuf),
    /// The disk.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// The last journal of the data directory `data`.
///
/// # Errors
/// [`JournalError`].
pub fn last(data: &Path) -> Result<PathBuf, JournalError> {
    let index = data.join(INDEX);
    let mut text = String::new();
    open(&index, false)?
        .take(INDEX_LIMIT_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| JournalError::File {
            path: index.clone(),
            source,
        })?;
    name_of_last(&text)
        .map(|name| data.join(name))
        .ok_or(JournalError::None(index))
}

/// `./binlog.000001` a line; a clone's index may name another directory.
fn name_of_last(index: &str) -> Option<&str> {
    let line = index.lines().rfind(|line| !line.trim().is_empty())?;
    let name = line.trim().rsplit('/').next()?;
    (!name.is_empty() && name != "." && name != "..").then_some(name)
}

/// What `journal` says of its end.
///
/// # Errors
/// [`JournalError`].
pub fn state(journal: &Path) -> Result<State, JournalError> {
    flags(journal, &open(journal, false)?).map(|flags| match flags & IN_USE {
        0 => State::Closed,
        _ => State::InUse,
    })
}

/// Marks `journal` as one that was being written, durably. The server's next start then does what it does after any power cut: it
/// commits those prepared transactions that are in the journal and rolls back the others.
///
/// # Errors
/// [`JournalError`]; the journal is as it was, or marked.
pub fn reopen(journal: &Path) -> Result<(), JournalError> {
    let file = open(journal, true)?;
    let flags = flags(journal, &file)?;
    let at = (MAGIC.len() + FLAGS_AT) as u64;
    durable::write_byte(&file, at, flags | IN_USE).map_err(|source| JournalError::File {
        path: journal.to_path_buf(),
        source,
    })
}

/// The low byte of the first event's flags.
fn flags(journal: &Path, file: &File) -> Result<u8, JournalError> {
    let mut head = [0; MAGIC.len() + HEAD_BYTES];
    match file.read_exact_at(&mut head, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(JournalError::Not(journal.to_path_buf()));
        }
        Err(source) => {
            return Err(JournalError::File {
                path: journal.to_path_buf(),
                source,
            });
        }
    }
    flags_in(&head).ok_or_else(|| JournalError::Not(journal.to_path_buf()))
}

fn flags_in(head: &[u8]) -> Option<u8> {
    let event = head.strip_prefix(&MAGIC)?;
    (*event.get(TYPE_AT)? == FORMAT_DESCRIPTION)
        .then(|| event.get(FLAGS_AT).copied())
        .flatten()
}

/// A plain file with one name: the directory is the database's, and root must not be led elsewhere by it.
fn open(path: &Path, write: bool) -> Result<File, JournalError> {
    let failed = |source| JournalError::File {
        path: path.to_path_buf(),
        source,
    };
    let links = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .read(true)
        .write(write)
        .custom_flags(links.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(JournalError::Not(path.to_path_buf()));
    }
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first bytes of a journal of 11.8.6, in use.
    fn journal(flags: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut event = vec![0; 252];
        event[TYPE_AT] = FORMAT_DESCRIPTION;
        event[LENGTH_AT] = 252;
        event[FLAGS_AT] = flags;
        bytes.extend(event);
        bytes
    }

    #[test]
    fn a_closed_journal_is_reopened_and_nothing_else_of_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("binlog.000007");
        std::fs::write(&path, journal(0)).unwrap();
        assert_eq!(state(&path).unwrap(), State::Closed);
        reopen(&path).unwrap();
        assert_eq!(state(&path).unwrap(), State::InUse);
        reopen(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), journal(IN_USE));
    }

    #[test]
    fn the_last_journal_is_the_last_that_the_index_names() {
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join(INDEX);
        assert!(matches!(last(dir.path()), Err(JournalError::File { .. })));
        std::fs::write(&index, "\n").unwrap();
        assert!(matches!(last(dir.path()), Err(JournalError::None(_))));
        std::fs::write(&index, "./binlog.000001\n/elsewhere/binlog.000002\n").unwrap();
        assert_eq!(last(dir.path()).unwrap(), dir.path().join("binlog.000002"));
    }

    #[test]
    fn links_and_other_files_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("victim"), journal(0)).unwrap();
        std::os::unix::fs::symlink(at("victim"), at("link")).unwrap();
        assert!(matches!(
            reopen(&at("link")),
            Err(JournalError::File { .. })
        ));
        std::fs::hard_link(at("victim"), at("second name")).unwrap();
        for name in ["victim", "second name"] {
            assert!(matches!(reopen(&at(name)), Err(JournalError::Not(_))));
        }
        for (name, content) in [
            ("empty", Vec::new()),
            ("short", journal(0)[..20].to_vec()),
            ("other", vec![b'x'; 400]),
        ] {
            std::fs::write(at(name), &content).unwrap();
            assert!(matches!(reopen(&at(name)), Err(JournalError::Not(_))));
            assert_eq!(std::fs::read(at(name)).unwrap(), content);
        }
    }

    proptest! {
        #[test]
        fn no_index_leads_out_of_the_data_directory(index in "[a-z./\n ]{0,40}") {
            if let Some(name) = name_of_last(&index) {
                let path = Path::new("/data").join(name);
                prop_assert_eq!(path.parent(), Some(Path::new("/data")));
                prop_assert!(name != ".." && name != ".");
            }
        }
    }
}
