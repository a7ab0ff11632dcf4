//! How often snapshots are taken and how many stay.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::FacilityError;
use crate::snapshot::retain::Counts;
use crate::snapshot::schedule::Quiet;

/// `[snapshots]` of facility.toml. What is left out is as in the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshots {
    /// Minutes between two snapshots; slow and filling disks get longer ones.
    pub every_minutes: u32,
    /// Hours that keep one.
    pub hourly: u32,
    /// Days that keep one.
    pub daily: u32,
    /// Weeks that keep one.
    pub weekly: u32,
    /// Months that keep one.
    pub monthly: u32,
    /// When the facility's quiet time begins: deep proofs are made then.
    pub quiet_from: TimeOfDay,
    /// When it ends; before its begin: in the next morning.
    pub quiet_to: TimeOfDay,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self {
            every_minutes: 60,
            hourly: 24,
            daily: 7,
            weekly: 4,
            monthly: 6,
            quiet_from: TimeOfDay(19 * 60),
            quiet_to: TimeOfDay(5 * 60),
        }
    }
}

impl Snapshots {
    /// How many of each stay.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            hourly: self.hourly,
            daily: self.daily,
            weekly: self.weekly,
            monthly: self.monthly,
        }
    }

    /// The quiet time.
    #[must_use]
    pub fn quiet(&self) -> Quiet {
        Quiet {
            from_minute: self.quiet_from.0,
            to_minute: self.quiet_to.0,
        }
    }

    pub(super) fn check(&self) -> Result<(), FacilityError> {
        let wrong = |key, value: String, rule| FacilityError::Value { key, value, rule };
        for (key, value, bounds, rule) in [
            (
                "snapshots.every_minutes",
                self.every_minutes,
                15..=1440,
                "15 to 1440 minutes",
            ),
            ("snapshots.hourly", self.hourly, 1..=168, "1 to 168"),
            ("snapshots.daily", self.daily, 0..=60, "0 to 60"),
            ("snapshots.weekly", self.weekly, 0..=52, "0 to 52"),
            ("snapshots.monthly", self.monthly, 0..=36, "0 to 36"),
        ] {
            if !bounds.contains(&value) {
                return Err(wrong(key, value.to_string(), rule));
            }
        }
        if self.quiet_from == self.quiet_to {
            return Err(wrong(
                "snapshots.quiet_to",
                self.quiet_to.to_string(),
                "another time than quiet_from; before it means the next morning",
            ));
        }
        Ok(())
    }
}

/// A time of day in the facility's time zone, as minutes since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

/// Not a time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no time of day; write it like \"19:00\"")]
pub struct NotATime(String);

impl FromStr for TimeOfDay {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let wrong = || NotATime(text.chars().take(20).collect());
        let number = |part: &str, end: u16| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits
                .then(|| part.parse().ok())
                .flatten()
                .filter(|number| *number < end)
        };
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let hours: u16 = number(hours, 24).ok_or_else(wrong)?;
        let minutes: u16 = number(minutes, 60).ok_or_else(wrong)?;
        Ok(Self(hours * 60 + minutes))
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = NotATime;

    fn try_from(text: String) -> Result<Self, NotATime> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Facility;

    #[test]
    fn what_is_left_out_is_as_in_the_default_and_what_cannot_be_is_refused() {
        let facility = Facility::parse("[snapshots]\nevery_minutes = 30\nmonthly = 0\n").unwrap();
        assert_eq!(facility.snapshots.every_minutes, 30);
        assert_eq!(facility.snapshots.counts().monthly, 0);
        assert_eq!(facility.snapshots.counts().hourly, 24);
        for wrong in [
            "every_minutes = 14",
            "every_minutes = 1441",
            "every_minutes = -1",
            "hourly = 0",
            "hourly = 169",
            "daily = 61",
            "weekly = 53",
            "monthly = 37",
            "quiet_from = '24:00'",
            "quiet_from = '7:00'",
            "quiet_from = '+7:00'",
            "quiet_to = '12:60'",
            "quiet_to = 12",
            "quiet_from = '05:00'",
        ] {
            let text = format!("[snapshots]\n{wrong}\n");
            assert!(Facility::parse(&text).is_err(), "{wrong}");
        }
        let error = Facility::parse("[snapshots]\nhourly = 0\n")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "snapshots.hourly = '0': 1 to 168");
        let error = Facility::parse("[snapshots]\nquiet_form = '20:00'\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("did you mean 'snapshots.quiet_from'"),
            "{error}"
        );
    }

    #[test]
    fn the_quiet_time_is_read_in_minutes_and_written_as_it_was() {
        let facility =
            Facility::parse("[snapshots]\nquiet_from = '12:30'\nquiet_to = '13:45'\n").unwrap();
        let quiet = facility.snapshots.quiet();
        assert_eq!((quiet.from_minute, quiet.to_minute), (750, 825));
        assert_eq!(facility.snapshots.quiet_to.to_string(), "13:45");
    }
}
