//! What is due: a snapshot, a proof. Pure. Spans are counted in uptime; the wall clock says only whether it is the facility's
//! quiet time, and only while it can be believed.

use super::id::Id;
use super::manifest::Reason;
use super::proof::{self, Depth, Proof};
use super::shelf::Snapshot;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3600;
/// After a boot the disk belongs to the clinic's start.
const AFTER_BOOT_S: u64 = 15 * MINUTE_S;
/// A full proof in the quiet time, when the last one is this old: once a night, wherever in the night it was.
const FULL_QUIET_S: u64 = 16 * HOUR_S;
/// And at any time of day when it is this old: a box that is switched off at night has no quiet time.
const FULL_ANYWAY_S: u64 = 30 * HOUR_S;
/// At 120 operations a second a full proof takes 0.9 s a MB (docs/decisions.md): three hours for 13 GB.
const FULL_ANYWAY_ROTATIONAL_S: u64 = 7 * 24 * HOUR_S;
/// What failed is tried again after this, doubling.
const RETRY_S: u64 = 5 * MINUTE_S;
const RETRY_MOST_S: u64 = 2 * HOUR_S;

/// How the data disk moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disk {
    /// Without moving parts, or nobody can tell.
    #[default]
    Solid,
    /// With heads.
    Rotational,
}

/// How much room it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Room {
    /// Enough.
    #[default]
    Ample,
    /// Beyond the mark from which on old snapshots go early.
    Tight,
    /// Low: somebody should look.
    Low,
}

/// The facility's quiet time, minutes since midnight; it may go over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// Its begin.
    pub from_minute: u16,
    /// Its end.
    pub to_minute: u16,
}

impl Quiet {
    /// Whether `minute` is in it.
    #[must_use]
    pub fn holds(self, minute: u16) -> bool {
        if self.from_minute <= self.to_minute {
            (self.from_minute..self.to_minute).contains(&minute)
        } else {
            minute >= self.from_minute || minute < self.to_minute
        }
    }
}

/// What failed in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// How often.
    pub count: u32,
    /// The last time, seconds since boot.
    pub last_s: u64,
}

impl Failures {
    /// One more, now.
    #[must_use]
    pub fn and_one(self, since_boot_s: u64) -> Self {
        Self {
            count: self.count.saturating_add(1),
            last_s: since_boot_s,
        }
    }

    fn wait(self, since_boot_s: u64) -> bool {
        let doubled = RETRY_S.saturating_mul(1 << self.count.saturating_sub(1).min(10));
        self.count > 0 && since_boot_s.saturating_sub(self.last_s) < doubled.min(RETRY_MOST_S)
    }
}

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Oldest first.
    pub snapshots: &'a [Snapshot],
    /// A maintenance, a trial, a guard's hold, a first installation, or the ladder at work: nothing is begun.
    pub hands_off: bool,
    /// A snapshot is taken now.
    pub taking: bool,
    /// A proof is made now.
    pub proving: bool,
    /// Snapshots that failed in a row.
    pub takes_failed: Failures,
    /// Proofs that ended without a verdict, in a row.
    pub proofs_failed: Failures,
    /// The data disk.
    pub disk: Disk,
    /// Its room.
    pub room: Room,
    /// The box's uptime over all boots, seconds.
    pub uptime_s: u64,
    /// Seconds since boot.
    pub since_boot_s: u64,
    /// The kernel's name of this boot.
    pub boot: &'a str,
    /// Minutes since the facility's midnight; `None` while the clock cannot be believed.
    pub local_minute: Option<u16>,
    /// `snapshots.every_minutes` of the facility file, in seconds.
    pub every_s: u64,
    /// The facility's quiet time.
    pub quiet: Quiet,
}

/// What to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Due {
    /// A snapshot.
    pub take: bool,
    /// A proof of this one, so deep.
    pub prove: Option<(Id, Depth)>,
}

/// How long between two snapshots, seconds: a slow or filling disk gets them less often.
#[must_use]
pub fn interval_s(every_s: u64, disk: Disk, room: Room) -> u64 {
    let disk = match disk {
        Disk::Solid => 1,
        Disk::Rotational => 2,
    };
    let room = match room {
        Room::Ample => 1,
        Room::Tight => 2,
        Room::Low => 4,
    };
    every_s.saturating_mul(disk * room)
}

/// Seconds of uptime since `then_s`; `None` for a moment of the future: the record of uptime was lost since.
fn age_s(uptime_s: u64, then_s: u64) -> Option<u64> {
    uptime_s.checked_sub(then_s)
}

/// The newest that was cut on this box: what was imported carries another box's uptime.
#[must_use]
pub fn newest_own(snapshots: &[Snapshot]) -> Option<&Snapshot> {
    let own = |found: &&Snapshot| !matches!(found.manifest.reason, Reason::Imported { .. });
    snapshots.iter().rev().find(own)
}

