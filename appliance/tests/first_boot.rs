//! The first boot on a real XFS (loop device) with MariaDB's real programs. Needs root and mariadb-server.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use posto::first_boot::{self, Decision, FirstBootError, Tools};
use posto::guard::{self, Outcome};
use posto::places::Places;
use posto::system::label;
use posto::system::process::Invocation;

const LIMIT: Duration = Duration::from_secs(120);

fn run(program: &str, args: &[&str]) {
    Invocation::new(program).args(args).run(LIMIT).unwrap();
}

/// A box's root directory with a freshly flashed data partition in it; unmounted when dropped.
struct Box {
    root: tempfile::TempDir,
    places: Places,
}

impl Box {
    fn flashed(size: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        // mysql passes through to its directory.
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let places = Places::under(root.path());
        for directory in ["data", "run/systemd", "usr/lib/posto"] {
            std::fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        put(&places.container(), "test");
        put(
            &places.release(),
            r#"{"release":"r1","built":1,"distro":{"name":"d","version":"1","stand_in":true}}"#,
        );
        let disk = root.path().join("disk");
        let (disk, data) = (disk.to_str().unwrap(), places.data());
        run("truncate", &["-s", size, disk]);
        run(
            "mkfs.xfs",
            &["-q", "-m", "reflink=1,rmapbt=0", "-L", "posto-virgin", disk],
        );
        run("mount", &["-o", "loop", disk, data.to_str().unwrap()]);
        Self { root, places }
    }

    fn first_boot(&self, tools: &Tools) -> Result<Decision, FirstBootError> {
        first_boot::run(&self.places, tools)
    }

    fn label(&self) -> String {
        label::read(&self.places.data()).unwrap()
    }

    /// A tool that fails, as by a full disk or a pulled plug.
    fn broken_tool(&self) -> PathBuf {
        let path = self.root.path().join("broken");
        put(
            &path,
            "#!/bin/sh\necho 'no space left on device' >&2\nexit 1\n",
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        run("umount", &[self.places.data().to_str().unwrap()]);
    }
}

#[allow(clippy::disallowed_methods, reason = "a test's scratch files")]
fn put(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn mode_and_owner(path: &Path) -> (u32, u32) {
    let found = path.metadata().unwrap();
    (found.mode() & 0o7777, found.uid())
}

#[test]
fn a_first_boot_makes_everything_once_and_the_guard_lets_the_database_start() {
    let made = Box::flashed("3G");
    let places = &made.places;
    assert_eq!(made.first_boot(&Tools::default()).unwrap(), Decision::Make);
    assert_eq!(made.label(), "posto-data");
    assert_eq!(mode_and_owner(&places.database()), (0o700, 811));
    assert_eq!(mode_and_owner(&places.openmrs()), (0o700, 810));
    assert_eq!(mode_and_owner(&places.secrets()), (0o700, 0));
    assert_eq!(mode_and_owner(&places.database_password()), (0o600, 0));
    assert_eq!(mode_and_owner(&places.tls_key()), (0o600, 0));
    assert_eq!(mode_and_owner(&places.staging()), (0o711, 0));
    assert_eq!(mode_and_owner(&places.install_pending()), (0o600, 0));
    assert_eq!(guard::run(places), Outcome::Pass);
    let password = std::fs::read(places.database_password()).unwrap();
    assert_eq!(
        made.first_boot(&Tools::default()).unwrap(),
        Decision::Nothing
    );
    assert_eq!(std::fs::read(places.database_password()).unwrap(), password);
}

#[test]
fn a_first_boot_that_failed_is_not_believed_and_begins_from_scratch() {
    let made = Box::flashed("3G");
    let places = &made.places;
    let broken = [
        Tools {
            install: made.broken_tool(),
            ..Tools::default()
        },
        Tools {
            server: made.broken_tool(),
            ..Tools::default()
        },
    ];
    let mut secrets = Vec::new();
    for tools in broken {
        let error = made.first_boot(&tools).unwrap_err();
        assert!(error.to_string().contains("no space left"), "{error}");
        assert_eq!(error.alarm().code, "first-boot");
        assert_eq!(made.label(), "posto-virgin");
        assert!(!places.stamp().exists());
        assert!(
            matches!(guard::run(places), Outcome::Refused(alarm) if alarm.code == "first-boot")
        );
        secrets.push(std::fs::read(places.database_password()).unwrap());
    }
    put(&places.database().join("half"), "made");
    assert_eq!(made.first_boot(&Tools::default()).unwrap(), Decision::Make);
    assert!(!places.database().join("half").exists());
    secrets.push(std::fs::read(places.database_password()).unwrap());
    secrets.dedup();
    assert_eq!(secrets.len(), 3, "a secret of a failed attempt was kept");
    assert_eq!(guard::run(places), Outcome::Pass);
}

#[test]
fn a_power_cut_between_stamp_and_label_costs_only_the_label() {
    let made = Box::flashed("3G");
    let places = &made.places;
    made.first_boot(&Tools::default()).unwrap();
    label::write(&places.data(), "posto-virgin").unwrap();
    put(&places.database().join("record"), "of a patient");
    // Even if the first boot never ran again: it is data.
    assert_eq!(guard::run(places), Outcome::Pass);
    assert_eq!(
        made.first_boot(&Tools::default()).unwrap(),
        Decision::Relabel
    );
    assert_eq!(made.label(), "posto-data");
    assert!(places.database().join("record").exists());
}

#[test]
fn a_disk_too_small_or_full_is_said_at_once_and_nothing_is_made() {
    let made = Box::flashed("400M");
    let error = made.first_boot(&Tools::default()).unwrap_err();
    assert!(matches!(error, FirstBootError::Full { .. }), "{error}");
    assert!(error.alarm().en.contains("MB free"));
    assert_eq!(made.label(), "posto-virgin");
    assert!(!made.places.live().exists() && !made.places.secrets().exists());
}

#[test]
fn neither_an_unknown_label_nor_missing_files_nor_a_missing_stamp_ever_make_a_database() {
    let made = Box::flashed("3G");
    let places = &made.places;
    label::write(&places.data(), "backup").unwrap();
    assert!(matches!(
        made.first_boot(&Tools::default()),
        Err(FirstBootError::UnknownLabel(_))
    ));
    assert!(!places.live().exists());
    label::write(&places.data(), "posto-data").unwrap();
    for code in ["stamp-missing", "database-missing"] {
        assert_eq!(
            made.first_boot(&Tools::default()).unwrap(),
            Decision::Nothing
        );
        assert!(matches!(guard::run(places), Outcome::Refused(alarm) if alarm.code == code));
        assert!(!places.live().exists());
        std::fs::create_dir_all(places.posto()).unwrap();
        put(
            &places.stamp(),
            r#"{"release":"r1","slot":null,"root_hash":null}"#,
        );
    }
    put(
        &places.stamp(),
        r#"{"release":"r0","slot":null,"root_hash":null}"#,
    );
    assert!(
        matches!(guard::run(places), Outcome::Refused(alarm) if alarm.code == "release-mismatch")
    );
}

#[test]
fn without_a_data_partition_nothing_is_made_in_its_place() {
    let root = tempfile::tempdir().unwrap();
    let places = Places::under(root.path());
    std::fs::create_dir_all(places.data()).unwrap();
    let error = first_boot::run(&places, &Tools::default()).unwrap_err();
    assert!(!matches!(error, FirstBootError::Full { .. }), "{error}");
    assert_eq!(std::fs::read_dir(places.data()).unwrap().count(), 0);
}
