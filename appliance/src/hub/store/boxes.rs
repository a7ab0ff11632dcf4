//! Boxes by their keys: who waits, who was approved by whom, whom a new one has superseded.

mod hello;

use ed25519_dalek::VerifyingKey;
use rusqlite::{OptionalExtension, Params, Row, params};

use super::{Store, StoreError};
use crate::box_key::{Fingerprint, PublicKey};
use crate::health::cose::KeyId;
use crate::health::hello::Hello;
use crate::hub::rhythm::Rhythm;

pub use hello::Heard;
use hello::insert;

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

/// How frames name a key.
#[must_use]
pub fn key_id(key: &VerifyingKey) -> KeyId {
    PublicKey::from(*key).key_id()
}

const COLUMNS: &str = "id, key, facility, wants, name, release, built_s, hello_sequence, standing, first_s, hello_s, decided_s, \
     decided_by, thinned_to, rhythm";

impl Store {
    /// An officer's decision: [`Self::approve`] or [`Self::refuse`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn decide(
        &mut self,
        fingerprint: Fingerprint,
        approve: bool,
        by: &str,
        now_s: u64,
    ) -> Result<KnownBox, StoreError> {
        if approve {
            self.approve(fingerprint, by, now_s)
        } else {
            self.refuse(fingerprint, by, now_s)
        }
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
        self.list("ORDER BY id", [])
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
        self.list("WHERE facility = ?1 ORDER BY id", [facility])
    }

    /// The boxes that the end of a query chooses.
    fn list(&self, chosen: &str, values: impl Params) -> Result<Vec<KnownBox>, StoreError> {
        let list = || -> rusqlite::Result<Vec<Option<KnownBox>>> {
            let mut query = self
                .connection
                .prepare(&format!("SELECT {COLUMNS} FROM box {chosen}"))?;
            query.query_map(values, read)?.collect()
        };
        // A row whose key is none would be somebody else's writing; it is passed over.
        list()
            .map(|boxes| boxes.into_iter().flatten().collect())
            .map_err(|source| self.failed(source))
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
mod tests;
