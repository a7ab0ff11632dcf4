//! The alarms' numbers on the wire: one table. Each has a short text and what to do, in both languages, without the values
//! that only the box knows (`texts/*/alarm_codes.ftl`: `code-<name>`, `advice-<name>`). Numbers are for ever.

use crate::texts::{self, Language};

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Somebody should do something within days.
    Act,
    /// The clinic cannot work, or its data are in danger.
    Danger,
}

impl Severity {
    /// note, act or danger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Act => "act",
            Self::Danger => "danger",
        }
    }
}

/// One alarm of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlarmCode {
    /// On the wire.
    pub number: u8,
    /// What [`crate::alarms::Alarm::code`] says.
    pub name: &'static str,
    /// How bad.
    pub severity: Severity,
}

/// An alarm that is not in this program's table: a newer box has it.
pub const OTHER: AlarmCode = AlarmCode {
    number: 255,
    name: "other",
    severity: Severity::Act,
};

macro_rules! table {
    ($($severity:ident { $($number:literal $name:literal),+ $(,)? })+) => {
        /// All of them, worst kind first.
        pub const TABLE: &[AlarmCode] = &[$($(AlarmCode {
            number: $number,
            name: $name,
            severity: Severity::$severity,
        }),+),+];
    };
}
table! {
    Danger {
        1 "supervise-gave-up",
        2 "database-missing",
        3 "data-not-mounted",
        4 "data-label",
        5 "disk-failing",
        6 "snapshot-bad",
        7 "disk-full",
        8 "stamp-missing",
        9 "stamp-unreadable",
        10 "release-mismatch",
        11 "release-unreadable",
        12 "kernel-line",
        13 "staging",
        14 "openmrs-files-missing",
        15 "openmrs-prepare",
        16 "first-boot",
        17 "first-boot-full",
        18 "unreadable",
    }
    Act {
        40 "snapshots-none",
        41 "snapshots-unproven",
        42 "copies-none",
        43 "copies-old",
        44 "wear-unreadable",
        45 "wear-replaced",
        46 "wear-endurance",
        47 "disk-low",
        48 "heat",
        49 "clock-wrong",
        50 "processes-exhausted",
        51 "modules-missing",
        52 "facility-file",
        53 "facility-default",
        54 "ups-silent",
        55 "ups-replace-battery",
    }
    Note {
        80 "ups-on-battery",
    }
}

impl AlarmCode {
    /// By the name that alarms on the box have; [`OTHER`] for one without a number.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let found = TABLE.iter().find(|code| code.name == name);
        found.copied().unwrap_or(OTHER)
    }

    /// By the number of a frame; one that is not known keeps its number.
    #[must_use]
    pub fn numbered(number: u8) -> Self {
        let found = TABLE.iter().find(|code| code.number == number);
        found.copied().unwrap_or(Self { number, ..OTHER })
    }

    /// The worst of several: by severity, then as the table has them.
    #[must_use]
    pub fn worst<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        names
            .into_iter()
            .map(Self::named)
            .max_by_key(|code| (code.severity, u8::MAX - code.number))
    }

    /// What is the matter, in a few words.
    #[must_use]
    pub fn text(self, language: Language) -> String {
        texts::say(language, &format!("code-{}", self.name), &[])
    }

    /// What to do.
    #[must_use]
    pub fn advice(self, language: Language) -> String {
        texts::say(language, &format!("advice-{}", self.name), &[])
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The names in `alarm-<name>` of the box's texts.
    fn alarms_with_texts() -> BTreeSet<String> {
        let texts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/texts/en");
        let mut names = BTreeSet::new();
        for file in std::fs::read_dir(texts).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in text.lines() {
                if let Some((name, _)) =
                    line.strip_prefix("alarm-").and_then(|l| l.split_once(" ="))
                {
                    names.insert(name.to_string());
                }
            }
        }
        assert!(names.len() > 20);
        names
    }

    #[test]
    fn every_alarm_of_the_box_has_a_number_and_every_number_an_alarm() {
        let mut wanted = alarms_with_texts();
        // One that cannot be read says its file's name instead of a text.
        wanted.insert("unreadable".to_string());
        let table: BTreeSet<String> = TABLE.iter().map(|code| code.name.to_string()).collect();
        assert_eq!(table, wanted);
        let numbers: BTreeSet<u8> = TABLE.iter().map(|code| code.number).collect();
        assert_eq!(numbers.len(), TABLE.len());
        assert!(!numbers.contains(&0) && !numbers.contains(&OTHER.number));
    }

    #[test]
    fn each_says_what_it_is_and_what_to_do_in_both_languages() {
        for code in TABLE.iter().chain([&OTHER]) {
            for language in [Language::Pt, Language::En] {
                for text in [code.text(language), code.advice(language)] {
                    assert!(text.contains(' ') && !text.contains('$'), "{code:?} {text}");
                }
            }
            assert_ne!(code.text(Language::Pt), code.text(Language::En));
        }
    }

    #[test]
    fn the_worst_is_the_most_dangerous_and_one_without_a_number_is_never_lost() {
        let worst = |names: &[&str]| AlarmCode::worst(names.iter().copied()).map(|code| code.name);
        assert_eq!(worst(&[]), None);
        assert_eq!(
            worst(&["copies-old", "disk-failing", "heat"]),
            Some("disk-failing")
        );
        assert_eq!(
            worst(&["ups-on-battery", "of-a-newer-box"]),
            Some(OTHER.name)
        );
        assert_eq!(AlarmCode::numbered(200).number, 200);
    }
}
