//! The province's hub, where the box says how it is.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::FacilityError;
use crate::box_key::PublicKey;
use crate::health::send;

/// Minutes between routine pings: from one to a day.
const EVERY_MINUTES: std::ops::RangeInclusive<u16> = 1..=1440;

/// A few certificates.
const AUTHORITY_LIMIT_BYTES: usize = 16 * 1024;

/// `[hub]` of facility.toml. Without the table the box tells nobody how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// The hub's public key ('posto hub key' prints it): only its word takes a ping out of the box's spool.
    pub key: PublicKey,
    /// Where pings go by UDP: address and port. A literal address: a name costs a question more than the ping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp: Option<SocketAddr>,
    /// Where they go when UDP is not answered, or when many wait: `https://name/` or `http://...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<String>,
    /// Who vouches for the hub's name over TLS, as PEM: a programme's own authority alone. Left out: those that browsers believe.
    /// What is said is signed on both sides either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Minutes between routine pings.
    #[serde(default = "every_minutes")]
    pub every_minutes: u16,
    /// Megabytes (10^6 bytes) a month for pings, both ways, on the wire.
    #[serde(default = "budget_mb")]
    pub budget_mb: u16,
}

fn every_minutes() -> u16 {
    15
}

/// Pings each 15 minutes take 0.6 MB a month over UDP, 10 MB where each needs a post of its own.
fn budget_mb() -> u16 {
    5
}

impl Hub {
    pub(super) fn check(&self) -> Result<(), FacilityError> {
        let wrong = |key, value: &str, rule| FacilityError::Value {
            key,
            value: value.to_string(),
            rule,
        };
        if self.udp.is_none() && self.https.is_none() {
            return Err(wrong(
                "hub.udp",
                "",
                "where the hub is: udp = '41.1.2.3:4477', https = 'https://...', or both",
            ));
        }
        if let Some(https) = &self.https
            && !is_address(https)
        {
            return Err(wrong(
                "hub.https",
                https,
                "an address like https://hub.example.org/, without account, query and blanks",
            ));
        }
        if self.authority.as_deref().is_some_and(|pem| {
            pem.len() > AUTHORITY_LIMIT_BYTES || send::authorities(pem).is_empty()
        }) {
            return Err(wrong(
                "hub.authority",
                "...",
                "a certificate in PEM, -----BEGIN CERTIFICATE----- and on",
            ));
        }
        if !EVERY_MINUTES.contains(&self.every_minutes) {
            return Err(wrong(
                "hub.every_minutes",
                &self.every_minutes.to_string(),
                "1 to 1440",
            ));
        }
        if self.budget_mb == 0 {
            return Err(wrong("hub.budget_mb", "0", "1 or more"));
        }
        Ok(())
    }
}

fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty()
            && text.len() <= 200
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/:[]%".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Facility;

    const KEY: &str = "key = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='";

    #[test]
    fn a_hub_is_read_and_one_that_cannot_be_reached_refused() {
        let read = |more: &str| Facility::parse(&format!("[hub]\n{KEY}\n{more}"));
        let hub = read("udp = '41.1.2.3:4477'\nhttps = 'https://hub.example.org/posto'")
            .unwrap()
            .hub
            .unwrap();
        assert_eq!((hub.every_minutes, hub.budget_mb), (15, 5));
        assert_eq!(hub.udp.unwrap().port(), 4477);
        for wrong in [
            "",
            "udp = 'hub.example.org:4477'",
            "https = 'ftp://x'",
            "https = 'https://a b'",
            "https = 'https://u@h/'",
            "udp = '1.2.3.4:5'\nevery_minutes = 0",
            "udp = '1.2.3.4:5'\nbudget_mb = 0",
            "udp = '1.2.3.4:5'\nport = 5",
            "udp = '1.2.3.4:5'\nauthority = 'x'",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(Facility::parse("[hub]\nudp = '1.2.3.4:5'\nkey = 'AAAA'").is_err());
    }
}
