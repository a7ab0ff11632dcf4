//! `--update-lock`: from the reviewed list to exact packages, by the machine's own apt in a scratch folder (signatures checked
//! against the key ring; the machine's own package state is not looked at).

use std::collections::BTreeMap;
use std::path::Path;

use super::list::{Absent, PackageList, Wanted};
use super::lock::{Locked, PackageLock};
use super::mirror::Mirror;
use crate::place::{self, PlaceError};
use crate::process::{ProcessError, Program};

/// The list could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The scratch folder.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// apt failed.
    #[error("apt could not resolve packages.toml (nothing was changed): {0}")]
    Apt(#[from] ProcessError),
    /// apt said something unexpected.
    #[error("apt printed a line that is not understood: {0}")]
    Line(String),
    /// No Release file came.
    #[error(
        "the mirror gave no InRelease file with a date, so the build has no date of its own; try again or another mirror"
    )]
    NoDate,
}

/// Key ring used when the sources name none.
const DEFAULT_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const RELEASE_LIMIT_BYTES: u64 = 4 << 20;

/// Resolves the list; `scratch` is an empty folder.
///
/// # Errors
/// When apt fails (a name that does not exist, a signature, the network) or its output is not understood.
pub fn resolve(
    list: &PackageList,
    mirror: &Mirror,
    scratch: &Path,
) -> Result<PackageLock, ResolveError> {
    let keyring = mirror.signed_by.as_deref().unwrap_or(DEFAULT_KEYRING);
    let components = list.components.join(" ");
    let mut sources = format!(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: {components}\nSigned-By: {keyring}\n",
        mirror.main,
        list.suites.join(" ")
    );
    if let (Some(security), Some(suite)) = (&mirror.security, &list.security_suite) {
        sources.push_str(&format!(
            "\nTypes: deb\nURIs: {security}\nSuites: {suite}\nComponents: {components}\nSigned-By: {keyring}\n",
        ));
    }
    for folder in ["state/lists/partial", "cache/archives/partial"] {
        place::folder(&scratch.join(folder))?;
    }
    place::whole(&scratch.join("debian.sources"), sources.as_bytes())?;
    place::whole(&scratch.join("nothing"), b"")?;
    place::whole(&scratch.join("absent"), installed(&list.absent).as_bytes())?;

    apt(scratch, "nothing")
        .arg("update")
        .arg("--error-on=any")
        .run()?;
    let lock = PackageLock {
        epoch: newest_date(&scratch.join("state/lists"))?,
        root: solve(scratch, "absent", &list.root, mirror)?,
        tools: solve(scratch, "nothing", &list.tools, mirror)?,
    };
    Ok(lock)
}

fn apt(scratch: &Path, status: &str) -> Program {
    let option = |key: &str, value: &str| format!("{key}={}", scratch.join(value).display());
    let mut program = Program::new("apt-get");
    for setting in [
        option("Dir::State", "state"),
        option("Dir::State::status", status),
        option("Dir::Cache", "cache"),
        option("Dir::Etc::sourcelist", "debian.sources"),
        "Dir::Etc::sourceparts=/dev/null".to_owned(),
        "Dir::Etc::preferences=/dev/null".to_owned(),
        "Dir::Etc::preferencesparts=/dev/null".to_owned(),
        "APT::Architecture=amd64".to_owned(),
        "APT::Architectures=amd64".to_owned(),
        "APT::Install-Recommends=false".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::Languages=none".to_owned(),
        "Acquire::ForceHash=sha256".to_owned(),
        "Acquire::GzipIndexes=false".to_owned(),
        // apt counts itself as essential; the image has no use for it.
        "pkgCacheGen::ForceEssential=,".to_owned(),
    ] {
        program = program.arg("-o").arg(setting);
    }
    program.env("LC_ALL", "C")
}

fn solve(
    scratch: &Path,
    status: &str,
    wanted: &[Wanted],
    mirror: &Mirror,
) -> Result<BTreeMap<String, Locked>, ResolveError> {
    let printed = apt(scratch, status)
        .args(["install", "--print-uris", "-y", "-qq", "?essential"])
        .args(wanted.iter().map(|package| package.name.as_str()))
        .run()?;
    let mut packages = BTreeMap::new();
    for line in String::from_utf8_lossy(&printed)
        .lines()
        .filter(|line| line.starts_with('\''))
    {
        let locked = uri_line(line, mirror).ok_or_else(|| ResolveError::Line(line.to_owned()))?;
        packages.insert(locked.name.clone(), locked);
    }
    Ok(packages)
}

