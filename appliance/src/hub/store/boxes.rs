//! Boxes by their keys: who waits, who was approved by whom, whom a new one has superseded.

use ed25519_dalek::VerifyingKey;
use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError};
use crate::box_key::Fingerprint;
use crate::health::cose::KeyId;
use crate::health::hello::Hello;
use crate::hub::rhythm::Rhythm;

/// More unknown boxes than these do not wait at once: whoever can make keys could fill the disk.
const WAITING_LIMIT: u32 = 1_000;
/// One that waits and has not said hello for so long is forgotten, seconds.
const WAITING_S: u64 = 30 * 24 * 3600;

/// Where a box stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has said hello; an officer has to compare its fingerprint.
    Waiting,
    /// Its frames are kept.
    Approved,
    /// Another box was approved in its place.
    Superseded,
    /// An officer has refused it.
    Refused,
}

impl Standing {
    const ALL: [Self; 4] = [
        Self::Waiting,
        Self::Approved,
        Self::Superseded,
        Self::Refused,
    ];

    /// For files and addresses.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
        }
    }
}

/// A box that has said hello once.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownBox {
    /// In the store.
    pub id: i64,
    /// Its public key.
    pub key: VerifyingKey,
    /// The facility that it belongs to, or says to.
    pub facility: String,
    /// Another facility that it now says to belong to; to be approved.
    pub wants: Option<String>,
    /// The facility's name, as the box says it.
    pub name: String,
    /// The release that it runs.
    pub release: String,
    /// When that was built, seconds since 1970.
    pub built_s: u32,
    /// The number of its last hello.
    pub hello_sequence: u32,
    /// Where it stands.
    pub standing: Standing,
    /// First hello.
    pub first_s: u64,
    /// Newest hello.
    pub hello_s: u64,
    /// When somebody decided.
    pub decided_s: Option<u64>,
    /// Who.
    pub decided_by: Option<String>,
    /// Frames up to this number were thinned: they were here.
    pub thinned_to: u32,
    /// When it is usually heard.
    pub rhythm: Rhythm,
}

impl KnownBox {
    /// What people compare.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.key)
    }

    /// Whether an officer has something to decide.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.standing == Standing::Waiting || self.wants.is_some()
    }
}

/// How frames name a key: the first 8 bytes of its SHA-256.
#[must_use]
pub fn key_id(key: &VerifyingKey) -> KeyId {
    use sha2::{Digest, Sha256};
    let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let mut id = KeyId::default();
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    id
}

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

