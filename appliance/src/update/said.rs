//! What the worker says: how far it is (tmpfs) and what came of it (its own state folder). Readers believe none of it: root verifies what
//! it takes, and shows the words as somebody else's.

use std::path::Path;

use posto_signing::rollout::Rollout;
use serde::{Deserialize, Serialize};

use super::trouble::Trouble;
use crate::system::durable::{self, DurableError, Owner};

/// Far more than is ever said.
const LIMIT_BYTES: u64 = 64 * 1024;
/// The file's name, in both folders.
const NAME: &str = "said.json";

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Found {
    /// Nothing was asked yet, or nobody answered.
    #[default]
    Unknown,
    /// Nothing newer for this box.
    UpToDate,
    /// This one is for it.
    Offered {
        /// Its terms.
        release: Rollout,
        /// Bytes of what has to come.
        bytes: u64,
        /// A patch against the running release; otherwise whole frames.
        patch: bool,
    },
    /// This one is not for it yet.
    Waits {
        /// Its terms.
        release: Rollout,
        /// Why, as texts name it (`update-waiting`).
        #[serde(default)]
        waiting: String,
        /// In words.
        why: String,
    },
}

/// Where a fetch stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Nothing goes on.
    #[default]
    Rest,
    /// The lists are asked for.
    Asking,
    /// The release comes.
    Fetching,
    /// All of it is here.
    Fetched,
    /// It ended early; [`Said::trouble`].
    Failed,
}

/// What the worker says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// When, unix seconds by the best known time.
    pub at_s: i64,
    /// Where it stands.
    pub step: Step,
    /// What was found.
    pub found: Found,
    /// From where: an address, or `stick`.
    pub from: String,
    /// Bytes of the release that are here.
    pub have_bytes: u64,
    /// Of how many.
    pub all_bytes: u64,
    /// Bytes that this month cost so far.
    pub paid_bytes: u64,
    /// Of how many.
    pub budget_bytes: u64,
    /// Why it ended early.
    pub trouble: Option<Trouble>,
    /// The same in the program's own words.
    pub error: Option<String>,
    /// Roles whose time is over: how fresh the lists are cannot be told.
    pub expired: Vec<String>,
}

impl Said {
    /// What was said last in `folder`. Nothing, or nothing readable, is silence.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let text = durable::read(&folder.join(NAME), LIMIT_BYTES)
            .ok()
            .flatten();
        text.and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// What came of the worker's last run, with how far it was when it was ended in the middle: that stands in `live` alone,
    /// until the box restarts.
    #[must_use]
    pub fn last(live: &Path, state: &Path) -> Self {
        let said = Self::read(state);
        let live = Self::read(live);
        if said.trouble == Some(Trouble::Interrupted) && live.at_s == said.at_s {
            return Self {
                have_bytes: live.have_bytes,
                paid_bytes: live.paid_bytes,
                ..said
            };
        }
        said
    }

    /// Says it.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn write(&self, folder: &Path) -> Result<(), DurableError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&folder.join(NAME), &text, Owner::mode(0o644))
    }

    /// The release whose files are all here.
    #[must_use]
    pub fn fetched(&self) -> Option<&str> {
        match &self.found {
            Found::Offered { release, .. } if self.step == Step::Fetched => Some(&release.release),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test's files")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_words_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(NAME), bytes).unwrap();
            let _ = Said::read(dir.path());
        }
    }

    #[test]
    fn of_a_run_that_was_ended_in_the_middle_it_is_known_how_far_it_was() {
        let (live, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let begun = Said {
            at_s: 7,
            trouble: Some(Trouble::Interrupted),
            ..Said::default()
        };
        begun.write(state.path()).unwrap();
        let far = Said {
            at_s: 7,
            step: Step::Fetching,
            have_bytes: 500,
            paid_bytes: 600,
            ..Said::default()
        };
        far.write(live.path()).unwrap();
        let last = Said::last(live.path(), state.path());
        assert_eq!(
            (last.trouble, last.have_bytes, last.paid_bytes),
            (Some(Trouble::Interrupted), 500, 600)
        );
        // Another run's.
        Said { at_s: 6, ..far }.write(live.path()).unwrap();
        assert_eq!(Said::last(live.path(), state.path()), begun);
    }

    #[test]
    fn what_is_said_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Said::read(dir.path()), Said::default());
        let said = Said {
            step: Step::Failed,
            trouble: Some(Trouble::NobodyAnswers),
            error: Some("no link".into()),
            ..Said::default()
        };
        said.write(dir.path()).unwrap();
        assert_eq!(Said::read(dir.path()), said);
        assert_eq!(said.fetched(), None);
    }
}
