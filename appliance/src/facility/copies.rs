//! Where copies of snapshots go, and how many stay there.

use std::fmt;
use std::path::{Component, Path};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::FacilityError;

/// `[copies]` of facility.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copies {
    /// Which disk.
    pub to: Target,
    /// Copies of this box that stay on it.
    #[serde(default = "keep")]
    pub keep: u32,
    /// The newest copy may be this old, in days, before an alarm stands.
    #[serde(default = "alarm_days")]
    pub alarm_days: u32,
}

const fn keep() -> u32 {
    7
}

const fn alarm_days() -> u32 {
    3
}

impl Copies {
    pub(super) fn check(&self) -> Result<(), FacilityError> {
        for (key, value, bounds, rule) in [
            // With one only, the new copy could not be whole before the old one goes.
            ("copies.keep", self.keep, 2..=365, "2 to 365"),
            ("copies.alarm_days", self.alarm_days, 1..=365, "1 to 365"),
        ] {
            if !bounds.contains(&value) {
                let value = value.to_string();
                return Err(FacilityError::Value { key, value, rule });
            }
        }
        Ok(())
    }
}

/// A disk or partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// An attached disk (USB or a second internal one) whose file system is labelled for copies.
    Labelled,
    /// This partition: a path under `/dev/disk/by-...`, which does not change with the socket.
    Device(String),
}

/// Not a disk for copies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no disk for copies; write \"usb\" (a disk labelled POSTOCOPIES) or a path like \"/dev/disk/by-id/...-part1\""
)]
pub struct NotATarget(String);

impl FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        if text == "usb" {
            return Ok(Self::Labelled);
        }
        let plain = Path::new(text)
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let stable = text.starts_with("/dev/disk/by-") && text.split('/').count() == 5;
        if text.len() <= 255 && plain && stable && !text.ends_with('/') && !text.contains('\0') {
            Ok(Self::Device(text.to_string()))
        } else {
            Err(NotATarget(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Labelled => "usb",
            Self::Device(path) => path,
        })
    }
}

impl TryFrom<String> for Target {
    type Error = NotATarget;

    fn try_from(text: String) -> Result<Self, NotATarget> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Facility;
    use super::*;

    #[test]
    fn a_technician_writes_usb_or_a_stable_name_and_nothing_else_is_taken() {
        let copies = |text: &str| Facility::parse(&format!("[copies]\n{text}\n")).map(|f| f.copies);
        let found = copies("to = 'usb'").unwrap().unwrap();
        assert_eq!((found.keep, found.alarm_days), (7, 3));
        assert_eq!(found.to, Target::Labelled);
        let found =
            copies("to = '/dev/disk/by-id/ata-X_1-part1'\nkeep = 2\nalarm_days = 1").unwrap();
        assert!(matches!(found.unwrap().to, Target::Device(_)));
        for wrong in [
            "keep = 7",
            "to = ''",
            "to = '/dev/sda1'",
            "to = '/dev/disk/by-id/../../sda1'",
            "to = '/dev/disk/by-id/'",
            "to = '/dev/disk/by-label/a/b'",
            "to = '/data'",
            "to = 'usb'\nkeep = 1",
            "to = 'usb'\nkeep = 366",
            "to = 'usb'\nalarm_days = 0",
            "to = 'usb'\nalarm = 1",
        ] {
            assert!(copies(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Facility::default().copies, None);
    }
}