const COLUMNS: &str = "id, key, facility, wants, name, release, built_s, hello_sequence, standing, first_s, hello_s, decided_s, \
     decided_by, thinned_to, rhythm";

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
                    // An approved box keeps its facility until somebody approves the other one.
                    let moves =
                        standing == Standing::Approved && facility != hello.facility.as_str();
                    change.execute(
                        "UPDATE box SET facility = ?2, wants = ?3, name = ?4, release = ?5, built_s = ?6,
                           hello_sequence = ?7, hello_s = ?8 WHERE id = ?1",
                        params![
                            id,
                            if standing == Standing::Approved { &facility } else { hello.facility.as_str() },
                            moves.then_some(hello.facility.as_str()),
                            hello.name.as_str(),
                            hello.release.as_str(),
                            hello.release_built_s,
                            hello.sequence,
                            now_s
                        ],
                    )?;
                    Heard::Known(standing)
                }
                None => {
                    change.execute(
                        "DELETE FROM box WHERE standing = 0 AND hello_s < ?1",
                        [now_s.saturating_sub(WAITING_S)],
                    )?;
                    let waiting: u32 = change.query_row(
                        "SELECT count(*) FROM box WHERE standing = 0",
                        [],
                        |row| row.get(0),
                    )?;
                    if waiting >= WAITING_LIMIT {
                        Heard::Full
                    } else {
                        insert(&change, hello, Standing::Waiting, now_s)?;
                        Heard::New
                    }
                }
            };
            change.commit()?;
            Ok(heard)
        })();
        done.map_err(|source| self.failed(source))
    }

    /// Approves the box with that fingerprint: its frames are kept from now on, under the facility that it says. Another one that
    /// was approved for the same facility is superseded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn approve(
        &mut self,
        fingerprint: Fingerprint,
        by: &str,
        now_s: u64,
    ) -> Result<KnownBox, StoreError> {
        let mut known = self.find(fingerprint)?;
        let facility = known.wants.take().unwrap_or(known.facility);
        let done = (|| {
            let change = self.connection.transaction()?;
            change.execute(
                "UPDATE box SET standing = 2, decided_s = ?3, decided_by = ?4
                 WHERE standing = 1 AND facility = ?1 AND id <> ?2",
                params![facility, known.id, now_s, by],
            )?;
            change.execute(
                "UPDATE box SET standing = 1, facility = ?2, wants = NULL, decided_s = ?3, decided_by = ?4 WHERE id = ?1",
                params![known.id, facility, now_s, by],
            )?;
            change.commit()
        })();
        done.map_err(|source| self.failed(source))?;
        self.find(fingerprint)
    }

    /// Refuses a box: nothing of it is kept any more. What was kept stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn refuse(
        &mut self,
        fingerprint: Fingerprint,
        by: &str,
        now_s: u64,
    ) -> Result<KnownBox, StoreError> {
        let known = self.find(fingerprint)?;
        // Refusing a move leaves the box where it is.
        let statement = if known.wants.is_some() {
            "UPDATE box SET wants = NULL, decided_s = ?2, decided_by = ?3 WHERE id = ?1"
        } else {
            "UPDATE box SET standing = 3, decided_s = ?2, decided_by = ?3 WHERE id = ?1"
        };
        self.connection
            .execute(statement, params![known.id, now_s, by])
            .map_err(|source| self.failed(source))?;
        self.find(fingerprint)
    }

    /// All boxes.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn boxes(&self) -> Result<Vec<KnownBox>, StoreError> {
        let list = || {
            let mut query = self
                .connection
                .prepare(&format!("SELECT {COLUMNS} FROM box ORDER BY id"))?;
            let boxes = query.query_map([], read)?;
            // A row whose key is none would be somebody else's writing; it is passed over.
            Ok(boxes
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .flatten()
                .collect())
        };
        list().map_err(|source| self.failed(source))
    }

    /// Adds boxes that are approved from the start: for a hub whose boxes are known beforehand (and for tests).
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn add_approved(
        &mut self,
        hellos: &[Hello],
        by: &str,
        now_s: u64,
    ) -> Result<(), StoreError> {
        let done = (|| {
            let change = self.connection.transaction()?;
            for hello in hellos {
                insert(&change, hello, Standing::Approved, now_s)?;
            }
            change.execute(
                "UPDATE box SET decided_s = ?1, decided_by = ?2 WHERE standing = 1 AND decided_s IS NULL",
                params![now_s, by],
            )?;
            change.commit()
        })();
        done.map_err(|source| self.failed(source))
    }

    /// Keeps the rhythms of these boxes.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn keep_rhythms<'a>(
        &mut self,
        rhythms: impl Iterator<Item = (i64, &'a Rhythm)>,
    ) -> Result<(), StoreError> {
        let done = (|| {
            let change = self.connection.transaction()?;
            for (id, rhythm) in rhythms {
                let text = serde_json::to_string(rhythm).unwrap_or_default();
                change
                    .prepare_cached("UPDATE box SET rhythm = ?2 WHERE id = ?1")?
                    .execute(params![id, text])?;
            }
            change.commit()
        })();
        done.map_err(|source| self.failed(source))
    }

    /// The boxes of a facility, of now or before, the newest last.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn boxes_of(&self, facility: &str) -> Result<Vec<KnownBox>, StoreError> {
        let list = || {
            let mut query = self.connection.prepare(&format!(
                "SELECT {COLUMNS} FROM box WHERE facility = ?1 ORDER BY id"
            ))?;
            let boxes = query.query_map([facility], read)?;
            Ok(boxes
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .flatten()
                .collect())
        };
        list().map_err(|source| self.failed(source))
    }

    /// A box by its key.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn by_key(&self, key: &VerifyingKey) -> Result<Option<KnownBox>, StoreError> {
        self.connection
            .query_row(
                &format!("SELECT {COLUMNS} FROM box WHERE key = ?1"),
                [key.as_bytes()],
                read,
            )
            .optional()
            .map(Option::flatten)
            .map_err(|source| self.failed(source))
    }

    fn find(&self, fingerprint: Fingerprint) -> Result<KnownBox, StoreError> {
        let boxes = self.boxes()?;
        boxes
            .into_iter()
            .find(|known| known.fingerprint() == fingerprint)
            .ok_or_else(|| StoreError::UnknownBox(fingerprint.to_string()))
    }
}

