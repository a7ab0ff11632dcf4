//! Frames as they were signed: many in one transaction, each once.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::health::cose::KeyId;
use crate::health::frame::{Clock, Frame, Unverified};

/// So long every frame stays, seconds: five weeks.
const WHOLE_S: u64 = 35 * 24 * 3600;
/// Then one in each of these stays, seconds (and all with an alarm).
const THINNED_S: u64 = 6 * 3600;
/// Nothing stays longer, seconds: two years.
const KEPT_S: u64 = 2 * 365 * 24 * 3600;
/// A box's clock is believed within these bounds around the hub's, seconds.
const AHEAD_S: u64 = 24 * 3600;
const BEHIND_S: u64 = 400 * 24 * 3600;

/// A frame whose signature was right, of an approved box.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The box, in the store.
    pub box_id: i64,
    /// Its key.
    pub key_id: KeyId,
    /// Frames up to this number were thinned: they were here.
    pub thinned_to: u32,
    /// What it says.
    pub frame: Frame,
    /// As it was signed.
    pub bytes: Box<[u8]>,
    /// When it came, by the hub's clock.
    pub received_s: u64,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is kept now.
    New,
    /// It was kept before.
    Before,
    /// Another one was kept under this number.
    OtherWords,
}

/// A frame of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// When it was so, as far as that is believed.
    pub at_s: u64,
    /// When it came.
    pub received_s: u64,
    /// What it says.
    pub frame: Frame,
}

impl Arrived {
    /// Whether the box's clock can be believed.
    #[must_use]
    pub fn is_on_time(&self) -> bool {
        let at_s = u64::from(self.frame.at_unix_s);
        self.frame.state.clock != Clock::Wrong
            && at_s <= self.received_s.saturating_add(AHEAD_S)
            && at_s >= self.received_s.saturating_sub(BEHIND_S)
    }

    /// When it was so: by the box's clock, or when it came if that cannot be right. Order is the sequence number's in any case.
    #[must_use]
    pub fn at_s(&self) -> u64 {
        if self.is_on_time() {
            u64::from(self.frame.at_unix_s)
        } else {
            self.received_s
        }
    }
}

