//! What boxes say of themselves, noted.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Standing, Store, StoreError, standing_of};
use crate::health::hello::Hello;

/// More unknown boxes than these do not wait at once: whoever can make keys could fill the disk.
pub(super) const WAITING_LIMIT: u32 = 1_000;
/// One that waits and has not said hello for so long is forgotten, seconds.
pub(super) const WAITING_S: u64 = 30 * 24 * 3600;

/// What became of a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// A box not known before: it waits now.
    New,
    /// Known; what it says was noted.
    Known(Standing),
    /// Older than what is known.
    Old(Standing),
    /// So many wait that nothing was kept.
    Full,
}

impl Store {
    /// Notes what a box says of itself.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn hear(&mut self, hello: &Hello, now_s: u64) -> Result<Heard, StoreError> {
        let done = (|| {
            let change = self.connection.transaction()?;
            let known: Option<(i64, u32, u8, String)> = change
                .query_row(
                    "SELECT id, hello_sequence, standing, facility FROM box WHERE key = ?1",
                    [hello.key.as_bytes()],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                )
                .optional()?;
            let heard = match known {
                Some((_, sequence, standing, _)) if hello.sequence < sequence => {
                    Heard::Old(standing_of(standing))
                }
                Some((id, _, standing, facility)) => {
                    let standing = standing_of(standing);
                    renew(&change, id, standing, &facility, hello, now_s)?;
                    Heard::Known(standing)
                }
                None => begin_to_wait(&change, hello, now_s)?,
            };
            change.commit()?;
            Ok(heard)
        })();
        done.map_err(|source| self.failed(source))
    }
}

/// A known box says something new. An approved one keeps its facility until somebody approves the other one.
fn renew(
    change: &Transaction<'_>,
    id: i64,
    standing: Standing,
    facility: &str,
    hello: &Hello,
    now_s: u64,
) -> rusqlite::Result<()> {
    let said = hello.facility.as_str();
    let (facility, wants) = if standing == Standing::Approved {
        (facility, Some(said).filter(|said| *said != facility))
    } else {
        (said, None)
    };
    change
        .execute(
            "UPDATE box SET facility = ?2, wants = ?3, name = ?4, release = ?5, built_s = ?6,
               hello_sequence = ?7, hello_s = ?8 WHERE id = ?1",
            params![
                id,
                facility,
                wants,
                hello.name.as_str(),
                hello.release.as_str(),
                hello.release_built_s,
                hello.sequence,
                now_s
            ],
        )
        .map(drop)
}

fn begin_to_wait(change: &Transaction<'_>, hello: &Hello, now_s: u64) -> rusqlite::Result<Heard> {
    change.execute(
        "DELETE FROM box WHERE standing = 0 AND hello_s < ?1",
        [now_s.saturating_sub(WAITING_S)],
    )?;
    let waiting: u32 =
        change.query_row("SELECT count(*) FROM box WHERE standing = 0", [], |row| {
            row.get(0)
        })?;
    if waiting >= WAITING_LIMIT {
        return Ok(Heard::Full);
    }
    insert(change, hello, Standing::Waiting, now_s)?;
    Ok(Heard::New)
}

pub(super) fn insert(
    change: &Transaction<'_>,
    hello: &Hello,
    standing: Standing,
    now_s: u64,
) -> rusqlite::Result<()> {
    change
        .prepare_cached(
            "INSERT INTO box (key, facility, name, release, built_s, hello_sequence, standing, first_s, hello_s)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
        )?
        .execute(params![
            hello.key.as_bytes(),
            hello.facility.as_str(),
            hello.name.as_str(),
            hello.release.as_str(),
            hello.release_built_s,
            hello.sequence,
            standing as u8,
            now_s
        ])
        .map(drop)
}
