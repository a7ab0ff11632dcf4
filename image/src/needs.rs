//! What the host must have, and how to get it.

use std::path::Path;

/// A program of the host and the Debian package that brings it.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    program: &'static str,
    package: &'static str,
}

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

/// For every build.
pub const FOR_BUILD: &[Need] = &[
    need("mmdebstrap", "mmdebstrap"),
    need("apt-get", "apt"),
    need("dpkg-deb", "dpkg"),
    need("unshare", "util-linux"),
    need("setpriv", "util-linux"),
    need("cp", "coreutils"),
];

/// When artifacts must be resolved.
pub const FOR_ARTIFACTS: &[Need] = &[need("mvn", "maven"), need("java", "default-jre-headless")];

/// Programs are missing.
#[derive(Debug, thiserror::Error)]
#[error(
    "missing on this machine: {programs}\nget it with: apt-get install -y --no-install-recommends {packages}"
)]
pub struct Missing {
    programs: String,
    packages: String,
}

/// Checks that the programs are in PATH or in the system's administration folders.
///
/// # Errors
/// Names what is missing and the line that installs it.
pub fn check(needs: &[Need]) -> Result<(), Missing> {
    let path = std::env::var("PATH").unwrap_or_default();
    check_in(
        needs,
        path.split(':')
            .chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin"]),
    )
}

fn check_in<'a>(
    needs: &[Need],
    folders: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Missing> {
    let missing: Vec<&Need> = needs
        .iter()
        .filter(|need| {
            !folders
                .clone()
                .any(|folder| !folder.is_empty() && Path::new(folder).join(need.program).is_file())
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    packages.sort_unstable();
    packages.dedup();
    let programs: Vec<&str> = missing.iter().map(|need| need.program).collect();
    Err(Missing {
        programs: programs.join(", "),
        packages: packages.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_line_that_installs_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::File::create(dir.path().join("cp")).unwrap();
        let error = check_in(FOR_BUILD, [dir.path().to_str().unwrap()].into_iter())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("mmdebstrap, apt-get, dpkg-deb, unshare, setpriv\n"),
            "{error}"
        );
        assert!(error.ends_with("apt dpkg mmdebstrap util-linux"), "{error}");
    }
}