impl Store {
    /// The frames of this box under the numbers from `first` to before `end`, as they were signed, rising; the newest `limit`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn held(
        &self,
        box_id: i64,
        first: u32,
        end: u32,
        limit: usize,
    ) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
        let list = || -> rusqlite::Result<Vec<(u32, Vec<u8>)>> {
            let mut statement = self.connection.prepare_cached(
                "SELECT sequence, bytes FROM frame WHERE box = ?1 AND sequence >= ?2 AND sequence < ?3
                 ORDER BY sequence DESC LIMIT ?4",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let held = statement.query_map(params![box_id, first, end, limit], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            let mut held = held.collect::<rusqlite::Result<Vec<_>>>()?;
            held.reverse();
            Ok(held)
        };
        list().map_err(|source| self.failed(source))
    }

    /// Keeps all of them in one transaction, flushed to the disk when this returns. One outcome each, in their order.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`]: none was kept.
    pub fn keep(&mut self, frames: &[Arrived]) -> Result<Vec<Outcome>, StoreError> {
        let done = (|| {
            let change = self.connection.transaction()?;
            let mut outcomes = Vec::with_capacity(frames.len());
            {
                let mut insert = change.prepare_cached(
                    "INSERT OR IGNORE INTO frame (box, sequence, received_s, at_s, alarm, bytes)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?;
                let mut before = change
                    .prepare_cached("SELECT bytes FROM frame WHERE box = ?1 AND sequence = ?2")?;
                for arrived in frames {
                    let Frame {
                        sequence, alarm, ..
                    } = arrived.frame;
                    outcomes.push(if sequence <= arrived.thinned_to {
                        Outcome::Before
                    } else if insert.execute(params![
                        arrived.box_id,
                        sequence,
                        arrived.received_s,
                        arrived.at_s(),
                        alarm,
                        arrived.bytes
                    ])? > 0
                    {
                        Outcome::New
                    } else {
                        let kept: Vec<u8> = before
                            .query_row(params![arrived.box_id, sequence], |row| row.get(0))?;
                        if kept == *arrived.bytes {
                            Outcome::Before
                        } else {
                            Outcome::OtherWords
                        }
                    });
                }
            }
            change.commit()?;
            Ok(outcomes)
        })();
        done.map_err(|source| self.failed(source))
    }

    /// A box's newest frame, by its number.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn newest(&self, box_id: i64) -> Result<Option<Past>, StoreError> {
        let newest = || {
            self.connection
                .prepare_cached(
                    "SELECT at_s, received_s, bytes FROM frame WHERE box = ?1 ORDER BY sequence DESC LIMIT 1",
                )?
                .query_row([box_id], past)
                .optional()
        };
        newest()
            .map(Option::flatten)
            .map_err(|source| self.failed(source))
    }

    /// The frames of a facility's boxes, of now or before, since `since_s`, oldest first; `limit` of the newest at most.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn past(&self, facility: &str, since_s: u64, limit: u32) -> Result<Vec<Past>, StoreError> {
        let list = || {
            let mut query = self.connection.prepare_cached(
                "SELECT at_s, received_s, bytes FROM frame WHERE at_s >= ?2
                   AND box IN (SELECT id FROM box WHERE facility = ?1 AND standing IN (1, 2))
                 ORDER BY at_s DESC, sequence DESC LIMIT ?3",
            )?;
            let past = query.query_map(params![facility, since_s, limit], past)?;
            let mut past: Vec<Past> = past
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .flatten()
                .collect();
            past.reverse();
            Ok(past)
        };
        list().map_err(|source| self.failed(source))
    }

    /// Thins one box's old frames; how many went, and up to which number.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn thin(&mut self, box_id: i64, now_s: u64) -> Result<(usize, u32), StoreError> {
        let whole_s = now_s.saturating_sub(WHOLE_S);
        let done = (|| {
            let change = self.connection.transaction()?;
            let thinned_to: Option<u32> = change.query_row(
                "SELECT max(sequence) FROM frame WHERE box = ?1 AND received_s < ?2",
                params![box_id, whole_s],
                |row| row.get(0),
            )?;
            let Some(thinned_to) = thinned_to else {
                return Ok((0, 0));
            };
            let gone = change.execute(
                "DELETE FROM frame WHERE box = ?1 AND received_s < ?2 AND (received_s < ?3
                   OR alarm IS NULL AND sequence NOT IN
                     (SELECT min(sequence) FROM frame WHERE box = ?1 AND received_s < ?2 GROUP BY at_s / ?4))",
                params![box_id, whole_s, now_s.saturating_sub(KEPT_S), THINNED_S],
            )?;
            change.execute(
                "UPDATE box SET thinned_to = max(thinned_to, ?2) WHERE id = ?1",
                params![box_id, thinned_to],
            )?;
            change.commit()?;
            Ok((gone, thinned_to))
        })();
        done.map_err(|source| self.failed(source))
    }

    /// The numbers of one box's frames that are kept, for whoever compares them with what was acknowledged.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn sequences(&self, box_id: i64) -> Result<Vec<u32>, StoreError> {
        let list = || {
            let mut query = self
                .connection
                .prepare("SELECT sequence FROM frame WHERE box = ?1 ORDER BY sequence")?;
            let sequences = query.query_map([box_id], |row| row.get(0))?;
            sequences.collect::<Result<_, _>>()
        };
        list().map_err(|source| self.failed(source))
    }
}