fn insert(
    change: &rusqlite::Transaction<'_>,
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

fn standing_of(number: u8) -> Standing {
    let standing = Standing::ALL.get(usize::from(number)).copied();
    standing.unwrap_or(Standing::Refused)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<KnownBox>> {
    let key: [u8; 32] = row.get(1)?;
    let Ok(key) = VerifyingKey::from_bytes(&key) else {
        return Ok(None);
    };
    let rhythm: String = row.get(14)?;
    Ok(Some(KnownBox {
        id: row.get(0)?,
        key,
        facility: row.get(2)?,
        wants: row.get(3)?,
        name: row.get(4)?,
        release: row.get(5)?,
        built_s: row.get(6)?,
        hello_sequence: row.get(7)?,
        standing: standing_of(row.get(8)?),
        first_s: row.get(9)?,
        hello_s: row.get(10)?,
        decided_s: row.get(11)?,
        decided_by: row.get(12)?,
        thinned_to: row.get(13)?,
        rhythm: serde_json::from_str(&rhythm).unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;
    use crate::hub::tests::{hello, key};

    #[test]
    fn an_unknown_box_waits_until_its_fingerprint_is_approved() {
        let (_dir, mut store) = store();
        assert_eq!(store.hear(&hello(1, "cs-a", 1), 10).unwrap(), Heard::New);
        assert_eq!(
            store.hear(&hello(1, "cs-a", 1), 11).unwrap(),
            Heard::Known(Standing::Waiting)
        );
        let fingerprint = Fingerprint::of(&key(1).verifying_key());
        let known = store.approve(fingerprint, "ana", 12).unwrap();
        assert_eq!(known.standing, Standing::Approved);
        assert_eq!(known.decided_by.as_deref(), Some("ana"));
        let other = Fingerprint::of(&key(2).verifying_key());
        assert!(matches!(
            store.approve(other, "ana", 12),
            Err(StoreError::UnknownBox(_))
        ));
    }

    #[test]
    fn a_new_key_stands_beside_the_old_and_supersedes_it_when_it_is_approved() {
        let (_dir, mut store) = store();
        store
            .add_approved(&[hello(1, "cs-a", 1)], "list", 5)
            .unwrap();
        store.hear(&hello(2, "cs-a", 1), 10).unwrap();
        let standings = |store: &Store| {
            store
                .boxes()
                .unwrap()
                .iter()
                .map(|b| b.standing)
                .collect::<Vec<_>>()
        };
        assert_eq!(standings(&store), [Standing::Approved, Standing::Waiting]);
        let new = Fingerprint::of(&key(2).verifying_key());
        store.approve(new, "ana", 12).unwrap();
        assert_eq!(
            standings(&store),
            [Standing::Superseded, Standing::Approved]
        );
        store.refuse(new, "ana", 13).unwrap();
        assert_eq!(standings(&store), [Standing::Superseded, Standing::Refused]);
    }

    #[test]
    fn an_approved_box_cannot_move_to_another_facility_by_saying_so() {
        let (_dir, mut store) = store();
        store
            .add_approved(&[hello(1, "cs-a", 1), hello(2, "cs-b", 1)], "list", 5)
            .unwrap();
        store.hear(&hello(1, "cs-b", 2), 10).unwrap();
        let boxes = store.boxes().unwrap();
        assert_eq!(boxes[0].facility, "cs-a");
        assert!(boxes[0].is_pending());
        let fingerprint = boxes[0].fingerprint();
        let stays = store.refuse(fingerprint, "ana", 11).unwrap();
        assert!(stays.standing == Standing::Approved && !stays.is_pending());
        store.hear(&hello(1, "cs-b", 3), 12).unwrap();
        let moved = store.approve(fingerprint, "ana", 13).unwrap();
        assert_eq!((moved.facility.as_str(), moved.wants), ("cs-b", None));
        assert_eq!(store.boxes().unwrap()[1].standing, Standing::Superseded);
    }

    #[test]
    fn an_older_hello_changes_nothing() {
        let (_dir, mut store) = store();
        store.hear(&hello(1, "cs-b", 7), 10).unwrap();
        assert_eq!(
            store.hear(&hello(1, "cs-a", 3), 11).unwrap(),
            Heard::Old(Standing::Waiting)
        );
        assert_eq!(store.boxes().unwrap()[0].facility, "cs-b");
    }

    #[test]
    fn waiting_boxes_do_not_pile_up_and_leave_after_a_month() {
        let (_dir, mut store) = store();
        store
            .connection
            .execute_batch("PRAGMA synchronous=OFF")
            .unwrap();
        for seed in 0..WAITING_LIMIT {
            assert_eq!(store.hear(&hello(seed, "cs-a", 1), 10).unwrap(), Heard::New);
        }
        let late = hello(WAITING_LIMIT, "cs-a", 1);
        assert_eq!(store.hear(&late, 11).unwrap(), Heard::Full);
        assert_eq!(store.hear(&late, 11 + WAITING_S).unwrap(), Heard::New);
        assert_eq!(store.boxes().unwrap().len(), 1);
    }
}
