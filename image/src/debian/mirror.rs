//! The machine's configured Debian mirror: read out of its apt sources, never written down anywhere.

use std::path::Path;

use crate::place::{self, PlaceError};

/// Where the machine gets Debian from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Base of the main archive.
    pub main: String,
    /// Base of the security archive, when one is configured.
    pub security: Option<String>,
    /// Key ring file that the sources name.
    pub signed_by: Option<String>,
}

/// No usable mirror is configured.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The sources could not be read.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// None of them is Debian's.
    #[error(
        "no Debian mirror in {0} (looked for a `deb` entry with a Debian suite and component main); add one, then build again"
    )]
    None(String),
}

#[derive(Debug, Default)]
struct Entry {
    uri: String,
    suite: String,
    signed_by: Option<String>,
}

const SOURCES_LIMIT_BYTES: u64 = 1 << 20;

impl Mirror {
    /// Reads the apt sources below `etc_apt` (`/etc/apt`).
    ///
    /// # Errors
    /// When they cannot be read or name no Debian archive.
    pub fn of_machine(etc_apt: &Path) -> Result<Self, MirrorError> {
        let mut entries = Vec::new();
        let one_line = etc_apt.join("sources.list");
        if one_line.exists() {
            entries.extend(one_line_entries(&place::text(
                &one_line,
                SOURCES_LIMIT_BYTES,
            )?));
        }
        let parts = etc_apt.join("sources.list.d");
        if parts.is_dir() {
            for file in place::sorted(&parts)? {
                match file.extension().and_then(|e| e.to_str()) {
                    Some("list") => {
                        entries.extend(one_line_entries(&place::text(&file, SOURCES_LIMIT_BYTES)?))
                    }
                    Some("sources") => {
                        entries.extend(deb822_entries(&place::text(&file, SOURCES_LIMIT_BYTES)?))
                    }
                    _ => {}
                }
            }
        }
        choose(&entries).ok_or_else(|| MirrorError::None(etc_apt.display().to_string()))
    }

    /// Base of the archive that a lock line names.
    pub fn base(&self, archive: &str) -> Option<&str> {
        match archive {
            "main" => Some(&self.main),
            "security" => self.security.as_deref(),
            _ => None,
        }
    }
}

/// Debian's suites are told by name: third parties' archives use their own suites beside them.
fn choose(entries: &[Entry]) -> Option<Mirror> {
    const RELEASES: [&str; 6] = ["bookworm", "trixie", "forky", "stable", "testing", "sid"];
    let main = entries
        .iter()
        .find(|e| RELEASES.contains(&e.suite.as_str()))?;
    let security = entries.iter().find(|e| {
        e.suite
            .strip_suffix("-security")
            .is_some_and(|release| RELEASES.contains(&release))
    });
    Some(Mirror {
        main: main.uri.trim_end_matches('/').to_owned(),
        security: security.map(|e| e.uri.trim_end_matches('/').to_owned()),
        signed_by: main.signed_by.clone(),
    })
}

/// sources.list(5), one-line style: `deb [ option=value ... ] uri suite component...`.
fn one_line_entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(rest) = line
            .strip_prefix("deb")
            .filter(|rest| rest.starts_with([' ', '\t']))
        else {
            continue;
        };
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (options, rest),
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (Some(uri), Some(suite)) = (words.next(), words.next()) else {
            continue;
        };
        if words.any(|component| component == "main") {
            let signed_by = options
                .split_whitespace()
                .find_map(|o| o.strip_prefix("signed-by="));
            entries.push(Entry {
                uri: uri.to_owned(),
                suite: suite.to_owned(),
                signed_by: signed_by.map(str::to_owned),
            });
        }
    }
    entries
}

/// sources.list(5), deb822 style.
fn deb822_entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| -> Vec<String> {
            let mut value = Vec::new();
            let mut inside = false;
            for line in stanza.lines().filter(|line| !line.starts_with('#')) {
                if line.starts_with([' ', '\t']) {
                    if inside {
                        value.extend(line.split_whitespace().map(str::to_owned));
                    }
                } else {
                    let (key, rest) = line.split_once(':').unwrap_or((line, ""));
                    inside = key.eq_ignore_ascii_case(name);
                    if inside {
                        value.extend(rest.split_whitespace().map(str::to_owned));
                    }
                }
            }
            value
        };
        let enabled = !field("Enabled")
            .iter()
            .any(|value| value.eq_ignore_ascii_case("no"));
        if !enabled
            || !field("Types").iter().any(|t| t == "deb")
            || !field("Components").iter().any(|c| c == "main")
        {
            continue;
        }
        // A key block written into the stanza is not a path.
        let signed_by = field("Signed-By")
            .into_iter()
            .next()
            .filter(|path| path.starts_with('/'));
        if let Some(uri) = field("URIs").into_iter().next() {
            for suite in field("Suites") {
                entries.push(Entry {
                    uri: uri.clone(),
                    suite,
                    signed_by: signed_by.clone(),
                });
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Result<Mirror, MirrorError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            place::whole(&dir.path().join(name), text.as_bytes()).unwrap();
        }
        Mirror::of_machine(dir.path())
    }

    #[test]
    fn a_bookworm_host_gives_its_mirror_from_deb822_sources() {
        let mirror = machine(&[(
            "sources.list.d/debian.sources",
            "Types: deb\n# a note\nURIs: http://mirror.test/debian/\nSuites: bookworm bookworm-updates\nComponents: main\n\
             Signed-By: /k.gpg\n\nTypes: deb\nURIs: http://mirror.test/security\nSuites: bookworm-security\nComponents: main\n",
        )])
        .unwrap();
        assert_eq!(mirror.main, "http://mirror.test/debian");
        assert_eq!(
            mirror.security.as_deref(),
            Some("http://mirror.test/security")
        );
        assert_eq!(mirror.signed_by.as_deref(), Some("/k.gpg"));
    }

    #[test]
    fn one_line_sources_with_options_and_third_parties_are_understood() {
        let mirror = machine(&[
            ("sources.list", "# deb http://old/ trixie main\ndeb [arch=amd64 signed-by=/d.gpg] https://m/debian trixie main contrib\n"),
            ("sources.list.d/other.list", "deb https://vendor/apt vendor-bookworm main\n"),
        ])
        .unwrap();
        assert_eq!(mirror.main, "https://m/debian");
        assert_eq!(mirror.signed_by.as_deref(), Some("/d.gpg"));
        assert_eq!(mirror.security, None);
    }

    #[test]
    fn a_machine_without_debian_sources_is_told_so() {
        let error =
            machine(&[("sources.list", "deb https://vendor/apt nodistro main\n")]).unwrap_err();
        assert!(error.to_string().contains("no Debian mirror"));
    }
}