/// A row of `at_s, received_s, bytes`. The signature was checked before it was kept; a frame that cannot be read any more is none.
fn past(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Past>> {
    let bytes: Vec<u8> = row.get(2)?;
    let frame = Unverified::parse(&bytes)
        .ok()
        .and_then(|frame| frame.unchecked().ok());
    let (at_s, received_s) = (row.get(0)?, row.get(1)?);
    Ok(frame.map(|frame| Past {
        at_s,
        received_s,
        frame,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;
    use crate::hub::tests::{arrived, hello};

    #[test]
    fn each_frame_is_kept_once_and_other_words_under_its_number_are_refused() {
        let (_dir, mut store) = store();
        store
            .add_approved(&[hello(1, "cs-a", 1)], "list", 5)
            .unwrap();
        let one = arrived(1, 7, 1000, |frame| frame.alarm = Some(3));
        let two = arrived(1, 8, 1000, |_| {});
        let other = arrived(1, 7, 1000, |frame| frame.alarm = Some(4));
        let outcomes = store
            .keep(&[one.clone(), two.clone(), one.clone()])
            .unwrap();
        assert_eq!(outcomes, [Outcome::New, Outcome::New, Outcome::Before]);
        assert_eq!(
            store.keep(&[other, two.clone()]).unwrap(),
            [Outcome::OtherWords, Outcome::Before]
        );
        assert_eq!(store.sequences(1).unwrap(), [7, 8]);
        assert_eq!(store.newest(1).unwrap().unwrap().frame, two.frame);
        let past = store.past("cs-a", 0, 10).unwrap();
        assert_eq!(past.len(), 2);
        assert_eq!(past[0].frame, one.frame);
        assert_eq!(store.past("cs-a", 0, 1).unwrap()[0].frame, two.frame);
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_not_believed_and_the_frame_is_kept() {
        let received_s = 1_800_000_000;
        let at = |at_s: u64, clock| {
            let mut arrived = arrived(1, 1, received_s, |_| {});
            arrived.frame.at_unix_s = u32::try_from(at_s).unwrap();
            arrived.frame.state.clock = clock;
            arrived.at_s()
        };
        assert_eq!(
            at(received_s - 86_400 * 30, Clock::Plausible),
            received_s - 86_400 * 30
        );
        assert_eq!(at(received_s - 60, Clock::Wrong), received_s);
        assert_eq!(at(5, Clock::Plausible), received_s);
        assert_eq!(at(u64::from(u32::MAX), Clock::Synchronised), received_s);
    }

    #[test]
    fn old_frames_are_thinned_alarms_stay_and_what_was_thinned_does_not_come_back() {
        let (_dir, mut store) = store();
        store
            .add_approved(&[hello(1, "cs-a", 1)], "list", 5)
            .unwrap();
        let start_s = 1_800_000_000 / THINNED_S * THINNED_S;
        // Two days at a quarter of an hour; one alarm.
        let frames: Vec<Arrived> = (0..192)
            .map(|n| {
                arrived(1, n + 1, start_s + u64::from(n) * 900, |frame| {
                    frame.alarm = (n == 50).then_some(9);
                })
            })
            .collect();
        store.keep(&frames).unwrap();
        assert_eq!(store.thin(1, start_s + WHOLE_S).unwrap(), (0, 0));
        // The first day is old now: one in six hours and the alarm.
        assert_eq!(
            store.thin(1, start_s + WHOLE_S + 86_400).unwrap(),
            (96 - 4 - 1, 96)
        );
        let thinned_to = store.boxes().unwrap()[0].thinned_to;
        assert_eq!(thinned_to, 96);
        let again = Arrived {
            thinned_to,
            ..frames[1].clone()
        };
        assert_eq!(store.keep(&[again]).unwrap(), [Outcome::Before]);
        assert_eq!(store.sequences(1).unwrap().len(), 96 + 5);
        store.thin(1, start_s + KEPT_S + 10 * 86_400).unwrap();
        assert!(store.sequences(1).unwrap().is_empty());
    }
}
