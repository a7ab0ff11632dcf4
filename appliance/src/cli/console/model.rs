//! What the screen knows and shows, as values. Nothing here does I/O.

use std::collections::VecDeque;
use std::time::Duration;

use super::keys::Key;
use crate::cli::logs::Subject;
use crate::report::Report;
use crate::snapshot::id::Id;
use crate::technician::Answer;
use crate::texts::Language;

/// Log lines kept on the screen.
pub(super) const LOG_LINES: usize = 200;
/// Digits of a code that are taken.
pub(super) const CODE_DIGITS: usize = 12;

/// How the box is, with what only the screen may know.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) report: Report,
    /// OpenMRS's first password, until it is changed.
    pub(super) password: Option<String>,
    /// The technician's code, until it is noted.
    pub(super) code: Option<String>,
    /// The recovery code, until it is noted.
    pub(super) recovery: Option<String>,
}

/// Something in a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Status,
    Restart,
    Start,
    OpenDoor,
    Events,
    Language,
    Noted,
    Technician,
    RestartBox,
    PowerOff,
    // The technician's own.
    Sql,
    Logs(Subject),
    Shell,
    Restore,
    CloseDoor,
    Stop,
    Back,
}

/// What is done by a command of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Restart,
    Start,
    Stop,
    OpenDoor,
    CloseDoor,
    Noted,
    RestartBox,
    PowerOff,
    Restore(Id),
}

/// A snapshot that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: Id,
    pub(super) words: String,
}

/// What takes the whole terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    Sql,
    Shell,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Screen {
    Menu,
    Status,
    Events {
        /// `None`: being read.
        lines: Option<Vec<String>>,
    },
    Ask {
        act: Act,
        yes: bool,
    },
    Working(Act),
    /// What came of it.
    Said(String),
    Code {
        typed: String,
        checking: bool,
        said: Option<Said>,
    },
    Technician,
    Snapshots {
        /// Newest first; `None`: being read.
        rows: Option<Vec<Row>>,
        /// Which is chosen.
        at: usize,
    },
    /// What restoring it would do is being found out.
    Planning(Id),
    Plan {
        id: Id,
        words: String,
        yes: bool,
    },
    Logs {
        lines: VecDeque<String>,
    },
    Opening(Session),
}

/// What the box answered to a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Wrong(u32),
    Wait(Duration),
    Failed(String),
}

/// The screen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    pub(super) language: Language,
    pub(super) view: View,
    pub(super) screen: Screen,
    /// Which item of the menu.
    pub(super) selected: usize,
    /// First line shown of what is longer than the screen.
    pub(super) scroll: usize,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    Key(Key),
    Looked(Box<View>),
    Events(Vec<String>),
    Snapshots(Vec<Row>),
    /// What restoring it would do, or why it would not.
    Planned(Id, Result<String, String>),
    /// A command ended, with its words.
    Ended(String),
    Checked(Result<Answer, String>),
    LogLine(String),
    /// No key for long.
    Idle,
}

/// What the shell around is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Look,
    LoadEvents,
    LoadSnapshots,
    Plan(Id),
    Run(Act),
    /// Check what was typed.
    Check,
    Follow(Subject),
    StopFollowing,
    Open(Session),
}

impl Model {
    pub(super) fn new(view: View) -> Self {
        Self {
            language: view.report.facility.language,
            view,
            screen: Screen::Menu,
            selected: 0,
            scroll: 0,
        }
    }

    /// The items of the menu that is shown.
    pub(super) fn items(&self) -> Vec<Item> {
        let by_hand = self.view.report.by_hand;
        if self.screen == Screen::Technician {
            let mut items = vec![Item::Sql];
            items.extend(Subject::ALL.map(Item::Logs));
            items.extend([Item::Shell, Item::Restore]);
            if !by_hand.openmrs_stopped {
                items.push(Item::Stop);
            }
            if !by_hand.door_shut {
                items.push(Item::CloseDoor);
            }
            items.push(Item::Back);
            return items;
        }
        let mut items = vec![Item::Status];
        if self.view.code.is_some() || self.view.recovery.is_some() {
            items.push(Item::Noted);
        }
        items.push(if by_hand.openmrs_stopped {
            Item::Start
        } else {
            Item::Restart
        });
        if by_hand.door_shut {
            items.push(Item::OpenDoor);
        }
        items.extend([
            Item::Events,
            Item::Language,
            Item::Technician,
            Item::RestartBox,
            Item::PowerOff,
        ]);
        items
    }
}
