//! What the daemon knows in one round: the watcher's word, systemd's, and the marks on the disk.

use std::time::Duration;

use super::seen::Seen;
use crate::guards::Hold;
use crate::maintenance::Kind;

/// What a unit is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Running.
    Up,
    /// On its way up, or systemd is about to start it again.
    #[default]
    Starting,
    /// On its way down.
    Stopping,
    /// Neither: stopped, or systemd has given up on it.
    Down,
}

/// The main process's signs of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signs {
    /// For how long it has been stopped (state T).
    pub stopped_for: Duration,
    /// Seen doing nothing, and waiting neither for the disk nor for a processor, for long enough to call it evidence.
    pub idle: bool,
}

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Server {
    /// Its unit.
    pub unit: Unit,
    /// When the present start began (time since boot); zero: never.
    pub started: Duration,
    /// Its main process.
    pub signs: Signs,
}

/// An alarm that keeps the database or OpenMRS down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its code.
    pub code: String,
    /// Trying again can change nothing.
    pub lasting: bool,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// A maintenance under way, with its per cent done.
    pub maintenance: Option<(Kind, Option<u8>)>,
    /// A guard wants the clinic down.
    pub hold: Option<Hold>,
    /// Somebody stopped OpenMRS by hand.
    pub openmrs_stopped: bool,
    /// Somebody shut the door by hand.
    pub door_shut: bool,
    /// posto-guard.service is content.
    pub guard_passed: bool,
    /// The alarm that keeps something down.
    pub refused: Option<Refusal>,
    /// The mark of a first installation stands.
    pub install_pending: bool,
    /// The first installation takes longer than a start may: something of it hangs.
    pub installation_overdue: bool,
    /// OpenMRS has written its finished settings.
    pub settings_finished: bool,
    /// openmrs.service.
    pub openmrs: Server,
    /// mariadb.service.
    pub database: Server,
    /// The watcher's word; `None`: it is blind.
    pub seen: Option<Seen>,
    /// How long a start takes on this box.
    pub expected_start: Duration,
    /// The last write of the ledger reached the disk.
    pub ledger_writable: bool,
}

impl Observation {
    /// Whether posto keeps its hands off the two servers.
    #[must_use]
    pub fn hands_off(&self) -> bool {
        self.maintenance.is_some()
            || self.hold.is_some()
            || self.openmrs_stopped
            || self.door_shut
            || (self.install_pending && !self.installation_overdue)
            || !self.guard_passed
            || self.refused.as_ref().is_some_and(|refusal| refusal.lasting)
    }

    /// Whether the database has no connection left.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|seen| seen.sql.exhausted_since.is_some())
    }

    /// Whether both servers answer well now.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.openmrs.unit == Unit::Up
            && self.database.unit == Unit::Up
            && self.seen.as_ref().is_some_and(|seen| {
                seen.sql.streak.is_good()
                    && seen.web.streak.is_good()
                    && seen.web.streak.answered_since(self.openmrs.started)
                    && seen.sql.streak.answered_since(self.database.started)
            })
    }
}
