//! How a site is, in one word, and which sites are looked at first. Pure.

use crate::health::alarm_code::{AlarmCode, Severity};
use crate::health::frame::Tri;

use super::fleet::Site;

/// How a site is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The clinic cannot work, or its data are in danger.
    Danger,
    /// Silent for longer than usual.
    Silent,
    /// Somebody should do something within days.
    Act,
    /// Good to know.
    Note,
    /// On the list, and never heard.
    Unheard,
    /// Good.
    Good,
}

impl Condition {
    /// All, the worst first.
    pub const ALL: [Self; 6] = [
        Self::Danger,
        Self::Silent,
        Self::Act,
        Self::Note,
        Self::Unheard,
        Self::Good,
    ];

    /// In addresses, classes and labels.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Danger => "danger",
            Self::Silent => "silent",
            Self::Act => "act",
            Self::Note => "note",
            Self::Unheard => "unheard",
            Self::Good => "good",
        }
    }

    /// How many sites are in each, the worst first.
    #[must_use]
    pub fn counts<'a>(sites: impl Iterator<Item = &'a Site>) -> [(Self, usize); Self::ALL.len()] {
        let mut counts = Self::ALL.map(|condition| (condition, 0));
        for condition in sites.map(Self::of) {
            if let Some((_, count)) = counts.iter_mut().find(|(one, _)| *one == condition) {
                *count += 1;
            }
        }
        counts
    }

    /// Of a site. What is not known is never taken for good.
    #[must_use]
    pub fn of(site: &Site) -> Self {
        let Some(frame) = site.frame() else {
            return Self::Unheard;
        };
        let state = frame.state;
        let severity = site
            .alarm()
            .map(|number| AlarmCode::numbered(number).severity);
        let down = state.openmrs == Tri::No || state.database == Tri::No;
        match severity {
            _ if site.is_silent => Self::Silent,
            Some(Severity::Danger) => Self::Danger,
            _ if down => Self::Danger,
            Some(Severity::Act) => Self::Act,
            Some(Severity::Note) => Self::Note,
            None => Self::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::frame::Frame;
    use crate::hub::store::Past;

    #[test]
    fn silence_and_a_dead_application_are_worse_than_an_alarm_that_can_wait() {
        let mut site = Site::default();
        assert_eq!(Condition::of(&site), Condition::Unheard);
        let mut frame = Frame::default();
        let mut with = |change: &dyn Fn(&mut Frame), silent| {
            change(&mut frame);
            site.newest = Some(Past {
                at_s: 0,
                received_s: 0,
                frame,
            });
            site.is_silent = silent;
            Condition::of(&site)
        };
        assert_eq!(with(&|_| {}, false), Condition::Good);
        assert_eq!(
            with(&|frame| frame.alarm = Some(80), false),
            Condition::Note
        );
        assert_eq!(with(&|frame| frame.alarm = Some(40), false), Condition::Act);
        assert_eq!(
            with(&|frame| frame.alarm = Some(200), false),
            Condition::Act
        );
        assert_eq!(
            with(&|frame| frame.state.openmrs = Tri::No, false),
            Condition::Danger
        );
        assert_eq!(with(&|_| {}, true), Condition::Silent);
        assert!(Condition::Danger < Condition::Good);
    }
}
