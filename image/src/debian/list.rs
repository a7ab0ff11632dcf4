//! `packages.toml`: what the roots are made of, and why.

use serde::Deserialize;

/// The reviewed list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageList {
    /// Suites of the main archive, the release first.
    pub suites: Vec<String>,
    /// Suite of the security archive; `None`: not used.
    pub security_suite: Option<String>,
    /// Components of the archive.
    pub components: Vec<String>,
    /// Packages of the image.
    pub root: Vec<Wanted>,
    /// Packages of the tools root.
    pub tools: Vec<Wanted>,
    /// Dependencies that an empty package stands in for.
    #[serde(default)]
    pub absent: Vec<Absent>,
    /// Accounts with fixed numbers.
    #[serde(default)]
    pub account: Vec<Account>,
}

/// A package that is wanted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Debian's name.
    pub name: String,
    /// The reason, for the reviewer.
    pub why: String,
}

/// A dependency that an empty package stands in for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// Debian's name.
    pub name: String,
    /// The version that the empty package claims.
    pub version: String,
    /// The reason, for the reviewer.
    pub why: String,
}

/// An account with a fixed number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Name of user and group.
    pub name: String,
    /// uid and gid.
    pub id: u32,
    /// Its home; `/nonexistent` when not given.
    #[serde(default)]
    pub home: Option<String>,
    /// Only a group.
    #[serde(default)]
    pub group_only: bool,
    /// The reason, for the reviewer.
    pub why: String,
}

impl PackageList {
    /// Reads the list from its text.
    ///
    /// # Errors
    /// When it is not valid TOML, has an unknown key, or a reason is missing.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The same packages from the release's own suite alone, as it was before any update.
    #[must_use]
    pub fn without_updates(mut self) -> Self {
        self.suites.truncate(1);
        self.security_suite = None;
        self
    }

    /// Lines for `/etc/passwd`, `/etc/group`, `/etc/shadow` and `/etc/gshadow`: no password, no shell.
    pub fn account_lines(&self) -> [(&'static str, String); 4] {
        let mut lines = [String::new(), String::new(), String::new(), String::new()];
        let [passwd, group, shadow, gshadow] = &mut lines;
        for account in &self.account {
            let (name, id) = (&account.name, account.id);
            let home = account.home.as_deref().unwrap_or("/nonexistent");
            group.push_str(&format!("{name}:x:{id}:\n"));
            gshadow.push_str(&format!("{name}:!*::\n"));
            if !account.group_only {
                passwd.push_str(&format!("{name}:x:{id}:{id}::{home}:/usr/sbin/nologin\n"));
                shadow.push_str(&format!("{name}:!*:1::::::\n"));
            }
        }
        let [passwd, group, shadow, gshadow] = lines;
        [
            ("passwd", passwd),
            ("group", group),
            ("shadow", shadow),
            ("gshadow", gshadow),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> PackageList {
        PackageList::parse(include_str!("../../packages.toml")).unwrap()
    }

    #[test]
    fn every_package_of_the_shipped_list_has_a_reason_and_is_named_once() {
        let list = shipped();
        for wanted in [&list.root, &list.tools] {
            let mut names = std::collections::BTreeSet::new();
            for package in wanted {
                assert!(package.why.len() > 3, "{}", package.name);
                assert!(names.insert(&package.name), "{} twice", package.name);
            }
        }
    }

    #[test]
    fn the_accounts_of_the_architecture_have_their_numbers() {
        let [(_, passwd), ..] = shipped().account_lines();
        for line in [
            "openmrs:x:810:810:",
            "mysql:x:811:811:",
            "nginx:x:812:812:",
            "posto:x:813:813:",
            "nut:x:814:814:",
            "posto-update:x:816:816:",
        ] {
            assert!(passwd.lines().any(|have| have.starts_with(line)), "{line}");
        }
    }

    #[test]
    fn a_list_without_updates_has_the_release_s_suite_alone() {
        let list = shipped().without_updates();
        assert_eq!((list.suites.len(), list.security_suite), (1, None));
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(
            PackageList::parse(
                "suites=[]\nsecurity_suite=''\ncomponents=[]\nroot=[]\ntools=[]\ntool=[]"
            )
            .is_err()
        );
    }
}
