//! When and which table. Pure; spans are counted in uptime. The figures that the thresholds come from: docs/decisions.md.

use super::record::Record;
use crate::guards::disk::Room;
use crate::snapshot::schedule::{Disk, Quiet};

const HOUR_S: u64 = 3600;
/// Fewer pieces are cloned, and read by a disk with heads, soon enough.
const MANY_EXTENTS: u64 = 8_000;
/// Scattered: not even two of InnoDB's pages lie together. Where a tenth of the pages changes a day it comes to that in four days, and
/// to one page apiece in two weeks; a table of twice the size comes to it in twice the days.
const SCATTERED_BYTES: u64 = 32 << 10;
/// A table that was rebuilt has a week's rest: the snapshots of the days before still hold its old place.
const AGAIN_S: u64 = 7 * 24 * HOUR_S;
/// One that gave way waits for another night.
const TRY_AGAIN_S: u64 = 20 * HOUR_S;
/// How often a night is asked.
const LOOK_S: u64 = HOUR_S;
/// What besides the new copy: the sorting of its keys and the log of what is changed meanwhile, in the server's temporary directory on the
/// same disk.
const BESIDES_BYTES: u64 = 256 << 20;
/// Bytes a second that a rebuild is believed to make at least.
const SOLID_BYTES_A_SECOND: u64 = 4 << 20;
const ROTATIONAL_BYTES_A_SECOND: u64 = 512 << 10;
/// Connecting, waiting for locks, the last step.
const START_S: u64 = 60;

/// A table with a file of its own, as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The file's length.
    pub bytes: u64,
    /// The pieces it lies in.
    pub extents: u64,
}

impl Table {
    /// `schema.table`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Whether a rebuild is worth it.
    #[must_use]
    pub fn is_scattered(&self) -> bool {
        self.extents >= MANY_EXTENTS && self.bytes / self.extents < SCATTERED_BYTES
    }

    /// Room that a rebuild takes while it lasts (seen: three times the table): the copy, its keys once more while they are
    /// sorted, and a snapshot meanwhile that copies the redo. The old place becomes free only where no snapshot holds it.
    #[must_use]
    pub fn needed_bytes(&self) -> u64 {
        self.bytes.saturating_mul(3).saturating_add(BESIDES_BYTES)
    }

    /// Seconds that it may take.
    #[must_use]
    pub fn needed_s(&self, disk: Disk) -> u64 {
        let rate = match disk {
            Disk::Solid => SOLID_BYTES_A_SECOND,
            Disk::Rotational => ROTATIONAL_BYTES_A_SECOND,
        };
        START_S + self.bytes / rate
    }

    /// Seconds after which a rebuild under way gives up. Beside writers that never pause one of 400 MB had not caught up with them
    /// after 566 s (seen); a clinic at night is quieter.
    #[must_use]
    pub fn longest_s(&self, disk: Disk) -> u64 {
        2 * self.needed_s(disk)
    }
}

/// Whether the daemon asks now. What is worth doing is seen by the unit itself.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// A maintenance, a trial, a guard's hold, the ladder at work.
    pub hands_off: bool,
    /// A snapshot, a proof, a copy or a rebuild is under way.
    pub busy: bool,
    /// Whether it is the facility's quiet time; `None`: nobody knows what time it is.
    pub quiet: Option<bool>,
    /// Seconds since it was last asked in this boot.
    pub since_asked_s: Option<u64>,
}

/// Whether the unit is to be started.
#[must_use]
pub fn is_due(when: When) -> bool {
    !when.hands_off
        && !when.busy
        && when.quiet == Some(true)
        && when.since_asked_s.is_none_or(|since_s| since_s >= LOOK_S)
}

/// Whether a unit that runs is to be stopped.
#[must_use]
pub fn must_stop(when: When) -> bool {
    when.hands_off
}

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// All of them.
    pub tables: &'a [Table],
    /// What was done before.
    pub record: &'a Record,
    /// The data disk.
    pub disk: Disk,
    /// Its room; `None`: nobody knows.
    pub room: Option<Room>,
    /// The box's uptime over all boots, seconds.
    pub uptime_s: u64,
    /// Minutes since the facility's midnight; `None` while the clock cannot be believed.
    pub local_minute: Option<u16>,
    /// The facility's quiet time.
    pub quiet: Quiet,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// This one is rebuilt.
    Rebuild(&'a Table),
    /// No table is scattered, or those that are were just rebuilt.
    Nothing,
    /// It is not the quiet time, or nobody knows.
    NotNow,
    /// This one is, but the quiet time ends too soon for it, and for every other one.
    TooLate(&'a Table),
    /// This one is, but the disk lacks the room for it, and for every other one.
    NoRoom(&'a Table),
}

/// The worst table for which there is room and time.
#[must_use]
pub fn next<'a>(seen: &Seen<'a>) -> Next<'a> {
    let left_s = seen
        .local_minute
        .and_then(|minute| seconds_left(seen.quiet, minute));
    let Some(left_s) = left_s else {
        return Next::NotNow;
    };
    let mut wanted: Vec<&Table> = seen
        .tables
        .iter()
        .filter(|table| table.is_scattered() && has_rested(table, seen))
        .collect();
    wanted.sort_by_key(|table| std::cmp::Reverse(table.extents));
    let mut why = Next::Nothing;
    for table in wanted {
        let lacks = if table.needed_s(seen.disk) > left_s {
            Next::TooLate(table)
        } else if !seen.room.is_some_and(|room| has_room(table, room)) {
            Next::NoRoom(table)
        } else {
            return Next::Rebuild(table);
        };
        if why == Next::Nothing {
            why = lacks;
        }
    }
    why
}

/// Also afterwards the disk is not so full that snapshots would go early.
fn has_room(table: &Table, room: Room) -> bool {
    let after = room.room_bytes.checked_sub(table.needed_bytes());
    after.is_some_and(|room_bytes| !Room { room_bytes, ..room }.is_tight())
}

fn has_rested(table: &Table, seen: &Seen<'_>) -> bool {
    let Some(tried) = seen.record.of(table) else {
        return true;
    };
    let rest_s = if tried.gave_way { TRY_AGAIN_S } else { AGAIN_S };
    // Of the future: the record of uptime was lost since.
    seen.uptime_s
        .checked_sub(tried.uptime_s)
        .is_none_or(|since_s| since_s >= rest_s)
}

/// Seconds until the quiet time ends; `None`: it is not.
#[must_use]
pub fn seconds_left(quiet: Quiet, minute: u16) -> Option<u64> {
    const DAY: u16 = 24 * 60;
    quiet
        .holds(minute)
        .then(|| u64::from((quiet.to_minute + DAY - minute) % DAY) * 60)
}

#[cfg(test)]
mod tests;
