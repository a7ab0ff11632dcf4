//! Fuzz targets of what the builder reads: distros of other people, Debian's sources of a machine, lists and locks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

#[path = "../../tests/fuzz/target.rs"]
mod target;

use posto_image::artifacts::coordinate::Coordinate;
use posto_image::artifacts::lock::ArtifactLock;
use posto_image::debian::list::PackageList;
use posto_image::debian::lock::PackageLock;
use posto_image::debian::mirror::Mirror;
use posto_image::distro::properties::DistroFile;
use posto_image::root::keystore;
use posto_image::root::prune::PruneList;
use target::fuzz;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn distro_file() {
    let platform = include_bytes!("../distros/platform-2.8.9/openmrs-distro.properties");
    let epts = include_bytes!("../distros/mozambique-epts/openmrs-distro.properties");
    fuzz!([platform.as_slice(), epts], |bytes: &[u8]| {
        let _ = DistroFile::parse(&text(bytes));
    });
}

#[test]
fn package_list() {
    fuzz!(
        [include_bytes!("../packages.toml").as_slice()],
        |bytes: &[u8]| {
            if let Ok(list) = PackageList::parse(&text(bytes)) {
                let _ = list.account_lines();
            }
        }
    );
}

/// What is read as a lock is written as one that reads the same.
#[test]
fn package_lock() {
    let shipped: Vec<u8> = include_bytes!("../packages.lock")
        .iter()
        .copied()
        .take(4000)
        .collect();
    fuzz!([&shipped], |bytes: &[u8]| {
        if let Ok(lock) = PackageLock::parse(&text(bytes)) {
            assert_eq!(
                PackageLock::parse(&lock.text()).unwrap().text(),
                lock.text()
            );
        }
    });
}

#[test]
fn artifact_lock() {
    fuzz!(
        [include_bytes!("../artifacts.lock").as_slice()],
        |bytes: &[u8]| {
            if let Ok(lock) = ArtifactLock::parse(&text(bytes)) {
                assert_eq!(
                    ArtifactLock::parse(&lock.text()).unwrap().text(),
                    lock.text()
                );
            }
        }
    );
}

/// No coordinate names a file outside its folder.
#[test]
fn coordinate() {
    fuzz!(
        [b"org.openmrs.web:openmrs-webapp:2.8.9:war".as_slice()],
        |bytes: &[u8]| {
            if let Some(coordinate) = Coordinate::parse(&text(bytes)) {
                assert!(!coordinate.file_name().contains('/'));
            }
        }
    );
}

#[test]
fn prune_list() {
    fuzz!(
        [include_bytes!("../prune.toml").as_slice()],
        |bytes: &[u8]| {
            let _ = PruneList::parse(&text(bytes));
        }
    );
}

#[test]
fn certificates() {
    fuzz!(
        [b"-----BEGIN CERTIFICATE-----\nMIIB\nAA==\n-----END CERTIFICATE-----\n".as_slice()],
        |bytes: &[u8]| {
            let _ = keystore::from_pem(&text(bytes), 1);
        }
    );
}

/// A machine's apt sources, in both of their forms.
#[test]
fn apt_sources() {
    let deb822 = b"Types: deb deb-src\nURIs: http://deb.debian.org/debian\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: /usr/share/keyrings/d.gpg\n\nTypes: deb\n".as_slice();
    let lines =
        b"deb [ arch=amd64 signed-by=/k.gpg ] http://deb.debian.org/debian bookworm main # x\n"
            .as_slice();
    let dir = tempfile::tempdir().unwrap();
    let parts = dir.path().join("sources.list.d");
    std::fs::create_dir(&parts).unwrap();
    fuzz!([deb822, lines], |bytes: &[u8]| {
        std::fs::write(dir.path().join("sources.list"), bytes).unwrap();
        std::fs::write(parts.join("debian.sources"), bytes).unwrap();
        let _ = Mirror::of_machine(dir.path());
    });
}
