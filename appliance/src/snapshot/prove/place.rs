//! The journal's place that a recovered clone stands at: behind the last whole group of the clone's own journal, before its server
//! begins another one. Recovery commits what is in that journal and rolls back what is not. The place that InnoDB says ("Last
//! binlog file") lies before those transactions that were prepared only.

use std::io::ErrorKind;
use std::path::Path;

use super::error::ProveError;
use super::judge::Ending;
use crate::database::journal::{self, JournalError};
use crate::snapshot::manifest::Binlog;

/// Of the data directory `data`, on which no server was started yet. `None`: this database keeps no journal.
pub(super) fn place(data: &Path) -> Result<Option<Binlog>, Ending> {
    let found = journal::last(data).and_then(|last| {
        let name = last.file_name().unwrap_or_default();
        Ok(Binlog {
            file: name.to_string_lossy().into_owned(),
            position: journal::end(&last)?,
        })
    });
    match found {
        Ok(place) => Ok(Some(place)),
        Err(JournalError::None(_)) => Ok(None),
        Err(JournalError::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(JournalError::Not(path)) => {
            Err(Ending::bad(format!("{} is no journal", path.display())))
        }
        Err(JournalError::File { path, source }) => Err(ProveError::Read { path, source }.into()),
    }
}
