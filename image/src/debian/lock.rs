//! `packages.lock`: exactly which packages, by hash, one line each, so that a change reads well in a review.
//!
//! `<set> <name> <version> <arch> <bytes> <sha256> <archive>:<path>`; `archive` is `main` or `security` (whose place on the
//! network is the machine's own affair); the line `epoch <unix seconds>` is the newest date of the archives that were read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One locked package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Locked {
    /// Debian's name.
    pub name: String,
    /// Full version, epoch included.
    pub version: String,
    /// `amd64` or `all`.
    pub arch: String,
    /// Length of the .deb in bytes.
    pub length_bytes: u64,
    /// SHA-256 of the .deb, lower-case hex.
    pub sha256: String,
    /// `main` or `security`.
    pub archive: String,
    /// Path below the archive's base, as its index has it.
    pub path: String,
}

/// The whole lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageLock {
    /// Unix seconds: the newest date of the archives' indices. The only time that gets into the image.
    pub epoch: u64,
    /// Packages of the image, by name.
    pub root: BTreeMap<String, Locked>,
    /// Packages of the tools root, by name.
    pub tools: BTreeMap<String, Locked>,
}

/// The lock cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "packages.lock line {line}: {what}; it is written by `posto-image build --update-lock`, take it back from version control"
)]
pub struct LockError {
    line: usize,
    what: &'static str,
}

const HEAD: &str = "# Written by `posto-image build --update-lock` from packages.toml.\n\
                    # <set> <name> <version> <arch> <bytes> <sha256> <archive>:<path>\n";

impl PackageLock {
    /// Reads a lock.
    ///
    /// # Errors
    /// When a line is not of the form above; the line's number is in the error.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let mut lock = Self {
            epoch: 0,
            root: BTreeMap::new(),
            tools: BTreeMap::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let wrong = |what| LockError {
                line: index + 1,
                what,
            };
            let fields: Vec<&str> = line.split_whitespace().collect();
            match fields.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["epoch", epoch] => lock.epoch = epoch.parse().map_err(|_| wrong("no epoch"))?,
                [set, name, version, arch, length, sha256, place] => {
                    let (archive, path) = place
                        .split_once(':')
                        .ok_or(wrong("no archive before the path"))?;
                    if !matches!(archive, "main" | "security") {
                        return Err(wrong("unknown archive"));
                    }
                    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
                        return Err(wrong("a path that leaves the archive"));
                    }
                    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                    if sha256.len() != 64 || !sha256.bytes().all(hex) {
                        return Err(wrong("not a SHA-256"));
                    }
                    let locked = Locked {
                        name: (*name).to_owned(),
                        version: (*version).to_owned(),
                        arch: (*arch).to_owned(),
                        length_bytes: length.parse().map_err(|_| wrong("no length"))?,
                        sha256: (*sha256).to_owned(),
                        archive: archive.to_owned(),
                        path: path.to_owned(),
                    };
                    let set = match *set {
                        "root" => &mut lock.root,
                        "tools" => &mut lock.tools,
                        _ => return Err(wrong("neither root nor tools")),
                    };
                    if set.insert(locked.name.clone(), locked).is_some() {
                        return Err(wrong("a package twice"));
                    }
                }
                _ => return Err(wrong("not seven fields")),
            }
        }
        if lock.epoch == 0 {
            return Err(LockError {
                line: 0,
                what: "no epoch line",
            });
        }
        Ok(lock)
    }

    /// The lock's text.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}epoch {}\n", self.epoch);
        for (set, packages) in [("root", &self.root), ("tools", &self.tools)] {
            for p in packages.values() {
                let Locked {
                    name,
                    version,
                    arch,
                    length_bytes,
                    sha256,
                    archive,
                    path,
                } = p;
                let _ = writeln!(
                    text,
                    "{set} {name} {version} {arch} {length_bytes} {sha256} {archive}:{path}"
                );
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "root a 1:2-3 amd64 10 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa main:pool/a.deb";

    #[test]
    fn a_lock_reads_back_as_it_was_written() {
        let lock = PackageLock::parse(&format!("# x\nepoch 7\n{LINE}\n")).unwrap();
        assert_eq!(PackageLock::parse(&lock.text()).unwrap(), lock);
        assert_eq!(lock.root["a"].version, "1:2-3");
    }

    #[test]
    fn what_is_not_a_lock_is_refused_with_its_line() {
        for (text, line) in [
            ("epoch 7\nroot a".to_owned(), "line 2"),
            (format!("epoch 7\n{LINE}\n{LINE}"), "line 3"),
            (
                format!("epoch 7\n{}", LINE.replace("main:", "main:../")),
                "line 2",
            ),
            (
                format!("epoch 7\n{}", LINE.replace("aaaa", "AAAA")),
                "line 2",
            ),
            (LINE.to_owned(), "no epoch"),
        ] {
            let error = PackageLock::parse(&text).unwrap_err().to_string();
            assert!(error.contains(line), "{text} -> {error}");
        }
    }
}
