//! What happened while the disk recorded: phases of the work, what was promised by when, acknowledged commits.

use std::cell::RefCell;

use posto::snapshot::id::Id;
use posto_tests::powercut::Record;

use super::counters::Counted;
use super::ledger::Ack;
use super::tree::Tree;

/// Something that was begun at one position and acknowledged at another. Between them it may have happened or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) begun: u64,
    pub(crate) done: u64,
}

impl Span {
    pub(crate) fn is_begun(self, cut: u64) -> bool {
        self.begun < cut
    }

    pub(crate) fn is_done(self, cut: u64) -> bool {
        self.done <= cut
    }
}

/// Commits that a database has: of `world` those acknowledged until `sure`, none that was begun after `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) world: u32,
    pub(crate) sure: u64,
    pub(crate) until: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) id: Id,
    pub(crate) span: Span,
    /// The snapshot as the live box saw it.
    pub(crate) tree: Tree,
    pub(crate) holds: Vec<Part>,
}

#[derive(Debug, Clone)]
pub(crate) struct Restored {
    /// What was replaced is this snapshot.
    pub(crate) kept: Id,
    /// What the live database has afterwards.
    pub(crate) holds: Vec<Part>,
}

/// A stretch of the record.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) phases: Vec<Phase>,
    pub(crate) acks: Vec<Ack>,
    pub(crate) counted: Vec<Counted>,
    pub(crate) taken: Vec<Taken>,
    pub(crate) proved: Vec<(Id, Span)>,
    pub(crate) thrown: Vec<(Id, Span)>,
    pub(crate) restored: Vec<Restored>,
    /// When the first database ran.
    pub(crate) founded: u64,
    pub(crate) end: u64,
}

impl Story {
    /// What the live database has after a cut, if these snapshots are listed.
    pub(crate) fn live(&self, listed: &[Id]) -> Vec<Part> {
        let restored = self.restored.iter().rev();
        restored
            .clone()
            .find(|restored| listed.contains(&restored.kept))
            .map_or_else(|| vec![whole(0)], |restored| restored.holds.clone())
    }
}

/// Everything of `world`.
pub(crate) fn whole(world: u32) -> Part {
    Part {
        world,
        sure: u64::MAX,
        until: u64::MAX,
    }
}

/// Notes phases as they begin.
#[derive(Debug)]
pub(crate) struct Clock {
    record: Record,
    phases: RefCell<Vec<Phase>>,
}

impl Clock {
    pub(crate) fn new(record: &Record) -> Self {
        Self {
            record: record.clone(),
            phases: RefCell::default(),
        }
    }

    /// The disk's position.
    pub(crate) fn now(&self) -> u64 {
        self.record.position().unwrap()
    }

    /// Another phase begins, unless it is this one already.
    pub(crate) fn phase(&self, name: &'static str) {
        let now = self.now();
        let mut phases = self.phases.borrow_mut();
        if let Some(last) = phases.last_mut() {
            if last.name == name {
                return;
            }
            last.to = now;
        }
        let (from, to) = (now, u64::MAX);
        phases.push(Phase { name, from, to });
    }

    /// Does something that is acknowledged when it comes back.
    pub(crate) fn span<T>(&self, what: impl FnOnce() -> T) -> (T, Span) {
        let begun = self.now();
        let made = what();
        let done = self.now();
        (made, Span { begun, done })
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        let mut phases = self.phases.borrow().clone();
        if let Some(last) = phases.last_mut() {
            last.to = self.now();
        }
        phases
    }
}
