//! What the watcher leaves in `/run/posto/watch/seen.json`. Times are milliseconds since boot.

use std::io::Read;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::places::Places;

/// No honest file is larger.
const LIMIT_BYTES: u64 = 64 * 1024;
/// Three rounds of questions that all hang; a file older than this is a blind watcher's.
pub const FRESH: Duration = Duration::from_secs(45);

/// What an address of OpenMRS answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing in time, or no connection.
    #[default]
    Silent,
    /// This HTTP status, after redirects on loopback.
    Status(u16),
    /// The installation wizard, or a way to it.
    Wizard,
}

/// What the database answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SqlAnswer {
    /// Rightly.
    Good,
    /// Nothing in time.
    Slow,
    /// Nobody listens, or it hung up.
    #[default]
    Refused,
    /// It answers, but does not know the watcher's account (an import exchanged it away).
    Denied,
    /// It answers that it has no connection left.
    Exhausted,
    /// It answers with an error to what is always right.
    Wrong,
}

/// A row of answers from one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Streak {
    /// The last good answer came.
    pub good_at: Option<u64>,
    /// Since when all answers have been good.
    pub good_since: Option<u64>,
    /// When the first question without a good answer after it was asked; none while all is well.
    pub failing_since: Option<u64>,
}

impl Streak {
    /// Notes an answer to a question asked at `asked`. `limit`: the longest a question is waited for; whoever was not
    /// running itself for longer than that knows nothing of the other's silence.
    pub fn note(&mut self, good: bool, asked: Duration, now: Duration, limit: Duration) {
        let took = now.saturating_sub(asked);
        if good {
            self.good_at = Some(ms(now));
            self.good_since = self.good_since.or(Some(ms(now)));
            self.failing_since = None;
        } else {
            let slept = took > limit + Duration::from_secs(5);
            let from = if slept { now } else { asked };
            self.good_since = None;
            self.failing_since = match self.failing_since {
                Some(since) if !slept => Some(since),
                _ => Some(ms(from)),
            };
        }
    }

    /// Whether the last answer was good.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.good_at.is_some() && self.failing_since.is_none()
    }

    /// Whether a good answer has come since `started`, when the server's present start began.
    #[must_use]
    pub fn answered_since(&self, started: Duration) -> bool {
        self.good_at.is_some_and(|at| of(at) >= started)
    }

    /// For how long no good answer has come to questions that were asked; zero while all is well.
    #[must_use]
    pub fn failing_for(&self, now: Duration) -> Duration {
        self.failing_since
            .map_or(Duration::ZERO, |since| now.saturating_sub(of(since)))
    }
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sql {
    /// The last answer.
    pub answer: SqlAnswer,
    /// When answers were good.
    pub streak: Streak,
    /// Since when nobody has listened.
    pub refused_since: Option<u64>,
    /// Since when no connection has been left.
    pub exhausted_since: Option<u64>,
    /// Connections in use and allowed.
    pub connections: Option<(u32, u32)>,
}

/// OpenMRS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Web {
    /// When a page was good: the login page with its form or, without that module, the index.
    pub streak: Streak,
    /// `/openmrs/health/started`, a hint.
    pub started: Answer,
    /// `/openmrs/health/alive`, a hint.
    pub alive: Answer,
    /// The page that counts.
    pub page: Answer,
    /// Since when pages have answered, but wrongly (5xx).
    pub wrong_since: Option<u64>,
    /// Signs of modules; none while that is not known.
    pub modules: Option<ModuleSigns>,
}

impl Web {
    /// Started while the database was away, or its migration failed: it says so and never recovers by itself.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.started == Answer::Status(503) && self.alive == Answer::Status(503)
    }
}

/// What shows from outside that modules run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleSigns {
    /// The login page is there (legacyui).
    pub login_page: bool,
    /// The REST addresses are there (webservices.rest); none: it did not say.
    pub rest: Option<bool>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// When it was written.
    pub at: u64,
    /// The database.
    pub sql: Sql,
    /// OpenMRS.
    pub web: Web,
}

impl Seen {
    /// The watcher's last word, unless it is stale or unreadable. The directory belongs to the watcher: what lies there
    /// is followed nowhere and cannot hold the reader up.
    #[must_use]
    pub fn read(places: &Places, now: Duration) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(places.watch(), flags, Mode::empty()).ok()?;
        let file = std::fs::File::from(file);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(LIMIT_BYTES).read_to_end(&mut bytes).ok()?;
        Self::parse(&bytes, now)
    }

    /// The watcher's word out of the file's bytes; none when it is stale at `now` (since boot) or unreadable.
    #[must_use]
    pub fn parse(bytes: &[u8], now: Duration) -> Option<Self> {
        let seen: Self = serde_json::from_slice(bytes).ok()?;
        (now.saturating_sub(of(seen.at)) <= FRESH).then_some(seen)
    }
}

/// As milliseconds.
#[must_use]
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// From milliseconds.
#[must_use]
pub fn of(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const LIMIT: Duration = Duration::from_secs(15);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_counts_from_the_first_question_that_got_no_answer() {
        let mut streak = Streak::default();
        streak.note(true, at(10), at(11), LIMIT);
        streak.note(false, at(21), at(36), LIMIT);
        streak.note(false, at(37), at(52), LIMIT);
        assert_eq!(streak.failing_for(at(61)), at(40));
        assert!(!streak.is_good());
        streak.note(true, at(61), at(62), LIMIT);
        assert_eq!(
            (streak.failing_for(at(99)), streak.is_good()),
            (at(0), true)
        );
    }

    #[test]
    fn a_watcher_that_was_stopped_itself_does_not_blame_the_clinic() {
        let mut streak = Streak::default();
        streak.note(true, at(10), at(11), LIMIT);
        streak.note(false, at(21), at(300), LIMIT);
        assert_eq!(streak.failing_for(at(301)), at(1));
    }

    #[test]
    fn a_stale_file_a_link_and_garbage_are_a_blind_watcher() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        let path = places.watch();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let seen = Seen {
            at: 100_000,
            ..Seen::default()
        };
        let other = dir.path().join("other");
        serde_json::to_writer(std::fs::File::create(&other).unwrap(), &seen).unwrap();
        symlink(&other, &path).unwrap();
        assert_eq!(Seen::read(&places, at(101)), None);
        std::fs::remove_file(&path).unwrap();
        std::fs::copy(&other, &path).unwrap();
        assert_eq!(Seen::read(&places, at(101)), Some(seen));
        assert_eq!(Seen::read(&places, at(146)), None);
        std::fs::File::create(&path).unwrap();
        assert_eq!(Seen::read(&places, at(101)), None);
    }
}
