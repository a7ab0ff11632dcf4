//! What somebody should be told: an alarm began or ended, a site went silent or came back, an unknown box waits. Kept until the
//! webhook has taken it.

use rusqlite::params;

use super::{Store, StoreError};

/// More untold notices than these are not kept: the oldest go.
const UNTOLD_LIMIT: u32 = 10_000;
/// Told ones stay so long, seconds.
const TOLD_KEPT_S: u64 = 90 * 24 * 3600;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Another alarm stands, or the first.
    Raised,
    /// None stands any more.
    Lowered,
    /// Silent for longer than usual.
    Silent,
    /// Heard again.
    Heard,
    /// An unknown box says to be this facility's.
    Unknown,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Raised,
        Self::Lowered,
        Self::Silent,
        Self::Heard,
        Self::Unknown,
    ];

    /// In files and for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Raised => "alarm-raised",
            Self::Lowered => "alarm-lowered",
            Self::Silent => "silent",
            Self::Heard => "heard-again",
            Self::Unknown => "unknown-box",
        }
    }
}

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: i64,
    /// When.
    pub made_s: u64,
    /// Which facility.
    pub facility: String,
    /// What.
    pub kind: Kind,
    /// Which alarm.
    pub alarm: Option<u8>,
}

impl Store {
    /// Keeps notices until they are told.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn note(
        &mut self,
        notices: &[(&str, Kind, Option<u8>)],
        now_s: u64,
    ) -> Result<(), StoreError> {
        let done = (|| {
            let change = self.connection.transaction()?;
            for (facility, kind, alarm) in notices {
                change
                    .prepare_cached(
                        "INSERT INTO notice (made_s, facility, kind, alarm) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![now_s, facility, kind.code(), alarm])?;
            }
            change.execute(
                "DELETE FROM notice WHERE told_s IS NULL AND id <=
                   (SELECT id FROM notice WHERE told_s IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                [UNTOLD_LIMIT],
            )?;
            change.commit()
        })();
        done.map_err(|source| self.failed(source))
    }

    /// The last notice of each facility about its alarm and about its silence: what was made known of it.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn made_known(&self) -> Result<Vec<Notice>, StoreError> {
        self.notices(
            "SELECT id, made_s, facility, kind, alarm FROM notice WHERE id IN (
               SELECT max(id) FROM notice WHERE kind <> 'unknown-box' GROUP BY facility, kind IN ('silent', 'heard-again'))
             ORDER BY id LIMIT ?1",
            u32::MAX,
        )
    }

    /// The oldest ones that were not told.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn untold(&self, limit: u32) -> Result<Vec<Notice>, StoreError> {
        self.notices(
            "SELECT id, made_s, facility, kind, alarm FROM notice WHERE told_s IS NULL ORDER BY id LIMIT ?1",
            limit,
        )
    }

    fn notices(&self, query: &str, limit: u32) -> Result<Vec<Notice>, StoreError> {
        let list = || {
            let mut query = self.connection.prepare_cached(query)?;
            let notices = query.query_map([limit], |row| {
                let code: String = row.get(3)?;
                let kind = Kind::ALL.into_iter().find(|kind| kind.code() == code);
                Ok(Notice {
                    id: row.get(0)?,
                    made_s: row.get(1)?,
                    facility: row.get(2)?,
                    kind: kind.unwrap_or(Kind::Raised),
                    alarm: row.get(4)?,
                })
            })?;
            notices.collect::<Result<_, _>>()
        };
        list().map_err(|source| self.failed(source))
    }

    /// These were told; old told ones go.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn told(&mut self, last: i64, now_s: u64) -> Result<(), StoreError> {
        let done = (|| {
            let change = self.connection.transaction()?;
            change.execute(
                "UPDATE notice SET told_s = ?2 WHERE told_s IS NULL AND id <= ?1",
                params![last, now_s],
            )?;
            change.execute(
                "DELETE FROM notice WHERE told_s < ?1",
                [now_s.saturating_sub(TOLD_KEPT_S)],
            )?;
            change.commit()
        })();
        done.map_err(|source| self.failed(source))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;

    #[test]
    fn notices_stay_until_they_are_told_and_do_not_pile_up() {
        let (_dir, mut store) = store();
        store
            .note(
                &[
                    ("cs-a", Kind::Raised, Some(7)),
                    ("cs-b", Kind::Silent, None),
                ],
                10,
            )
            .unwrap();
        let untold = store.untold(10).unwrap();
        assert_eq!(untold.len(), 2);
        assert_eq!((untold[0].kind, untold[0].alarm), (Kind::Raised, Some(7)));
        store.told(untold[0].id, 11).unwrap();
        assert_eq!(store.untold(10).unwrap(), untold[1..]);
        let many = vec![("cs-c", Kind::Heard, None); UNTOLD_LIMIT as usize];
        store.note(&many, 12).unwrap();
        let untold = store.untold(UNTOLD_LIMIT + 5).unwrap();
        assert_eq!(untold.len(), UNTOLD_LIMIT as usize);
        assert_eq!(untold[0].facility, "cs-c");
    }
}
