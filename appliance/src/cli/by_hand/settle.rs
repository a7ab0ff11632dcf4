//! Waiting until the daemon says how an act by hand went.

use std::time::Duration;

use crate::places::Places;
use crate::supervise::door::Situation;
use crate::supervise::judgement::Judgement;
use crate::system::clock;
use crate::texts::{Language, say};
use crate::wishes::Wish;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A migration after an update may take longer; the box then goes on without this command.
const LIMIT: Duration = Duration::from_secs(1500);
/// A daemon that says nothing for so long does not run; systemd starts it again sooner.
const DAEMON_LIMIT: Duration = Duration::from_secs(60);
/// What stood when the act began says nothing; the daemon's rounds are up to 5 s apart.
const STALE: Duration = Duration::from_secs(6);

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum End {
    /// OpenMRS is open.
    Open,
    /// It runs; the door stays shut by hand.
    BehindShutDoor,
    /// It is down, as wanted.
    Stopped,
    /// Something else is going on.
    Other(Box<Judgement>),
    /// It started; nobody says whether it answers.
    Unwatched,
    /// Not yet.
    StillStarting,
}

impl End {
    /// Whether what was asked for is so.
    pub(in crate::cli) const fn is_good(&self) -> bool {
        matches!(self, Self::Open | Self::BehindShutDoor | Self::Stopped)
    }

    pub(in crate::cli) fn words(&self, language: Language) -> String {
        let id = match self {
            Self::Open => "hand-end-open",
            Self::BehindShutDoor => "hand-end-shut",
            Self::Stopped => "hand-end-stopped",
            Self::Other(judgement) => {
                return super::super::status::words_of(judgement, language);
            }
            Self::Unwatched => "hand-end-unwatched",
            Self::StillStarting => "hand-end-starting",
        };
        say(language, id, &[])
    }
}

/// Whether this round of the daemon's tells the end. `asked`: time since boot of the start.
fn end(judgement: &Judgement, door_shut_by_hand: bool, asked: Duration) -> Option<End> {
    let at = Duration::from_secs(judgement.at);
    if at < asked {
        return None;
    }
    match &judgement.situation {
        Situation::Serving if judgement.door_open => Some(End::Open),
        Situation::Starting | Situation::Installing | Situation::Serving => None,
        _ if door_shut_by_hand => Some(End::BehindShutDoor),
        Situation::Refused { .. } | Situation::Maintenance { .. } | Situation::Held { .. } => {
            Some(End::Other(Box::new(judgement.clone())))
        }
        // Just started: the daemon may not have seen it, the database or OpenMRS may well not answer yet.
        _ if at < asked + STALE => None,
        Situation::DatabaseAway | Situation::Unavailable => None,
        Situation::Stopped | Situation::DoorClosed | Situation::GaveUp => {
            Some(End::Other(Box::new(judgement.clone())))
        }
    }
}

pub(super) async fn wait_until_settled(
    places: &Places,
    asked: Duration,
    mut tell: impl FnMut(&Judgement),
) -> std::io::Result<End> {
    loop {
        let now = clock::since_boot();
        let passed = now.saturating_sub(asked);
        match Judgement::read(places, now) {
            Some(judgement) => {
                if let Some(end) = end(&judgement, Wish::DoorShut.stands(places), asked) {
                    return Ok(end);
                }
                tell(&judgement);
            }
            None if passed > DAEMON_LIMIT => return Ok(End::Unwatched),
            None => {}
        }
        if passed > LIMIT {
            return Ok(End::StillStarting);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Gives the daemon the time to shut the door; without it the act goes on all the same.
pub(in crate::cli) async fn wait_for_door_shut(places: &Places, limit: Duration) -> bool {
    wait_for_door(places, false, limit).await
}

/// Waits until the door is as `open` says.
pub(in crate::cli) async fn wait_for_door(places: &Places, open: bool, limit: Duration) -> bool {
    let begun = clock::since_boot();
    while places.door_open().exists() != open {
        if clock::since_boot().saturating_sub(begun) > limit {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(at: u64, situation: Situation) -> Judgement {
        Judgement {
            at,
            door_open: situation == Situation::Serving,
            database_answers: true,
            situation,
            since: 0,
            minutes: None,
        }
    }

    #[test]
    fn only_an_open_door_seen_after_the_start_is_an_end_in_good() {
        let asked = Duration::from_secs(100);
        let serving = |at| end(&judgement(at, Situation::Serving), false, asked);
        assert_eq!(serving(99), None, "seen before");
        assert_eq!(serving(100), Some(End::Open));
        for waiting in [Situation::Starting, Situation::Unavailable] {
            assert_eq!(end(&judgement(101, waiting), false, asked), None);
        }
        let refused = judgement(101, Situation::Refused { code: "x".into() });
        let end = end(&refused, false, asked).unwrap();
        assert!(!end.is_good());
        assert!(!end.words(Language::En).is_empty());
    }
}
