//! The server of the facility's UPS, where there is one.

use serde::{Deserialize, Serialize};

use super::FacilityError;

/// `[ups]` of facility.toml: all three, or no such table.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ups {
    /// As Network UPS Tools writes it: `name@host` or `name@host:port`.
    pub monitor: String,
    /// The account at that server.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Ups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ups {{ monitor: {:?}, .. }}", self.monitor)
    }
}

impl Ups {
    pub(super) fn check(&self) -> Result<(), FacilityError> {
        let wrong = |key, value: &str, rule| FacilityError::Value {
            key,
            value: value.to_string(),
            rule,
        };
        if !is_monitor(&self.monitor) {
            return Err(wrong(
                "ups.monitor",
                &self.monitor,
                "the UPS's name and its server, like apc@192.168.1.5 or apc@192.168.1.5:3493",
            ));
        }
        // upsmon sends them as bare words of its protocol: with a blank its server refuses them (tried).
        let word = |text: &str| {
            (1..=128).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'"' && byte != b'\\')
        };
        if !word(&self.user) {
            return Err(wrong(
                "ups.user",
                &self.user,
                "1 to 128 plain characters without blanks, quotes and backslashes",
            ));
        }
        if !word(&self.password) {
            return Err(wrong(
                "ups.password",
                "...",
                "1 to 128 plain characters without blanks, quotes and backslashes",
            ));
        }
        Ok(())
    }
}

fn is_monitor(monitor: &str) -> bool {
    let plain = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    let Some((name, server)) = monitor.split_once('@') else {
        return false;
    };
    let (host, port) = match server.split_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().is_ok_and(|port| port > 0)),
        None => (server, true),
    };
    plain(name) && plain(host) && port
}

#[cfg(test)]
mod tests {
    use super::super::Facility;

    #[test]
    fn a_ups_is_read_and_one_that_would_break_upsmons_settings_is_refused() {
        let with = |monitor: &str, user: &str, password: &str| {
            let text =
                format!("[ups]\nmonitor = '{monitor}'\nuser = '{user}'\npassword = '{password}'\n");
            Facility::parse(&text)
        };
        let facility = with("apc@192.168.1.5:3493", "posto", "a_b#c").unwrap();
        assert_eq!(facility.ups.unwrap().monitor, "apc@192.168.1.5:3493");
        assert!(with("apc@nut.local", "posto", "x").is_ok());
        for monitor in [
            "apc",
            "@h",
            "a@",
            "a@h:0",
            "a@h:99999",
            "a b@h",
            "a@h x",
            "a@h\u{e9}",
        ] {
            assert!(with(monitor, "posto", "x").is_err(), "{monitor}");
        }
        assert!(with("a@h", "", "x").is_err());
        assert!(with("a@h", "po\"sto", "x").is_err());
        assert!(with("a@h", "posto", "um dois").is_err());
        let error = with("a@h", "posto", "ge\\heim").unwrap_err().to_string();
        assert!(!error.contains("heim"), "{error}");
        assert!(Facility::parse("[ups]\nmonitor = 'a@h'\n").is_err());
        assert!(
            Facility::parse("[ups]\nmonitor = 'a@h'\nuser = 'u'\npasword = 'p'\n")
                .unwrap_err()
                .to_string()
                .contains("'ups.password'")
        );
    }

    #[test]
    fn the_password_is_not_printed_with_the_settings() {
        let facility =
            Facility::parse("[ups]\nmonitor = 'a@h'\nuser = 'u'\npassword = 'geheim'\n").unwrap();
        assert!(!format!("{facility:?}").contains("geheim"));
        let shown = serde_json::to_string(&facility.without_secrets()).unwrap();
        assert!(
            shown.contains("a@h") && !shown.contains("geheim"),
            "{shown}"
        );
    }
}
