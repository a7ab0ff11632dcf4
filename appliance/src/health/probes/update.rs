//! How far the next release is, for a ping.

use posto_release::kernel_line::Mode;

use crate::health::frame::Update;
use crate::places::Places;
use crate::update::fill::Staging;
use crate::update::said::{Found, Said, Step};

/// Looks at what the worker and root's staging said last. `updating`: one of them is at work now.
#[must_use]
pub fn read(places: &Places, mode: Option<Mode>, running: Option<&str>, updating: bool) -> Update {
    // While the worker is at it its state folder says that it was interrupted.
    let folder = if updating {
        places.update_live()
    } else {
        places.update_worker()
    };
    standing(mode, running, &Staging::read(places), &Said::read(&folder))
}

fn standing(mode: Option<Mode>, running: Option<&str>, staging: &Staging, said: &Said) -> Update {
    let is_other = running != Some(staging.release.as_str());
    match (mode, said.step, &said.found) {
        (Some(Mode::Trial), ..) => Update::Trial,
        _ if staging.staged && is_other => Update::Staged,
        (_, Step::Fetching, _) => Update::Fetching,
        (_, Step::Failed, _) => Update::Failed,
        _ if staging.error.is_some() && is_other => Update::Failed,
        (.., Found::Offered { .. } | Found::Waits { .. }) => Update::Offered,
        (.., Found::UpToDate) => Update::Current,
        (.., Found::Unknown) => Update::Unknown,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test's files")]
mod tests {
    use super::*;
    use crate::update::trouble::Trouble;

    #[test]
    fn a_fetch_under_way_is_no_failed_one() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        let begun = Said {
            at_s: 7,
            step: Step::Failed,
            trouble: Some(Trouble::Interrupted),
            ..Said::default()
        };
        let far = Said {
            at_s: 7,
            step: Step::Fetching,
            ..Said::default()
        };
        for (folder, said) in [(places.update_worker(), begun), (places.update_live(), far)] {
            std::fs::create_dir_all(&folder).unwrap();
            said.write(&folder).unwrap();
        }
        let told = |updating| read(&places, Some(Mode::Normal), None, updating);
        assert_eq!(told(true), Update::Fetching);
        assert_eq!(told(false), Update::Failed);
    }

    #[test]
    fn what_root_has_staged_counts_before_the_worker_s_words_and_nothing_is_unknown() {
        let running = Some("2026.11-1");
        let quiet = Staging::default();
        let told =
            |staging: &Staging, said: &Said| standing(Some(Mode::Normal), running, staging, said);
        assert_eq!(told(&quiet, &Said::default()), Update::Unknown);
        let current = Said {
            found: Found::UpToDate,
            ..Said::default()
        };
        assert_eq!(told(&quiet, &current), Update::Current);
        let staged = |release: &str| Staging {
            release: release.to_owned(),
            staged: true,
            ..Staging::default()
        };
        let fetching = Said {
            step: Step::Fetching,
            ..Said::default()
        };
        assert_eq!(told(&quiet, &fetching), Update::Fetching);
        assert_eq!(told(&staged("2026.12-1"), &fetching), Update::Staged);
        // What runs now was staged once.
        assert_eq!(told(&staged("2026.11-1"), &current), Update::Current);
        assert_eq!(
            standing(Some(Mode::Trial), running, &staged("2026.11-1"), &current),
            Update::Trial
        );
        let failed = Staging {
            release: "2026.12-1".to_owned(),
            error: Some("no room".to_owned()),
            ..Staging::default()
        };
        assert_eq!(told(&failed, &current), Update::Failed);
    }
}
