//! Why a step of an update ended early, as far as people must tell one case from another: their words for it are in the texts
//! (`update-trouble`), the program's own words go along in brackets.

use posto_signing::fetch::FetchError;
use posto_signing::source::SourceError;
use posto_signing::update::UpdateError;
use serde::{Deserialize, Serialize};

use super::accept::AcceptError;
use super::fill::FillError;
use super::gather::GatherError;
use super::slots::SlotsError;
use super::stage::StageError;

/// The cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It was ended in the middle, or the power went.
    Interrupted,
    /// No mirror is named, no stick is there.
    NobodyToAsk,
    /// The link, or the mirrors.
    NobodyAnswers,
    /// Something came that the publisher has not signed so.
    NotAsSigned,
    /// The publisher left nothing that this box could use.
    NoWay,
    /// The month's megabytes.
    OverBudget,
    /// The other slot may not be touched now, or there is none.
    SlotNotFree,
    /// Another one is at it.
    Busy,
    /// This box: its disk, its files.
    Here,
}

impl Trouble {
    /// As texts and programs name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::NobodyToAsk => "nobody-to-ask",
            Self::NobodyAnswers => "nobody-answers",
            Self::NotAsSigned => "not-as-signed",
            Self::NoWay => "no-way",
            Self::OverBudget => "over-budget",
            Self::SlotNotFree => "slot-not-free",
            Self::Busy => "busy",
            Self::Here => "here",
        }
    }
}

impl From<&UpdateError> for Trouble {
    fn from(error: &UpdateError) -> Self {
        match error {
            UpdateError::Source(SourceError::Http { .. }) => Self::NobodyAnswers,
            UpdateError::Source(SourceError::File(_)) | UpdateError::State(_) => Self::Here,
            _ => Self::NotAsSigned,
        }
    }
}

impl From<&GatherError> for Trouble {
    fn from(error: &GatherError) -> Self {
        match error {
            GatherError::NoSource => Self::NobodyToAsk,
            GatherError::NoLists { refused: false, .. }
            | GatherError::Fetch(FetchError::NobodyAnswers { .. }) => Self::NobodyAnswers,
            GatherError::NoLists { refused: true, .. }
            | GatherError::Root(_)
            | GatherError::Fetch(FetchError::NobodyHonest { .. }) => Self::NotAsSigned,
            GatherError::NoWay(_) => Self::NoWay,
            GatherError::Update(error) => Self::from(error),
            GatherError::Fetch(FetchError::OverBudget { .. }) => Self::OverBudget,
            GatherError::Fetch(FetchError::File(_))
            | GatherError::File(_)
            | GatherError::State(_)
            | GatherError::Durable(_) => Self::Here,
        }
    }
}

impl From<&FillError> for Trouble {
    fn from(error: &FillError) -> Self {
        match error {
            FillError::Accept(AcceptError::Update(error)) => Self::from(error),
            FillError::Accept(AcceptError::NoWay(_)) => Self::NoWay,
            FillError::Accept(
                AcceptError::Root(_) | AcceptError::Manifest { .. } | AcceptError::OtherRelease(_),
            )
            | FillError::Stage(StageError::Index(_) | StageError::NotTheManifests(_)) => {
                Self::NotAsSigned
            }
            FillError::Stage(error) if error.is_other_base() => Self::NoWay,
            FillError::Stage(StageError::Apply(_)) => Self::NotAsSigned,
            FillError::Slots(
                SlotsError::NoSlots | SlotsError::NotCommitted { .. } | SlotsError::Armed(_),
            ) => Self::SlotNotFree,
            FillError::Busy => Self::Busy,
            _ => Self::Here,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, say};
    use posto_signing::rollout::Waiting;

    const ALL: [Trouble; 9] = [
        Trouble::Interrupted,
        Trouble::NobodyToAsk,
        Trouble::NobodyAnswers,
        Trouble::NotAsSigned,
        Trouble::NoWay,
        Trouble::OverBudget,
        Trouble::SlotNotFree,
        Trouble::Busy,
        Trouble::Here,
    ];

    #[test]
    fn each_case_and_each_wait_has_words_of_its_own_in_both_languages() {
        let waits = [
            Waiting::Held,
            Waiting::Paused,
            Waiting::NotBefore,
            Waiting::Ring(3),
            Waiting::TooSmall,
        ];
        for language in [Language::Pt, Language::En] {
            for trouble in ALL {
                let json = serde_json::to_value(trouble).unwrap();
                assert_eq!(json, trouble.name());
                let values = [("trouble", trouble.name().into()), ("reason", "R".into())];
                let text = say(language, "update-trouble", &values);
                assert!(text.len() > 10, "{trouble:?}: {text}");
                let told = say(language, "event-update-not-staged", &values);
                assert!(told.contains(&text), "{told}");
            }
            for waiting in waits {
                let values = [("waiting", waiting.name().into()), ("why", "W".into())];
                assert!(say(language, "update-waiting", &values).len() > 10);
            }
            // What an older program noted.
            let old = say(
                language,
                "event-update-not-staged",
                &[("reason", "no room".into())],
            );
            assert!(old.contains("no room"), "{old}");
        }
    }
}
