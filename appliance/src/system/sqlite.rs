//! SQLite files that are damaged: put aside, so that a new one can be begun, and kept for whoever wants to look.

use std::path::Path;

use super::clock;
use super::durable::{self, DurableError};

/// Whether the file is no database, or a broken one (SQLITE_NOTADB, SQLITE_CORRUPT); not a full disk or a lock.
#[must_use]
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase)
    )
}

/// Moves the database at `path` to `<name>.damaged-<unix seconds>` beside it and removes its `-wal` and `-shm`.
///
/// # Errors
/// [`DurableError`].
pub fn put_aside(path: &Path) -> Result<(), DurableError> {
    let aside = path.with_extension(format!("damaged-{}", clock::unix_seconds()));
    durable::rename(path, &aside)?;
    for side in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(side);
        durable::remove(Path::new(&name))?;
    }
    Ok(())
}
