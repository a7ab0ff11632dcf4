//! Where new releases come from, and whether the box takes them by itself.

use std::fmt;
use std::str::FromStr;

use posto_signing::http::Authorities;
use posto_signing::rollout::{self, RINGS};
use serde::{Deserialize, Serialize};

use super::FacilityError;

/// More are not asked.
const MIRRORS_LIMIT: usize = 8;
/// No address is longer.
const MIRROR_LIMIT_BYTES: usize = 500;
/// Ten certificates.
const AUTHORITIES_LIMIT_BYTES: usize = 32 * 1024;

/// `updates = ` of facility.toml: `auto`, `hold` or `ring N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Updates(pub rollout::Updates);

impl Default for Updates {
    fn default() -> Self {
        Self(rollout::Updates::Auto)
    }
}

/// Neither of the three.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not how a box takes updates; write \"auto\", \"hold\" or \"ring N\" with N from 0 (first) to 99 (last)"
)]
pub struct NotUpdates(String);

impl FromStr for Updates {
    type Err = NotUpdates;

    fn from_str(text: &str) -> Result<Self, NotUpdates> {
        let wrong = || NotUpdates(text.chars().take(40).collect());
        Ok(Self(match text {
            "auto" => rollout::Updates::Auto,
            "hold" => rollout::Updates::Hold,
            other => {
                let number = other.strip_prefix("ring ").ok_or_else(wrong)?;
                let ring: u8 = number.trim().parse().map_err(|_| wrong())?;
                if ring >= RINGS {
                    return Err(wrong());
                }
                rollout::Updates::Ring(ring)
            }
        }))
    }
}

impl fmt::Display for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rollout::Updates::Auto => f.write_str("auto"),
            rollout::Updates::Hold => f.write_str("hold"),
            rollout::Updates::Ring(ring) => write!(f, "ring {ring}"),
        }
    }
}

impl TryFrom<String> for Updates {
    type Error = NotUpdates;

    fn try_from(text: String) -> Result<Self, NotUpdates> {
        text.parse()
    }
}

impl From<Updates> for String {
    fn from(updates: Updates) -> Self {
        updates.to_string()
    }
}

/// `[releases]` of facility.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Releases {
    /// Addresses of repositories, asked one after the other: `https://...`, or `http://...` for a box whose clock is dead (what comes
    /// is believed by its signatures, not by the link). None: updates come by stick.
    pub mirrors: Vec<String>,
    /// Which releases the box follows.
    pub channel: String,
    /// What updates may cost on the link in a month, megabytes. Sticks cost nothing.
    pub megabytes_a_month: u32,
    /// Certificates (PEM) of who vouches for the mirrors' names; without them who browsers believe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
}

impl Default for Releases {
    fn default() -> Self {
        Self {
            mirrors: Vec::new(),
            channel: "stable".to_string(),
            megabytes_a_month: 300,
            authorities: None,
        }
    }
}

impl Releases {
    /// Whether nothing was said about it.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn check(&self) -> Result<(), FacilityError> {
        let wrong = |key, value: &str, rule| {
            Err(FacilityError::Value {
                key,
                value: value.chars().take(80).collect(),
                rule,
            })
        };
        if self.mirrors.len() > MIRRORS_LIMIT {
            return wrong("releases.mirrors", "...", "at most 8 addresses");
        }
        if let Some(mirror) = self.mirrors.iter().find(|mirror| !is_address(mirror)) {
            let rule = "an address like https://releases.example.org/posto";
            return wrong("releases.mirrors", mirror, rule);
        }
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&self.channel.len()) || !self.channel.bytes().all(word) {
            let rule = "1 to 40 small letters, digits and dashes";
            return wrong("releases.channel", &self.channel, rule);
        }
        match &self.authorities {
            Some(pem)
                if pem.len() > AUTHORITIES_LIMIT_BYTES
                    || Authorities::from_pem(pem.as_bytes()).is_none() =>
            {
                wrong(
                    "releases.authorities",
                    "...",
                    "certificates in PEM, at most 32 KiB",
                )
            }
            _ => Ok(()),
        }
    }
}

/// Without a name and password in it: they would go to every mirror's log.
fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}@?#".contains(&byte);
    text.len() <= MIRROR_LIMIT_BYTES
        && rest.is_some_and(|rest| {
            rest.bytes()
                .next()
                .is_some_and(|first| first.is_ascii_alphanumeric() || first == b'[')
                && rest.bytes().all(plain)
        })
}

#[cfg(test)]
mod tests {
    use super::super::Facility;
    use super::*;

    #[test]
    fn how_a_box_takes_updates_is_one_of_three_words() {
        let updates = |text: &str| Facility::parse(text).map(|facility| facility.updates.0);
        assert_eq!(updates("").unwrap(), rollout::Updates::Auto);
        assert_eq!(updates("updates = 'hold'").unwrap(), rollout::Updates::Hold);
        let ring = updates("updates = 'ring 7'").unwrap();
        assert_eq!(ring, rollout::Updates::Ring(7));
        for wrong in ["ring", "ring 100", "ring -1", "never", "", "ring a"] {
            assert!(updates(&format!("updates = '{wrong}'")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mirrors_are_addresses_without_passwords() {
        let releases = |text: &str| Facility::parse(&format!("[releases]\n{text}"));
        assert!(releases("mirrors = ['https://a.example/posto', 'http://10.0.0.2:8000']").is_ok());
        for wrong in [
            "mirrors = ['ftp://a']",
            "mirrors = ['https://']",
            "mirrors = ['https://user:word@a']",
            "mirrors = ['https://a b']",
            "mirrors = ['https://a?x']",
            "mirrors = ['file:///etc']",
            "channel = 'A'",
            "channel = ''",
            "megabytes_a_month = -1",
            "authorities = 'none'",
            "mirror = []",
        ] {
            assert!(releases(wrong).is_err(), "{wrong}");
        }
    }
}