/// Decides.
#[must_use]
pub fn due(seen: &Seen<'_>) -> Due {
    if seen.hands_off || seen.taking || seen.since_boot_s < AFTER_BOOT_S {
        return Due::default();
    }
    if take_due(seen) {
        return Due {
            take: true,
            prove: None,
        };
    }
    Due {
        take: false,
        prove: proof_due(seen),
    }
}

fn take_due(seen: &Seen<'_>) -> bool {
    if seen.takes_failed.wait(seen.since_boot_s) {
        return false;
    }
    let Some(newest) = newest_own(seen.snapshots) else {
        return true;
    };
    let moment = &newest.manifest.moment;
    // A power cut takes up to an hour of the uptime's record: once a boot a snapshot is taken early.
    moment.boot != seen.boot
        || age_s(seen.uptime_s, moment.uptime_s)
            .is_none_or(|age_s| age_s >= interval_s(seen.every_s, seen.disk, seen.room))
}

fn proof_due(seen: &Seen<'_>) -> Option<(Id, Depth)> {
    if seen.proving || seen.room == Room::Low || seen.proofs_failed.wait(seen.since_boot_s) {
        return None;
    }
    let newest = seen.snapshots.last()?;
    let last = proof::last(&newest.proofs);
    // What failed is evidence; the next snapshot is looked at.
    if last.is_some_and(|last| !last.is_good()) {
        return None;
    }
    let full_age_s = seen
        .snapshots
        .iter()
        .flat_map(|found| &found.proofs)
        .filter(|proof| proof.depth == Depth::Full)
        .map(|proof| age_s(seen.uptime_s, proof.moment.uptime_s).unwrap_or(u64::MAX))
        .min()
        .unwrap_or(u64::MAX);
    let quiet = seen
        .local_minute
        .is_some_and(|minute| seen.quiet.holds(minute));
    let anyway_s = match seen.disk {
        Disk::Solid => FULL_ANYWAY_S,
        Disk::Rotational => FULL_ANYWAY_ROTATIONAL_S,
    };
    let full = if quiet {
        full_age_s >= FULL_QUIET_S
    } else {
        // Before the first full one a night comes, or the quick ones have shown for so long that all goes well.
        full_age_s.min(first_age_s(seen)) >= anyway_s
    };
    if full {
        Some((newest.id(), Depth::Full))
    } else {
        last.is_none().then(|| (newest.id(), Depth::Quick))
    }
}

/// How long there have been snapshots, seconds of uptime.
fn first_age_s(seen: &Seen<'_>) -> u64 {
    seen.snapshots.first().map_or(0, |first| {
        age_s(seen.uptime_s, first.manifest.moment.uptime_s).unwrap_or(0)
    })
}

/// What a person must know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worries {
    /// No snapshot for so many hours of uptime.
    pub none_for_h: Option<u64>,
    /// The newest verdict is bad: of this one.
    pub bad: Option<Id>,
    /// No good proof for so many hours of uptime.
    pub unproven_for_h: Option<u64>,
}

/// No snapshot for so long is an alarm; where the interval is long, three of them.
const NONE_S: u64 = 6 * HOUR_S;
/// Before the first snapshot of all only this boot counts, and of it only what the box lived through: in a container the time
/// since boot is its host's.
const NEVER_S: u64 = 2 * HOUR_S;
const UNPROVEN_S: u64 = 24 * HOUR_S;

/// What is wrong, if anything is.
#[must_use]
pub fn worries(seen: &Seen<'_>) -> Worries {
    let newest = newest_own(seen.snapshots);
    let limit_s = NONE_S.max(interval_s(seen.every_s, seen.disk, seen.room).saturating_mul(3));
    let none_s = match newest {
        Some(newest) => {
            age_s(seen.uptime_s, newest.manifest.moment.uptime_s).filter(|age_s| *age_s >= limit_s)
        }
        None => Some(seen.since_boot_s.min(seen.uptime_s))
            .filter(|since_s| *since_s >= NEVER_S.max(seen.every_s)),
    };
    let proofs = || seen.snapshots.iter().flat_map(|found| &found.proofs);
    let proven_s = proofs()
        .filter(|proof| proof.is_good())
        .map(|proof| proof.moment.uptime_s)
        .max()
        .or_else(|| {
            seen.snapshots
                .first()
                .map(|first| first.manifest.moment.uptime_s)
        });
    let unproven_s = proven_s
        .and_then(|then_s| age_s(seen.uptime_s, then_s))
        .filter(|age_s| *age_s >= UNPROVEN_S);
    // The newest snapshot that anybody looked at has the last word.
    let bad = seen
        .snapshots
        .iter()
        .rev()
        .find_map(|found| proof::last(&found.proofs))
        .filter(|last| !last.is_good())
        .map(|last: &Proof| last.id);
    Worries {
        none_for_h: none_s.map(|s| s / HOUR_S),
        bad,
        unproven_for_h: unproven_s.map(|s| s / HOUR_S),
    }
}

#[cfg(test)]
mod tests;
