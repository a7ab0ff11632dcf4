//! A snapshot's number: people say it on the phone, and it orders snapshots where clocks are dead.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a snapshot's directory is called until it is whole.
pub const PARTIAL: &str = ".partial";
/// What it is called from the moment it is to go.
pub const DOOMED: &str = ".doomed";

/// Numbers grow by one a snapshot for the life of a data partition and are never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(NonZeroU64);

/// Not a snapshot's number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a snapshot's number; 'posto snapshot list' shows them")]
pub struct NotAnId(pub String);

impl Id {
    /// `None` for 0.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0.get()
    }

    /// The directory's name under `/data/snapshots`: six digits or more, so that `ls` sorts.
    #[must_use]
    pub fn directory(self) -> String {
        format!("{:06}", self.0)
    }

    /// The number that a whole snapshot's directory name says; `None` for other names (`000042.partial`).
    #[must_use]
    pub fn of_directory(name: &str) -> Option<Self> {
        let id: Self = name.parse().ok()?;
        (id.directory() == name).then_some(id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| text.parse().ok().map(Self))
            .flatten()
            .ok_or_else(|| NotAnId(text.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_names_its_snapshot_and_nothing_else_does() {
        let id = Id::new(42).unwrap();
        assert_eq!(id.directory(), "000042");
        assert_eq!(Id::of_directory("000042"), Some(id));
        for other in [
            "42",
            "000042.partial",
            "000042.doomed",
            "000000",
            "+00042",
            "",
        ] {
            assert_eq!(Id::of_directory(other), None, "{other}");
        }
    }

    #[test]
    fn people_may_say_the_number_with_or_without_zeros() {
        assert_eq!("42".parse::<Id>(), "000042".parse());
        for wrong in ["", "0", "-1", "4 2", "99999999999999999999"] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong}");
        }
    }
}
