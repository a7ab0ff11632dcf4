//! What is wrong, if anything that posto may act on. Imports nothing that does I/O. docs/architecture.md, "Supervision".

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ledger::Step;
use super::observation::{Observation, Server, Unit};
use super::seen::{Seen, SqlAnswer, Streak, of};

/// Without a good answer for so long, and with evidence besides, it hangs.
pub const SILENT: Duration = Duration::from_secs(45);
/// The watcher asks every 10 s while all is well: of the 45 s at least so much was spent asking.
const ASKED: Duration = Duration::from_secs(34);
/// It works and never answers.
pub const LIVELOCK: Duration = Duration::from_secs(600);
/// In state T, and not by a debugger's short stop.
const STOPPED: Duration = Duration::from_secs(10);
/// systemd starts what died within a second or two; a unit that stays down was given up on.
const DOWN: Duration = Duration::from_secs(10);
/// All connections taken.
const EXHAUSTED: Duration = Duration::from_secs(15);
/// 503/503 with a database that answers.
const STUCK_START: Duration = Duration::from_secs(30);
/// A start is hung no earlier.
pub const START_LEAST: Duration = Duration::from_secs(600);
/// Not even a migration of a full database takes longer.
pub const START_MOST: Duration = Duration::from_secs(2 * 3600);

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The database's process is stopped.
    DatabaseStopped,
    /// The database does not answer and does nothing.
    DatabaseHung,
    /// The database works, but has not answered for minutes.
    DatabaseLivelock,
    /// systemd has given up on the database.
    DatabaseDown,
    /// All connections are taken.
    ConnectionsExhausted,
    /// OpenMRS's process is stopped.
    OpenmrsStopped,
    /// OpenMRS does not answer and does nothing.
    OpenmrsHung,
    /// OpenMRS works, but has not answered for minutes.
    OpenmrsLivelock,
    /// A start that does nothing any more.
    OpenmrsStartHung,
    /// Started while the database was away, or its migration failed: it says 503 and never recovers.
    OpenmrsStuck,
    /// systemd has given up on OpenMRS.
    OpenmrsDown,
}

impl Cause {
    /// For events and texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DatabaseStopped => "database-stopped",
            Self::DatabaseHung => "database-hung",
            Self::DatabaseLivelock => "database-livelock",
            Self::DatabaseDown => "database-down",
            Self::ConnectionsExhausted => "connections-exhausted",
            Self::OpenmrsStopped => "openmrs-stopped",
            Self::OpenmrsHung => "openmrs-hung",
            Self::OpenmrsLivelock => "openmrs-livelock",
            Self::OpenmrsStartHung => "openmrs-start-hung",
            Self::OpenmrsStuck => "openmrs-stuck",
            Self::OpenmrsDown => "openmrs-down",
        }
    }

    /// How long it must have been so before anything is done.
    #[must_use]
    pub const fn patience(self) -> Duration {
        match self {
            Self::ConnectionsExhausted => EXHAUSTED,
            Self::OpenmrsStuck => STUCK_START,
            Self::DatabaseDown | Self::OpenmrsDown => DOWN,
            _ => Duration::ZERO,
        }
    }

    /// The rungs, lowest first.
    #[must_use]
    pub const fn rungs(self) -> &'static [Step] {
        use Step::{
            ContinueDatabase, ContinueOpenmrs, FreeConnections, Reboot, RestartBoth,
            RestartDatabase, RestartOpenmrs,
        };
        match self {
            Self::DatabaseStopped => &[ContinueDatabase, RestartDatabase, RestartBoth, Reboot],
            Self::DatabaseHung | Self::DatabaseLivelock | Self::DatabaseDown => {
                &[RestartDatabase, RestartDatabase, RestartBoth, Reboot]
            }
            Self::ConnectionsExhausted => &[
                FreeConnections,
                FreeConnections,
                RestartOpenmrs,
                RestartBoth,
            ],
            Self::OpenmrsStopped => &[ContinueOpenmrs, RestartOpenmrs, RestartBoth, Reboot],
            Self::OpenmrsHung
            | Self::OpenmrsLivelock
            | Self::OpenmrsStartHung
            | Self::OpenmrsDown => &[RestartOpenmrs, RestartOpenmrs, RestartBoth, Reboot],
            // A failed migration fails again: neither the database nor the box has anything to do with it.
            Self::OpenmrsStuck => &[RestartOpenmrs, RestartOpenmrs],
        }
    }
}