/// A status file in which the absent packages count as installed.
fn installed(absent: &[Absent]) -> String {
    let mut status = String::new();
    for Absent { name, version, .. } in absent {
        status.push_str(&format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: allowed\nVersion: {version}\n\
             Maintainer: none <none@localhost>\nDescription: stands in for a package that is left out\n\n"
        ));
    }
    status
}

/// `'<uri>' <name>_<version>_<arch>.deb <bytes> SHA256:<hex>`, version with its colon as `%3a`.
fn uri_line(line: &str, mirror: &Mirror) -> Option<Locked> {
    let mut fields = line.split_whitespace();
    let uri = fields.next()?.trim_matches('\'');
    let file = fields.next()?.strip_suffix(".deb")?;
    let length_bytes = fields.next()?.parse().ok()?;
    let sha256 = fields.next()?.strip_prefix("SHA256:")?.to_owned();
    // The security archive's base may begin with the main one's: the longer match first.
    let mut bases: Vec<(&str, &str)> = vec![("main", mirror.main.as_str())];
    bases.extend(mirror.security.as_deref().map(|base| ("security", base)));
    bases.sort_by_key(|(_, base)| std::cmp::Reverse(base.len()));
    let (archive, path) = bases
        .iter()
        .find_map(|(archive, base)| Some((*archive, uri.strip_prefix(base)?.strip_prefix('/')?)))?;
    let mut parts = file.split('_');
    let (name, version, arch) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Locked {
        name: name.to_owned(),
        version: version.replace("%3a", ":"),
        arch: arch.to_owned(),
        length_bytes,
        sha256,
        archive: archive.to_owned(),
        path: decoded(path)?,
    })
}

/// apt prints paths percent-encoded; the lock holds them as the archive's index does.
fn decoded(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let byte = u8::from_str_radix(part.get(..2)?, 16)
            .ok()
            .filter(u8::is_ascii)?;
        plain.push(char::from(byte));
        plain.push_str(part.get(2..)?);
    }
    Some(plain)
}

/// Newest `Date:` of the InRelease files, as unix seconds.
fn newest_date(lists: &Path) -> Result<u64, ResolveError> {
    let mut newest = None;
    for file in place::sorted(lists)? {
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.ends_with("Release") {
            let text = place::text(&file, RELEASE_LIMIT_BYTES)?;
            let date = text
                .lines()
                .find_map(|line| line.strip_prefix("Date:"))
                .and_then(release_date);
            newest = newest.max(date);
        }
    }
    newest.ok_or(ResolveError::NoDate)
}

/// `Sat, 14 Nov 2026 09:12:33 UTC` (RFC 5322 but for the zone's name) to unix seconds.
fn release_date(text: &str) -> Option<u64> {
    let text = text.trim().strip_suffix(" UTC")?;
    let date = jiff::fmt::rfc2822::parse(&format!("{text} +0000")).ok()?;
    u64::try_from(date.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror() -> Mirror {
        Mirror {
            main: "http://m/debian".into(),
            security: Some("http://m/debian-security".into()),
            signed_by: None,
        }
    }

    #[test]
    fn a_line_of_apt_becomes_a_locked_package_without_the_mirrors_name() {
        let line = "'http://m/debian-security/pool/updates/main/n/nginx/nginx_1.26%2bdeb_amd64.deb' nginx_1%3a1.26_amd64.deb 85 SHA256:ef";
        let locked = uri_line(line, &mirror()).unwrap();
        assert_eq!(locked.archive, "security");
        assert_eq!(
            locked.path,
            "pool/updates/main/n/nginx/nginx_1.26+deb_amd64.deb"
        );
        assert_eq!(locked.version, "1:1.26");
        assert!(
            uri_line(
                "'http://elsewhere/x.deb' x_1_all.deb 1 SHA256:ef",
                &mirror()
            )
            .is_none()
        );
        assert!(uri_line("'http://m/debian/x.deb' x_1_all.deb 1 MD5Sum:ef", &mirror()).is_none());
    }

    #[test]
    fn release_dates_become_unix_seconds() {
        assert_eq!(release_date(" Thu, 01 Jan 1970 00:00:01 UTC"), Some(1));
        assert_eq!(
            release_date(" Sun, 22 Nov 2026 17:49:49 UTC"),
            Some(1_795_369_789)
        );
        assert_eq!(
            release_date(" Thu, 29 Feb 2024 00:00:00 UTC"),
            Some(1_709_164_800)
        );
        assert_eq!(release_date("nonsense"), None);
    }
}
