//! A flat repository of exactly the locked packages (and the empty stand-ins for the absent ones): what mmdebstrap installs from.

use std::fmt::Write as _;
use std::path::Path;

use super::list::Absent;
use super::lock::Locked;
use super::pool::Pool;
use crate::place::{self, PlaceError};
use crate::process::{ProcessError, Program};

/// The repository could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// dpkg-deb failed.
    #[error("cannot read or make a package: {0}")]
    Dpkg(#[from] ProcessError),
    /// A package says it is another one than the lock says.
    #[error(
        "the package {path} says it is {says}, the lock says {locked}: take packages.lock back from version control or run --update-lock"
    )]
    Other {
        /// The file.
        path: String,
        /// Its own name and version.
        says: String,
        /// The lock's.
        locked: String,
    },
}

/// Makes the repository in the empty folder `dir`; its files are hard links into the pool where that is possible.
///
/// # Errors
/// When a package is damaged or is not the one that the lock names.
pub fn make<'a>(
    dir: &Path,
    packages: impl Iterator<Item = &'a Locked>,
    pool: &Pool,
    absent: &[Absent],
) -> Result<(), RepositoryError> {
    place::folder(dir)?;
    let mut index = String::new();
    for package in packages {
        let file = format!("{}.deb", package.sha256);
        let target = dir.join(&file);
        let source = pool.path(package);
        if std::fs::hard_link(&source, &target).is_err() {
            std::fs::copy(&source, &target).map_err(place::at("cannot copy", &target))?;
        }
        let control = Program::new("dpkg-deb").arg("-f").arg(&source).run()?;
        let control = String::from_utf8_lossy(&control);
        let field = |name: &str| {
            control
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .unwrap_or("")
                .trim()
                .to_owned()
        };
        let (says, locked) = (
            format!("{} {}", field("Package"), field("Version")),
            format!("{} {}", package.name, package.version),
        );
        if says != locked {
            return Err(RepositoryError::Other {
                path: source.display().to_string(),
                says,
                locked,
            });
        }
        add(
            &mut index,
            &control,
            &file,
            package.length_bytes,
            &package.sha256,
        );
    }
    for package in absent {
        let control = format!(
            "Package: {}\nVersion: {}\nArchitecture: amd64\nMulti-Arch: allowed\nMaintainer: none <none@localhost>\n\
             Description: stands in for a package that is left out\n",
            package.name, package.version
        );
        let staging = dir.join("absent");
        place::whole(&staging.join("DEBIAN/control"), control.as_bytes())?;
        for folder in ["absent", "absent/DEBIAN"] {
            place::set_mode(&dir.join(folder), 0o755)?;
        }
        let file = format!("absent-{}.deb", package.name);
        let target = dir.join(&file);
        Program::new("dpkg-deb")
            .args(["--build", "--root-owner-group", "-Znone"])
            .arg(&staging)
            .arg(&target)
            .env("SOURCE_DATE_EPOCH", "0")
            .run()?;
        place::gone(&staging)?;
        let (length_bytes, sha256) = place::sha256(&target)?;
        add(&mut index, &control, &file, length_bytes, &sha256);
    }
    place::whole(&dir.join("Packages"), index.as_bytes())?;
    Ok(())
}

fn add(index: &mut String, control: &str, file: &str, length_bytes: u64, sha256: &str) {
    let _ = write!(
        index,
        "{}\nFilename: ./{file}\nSize: {length_bytes}\nSHA256: {sha256}\n\n",
        control.trim_end()
    );
}