/// What is wrong now. `now` is time since boot. A database that is not well is blamed first: OpenMRS's page needs it.
#[must_use]
pub fn diagnose(observation: &Observation, now: Duration) -> Option<Cause> {
    let seen = observation.seen.as_ref()?;
    let database = database(observation, seen, now);
    if database == Some(Cause::DatabaseStopped) {
        return database;
    }
    let openmrs = &observation.openmrs;
    if openmrs.unit == Unit::Up
        && openmrs.signs.stopped_for >= STOPPED
        && silent(&seen.web.streak, openmrs, SILENT, now)
    {
        return Some(Cause::OpenmrsStopped);
    }
    if database.is_some() {
        return database;
    }
    if observation.database.unit != Unit::Up || !seen.sql.streak.is_good() {
        return None;
    }
    match openmrs.unit {
        Unit::Down => Some(Cause::OpenmrsDown),
        Unit::Up => self::openmrs(observation, seen, now),
        Unit::Starting | Unit::Stopping => None,
    }
}

fn database(observation: &Observation, seen: &Seen, now: Duration) -> Option<Cause> {
    let server = &observation.database;
    let sql = &seen.sql;
    match server.unit {
        Unit::Down => return Some(Cause::DatabaseDown),
        // Crash recovery takes minutes on an old disk; systemd bounds it.
        Unit::Starting | Unit::Stopping => return None,
        Unit::Up => {}
    }
    if sql.exhausted_since.is_some() {
        return Some(Cause::ConnectionsExhausted);
    }
    // Whoever says no is there.
    if matches!(sql.answer, SqlAnswer::Good | SqlAnswer::Denied) {
        return None;
    }
    let silent = |span| silent(&sql.streak, server, span, now);
    if server.signs.stopped_for >= STOPPED && silent(SILENT) {
        Some(Cause::DatabaseStopped)
    } else if server.signs.idle && silent(SILENT) && sql.answer != SqlAnswer::Wrong {
        Some(Cause::DatabaseHung)
    } else if silent(LIVELOCK) {
        Some(Cause::DatabaseLivelock)
    } else {
        None
    }
}

/// With a database that answers.
fn openmrs(observation: &Observation, seen: &Seen, now: Duration) -> Option<Cause> {
    let server = &observation.openmrs;
    let web = &seen.web;
    if web.streak.is_good() {
        return None;
    }
    // A page that waits for a database that works is not hung itself.
    let idle = server.signs.idle && observation.database.signs.idle;
    // Silence under a database that was away is the database's; OpenMRS heals within 1-2 s after it (measured).
    let database_good = seen.sql.streak.good_since.map_or(now, of);
    let silent = |span: Duration| {
        silent(&web.streak, server, span, now) && now.saturating_sub(database_good) >= span
    };
    if !web.streak.answered_since(server.started) {
        if web.is_stuck() {
            return Some(Cause::OpenmrsStuck);
        }
        let least = hung_no_earlier(observation.expected_start);
        let hung = (idle && silent(least)) || silent(START_MOST);
        return hung.then_some(Cause::OpenmrsStartHung);
    }
    if idle && silent(SILENT) {
        Some(Cause::OpenmrsHung)
    } else if silent(LIVELOCK) {
        Some(Cause::OpenmrsLivelock)
    } else {
        None
    }
}

/// A start that is expected to take `expected` is not called hung before this.
#[must_use]
pub fn hung_no_earlier(expected: Duration) -> Duration {
    (expected * 3).clamp(START_LEAST, START_MOST)
}

/// No good answer of this start for `span`, most of which was spent asking.
fn silent(streak: &Streak, server: &Server, span: Duration, now: Duration) -> bool {
    let good = streak
        .good_at
        .map_or(Duration::ZERO, of)
        .max(server.started);
    let asked = span.saturating_sub(SILENT.saturating_sub(ASKED));
    now.saturating_sub(good) >= span
        && streak
            .failing_for(now)
            .min(now.saturating_sub(server.started))
            >= asked
}
