//! What the units promise to each other, read from the files that go into the image.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../image/root/etc/systemd/system")
}

/// The last value of a setting in a unit file.
fn setting(unit: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(units().join(unit)).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .next_back()
        .map(str::to_owned)
}

fn oom_score(unit: &str) -> i32 {
    setting(unit, "OOMScoreAdjust").map_or(0, |value| value.parse().unwrap())
}

#[test]
fn without_memory_the_background_goes_first_and_the_database_last_of_the_clinic() {
    let order = [
        "posto-smart.service",
        "openmrs.service",
        "posto-console.service",
        "nginx.service",
        "mariadb.service",
        "posto.service",
    ];
    let scores: Vec<i32> = order.iter().map(|unit| oom_score(unit)).collect();
    assert!(
        scores.windows(2).all(|pair| pair[0] > pair[1]),
        "{order:?}: {scores:?}"
    );
}

/// "10min", "30s" or "90" in seconds.
fn seconds(time: &str) -> u64 {
    let digits: String = time.chars().take_while(char::is_ascii_digit).collect();
    let number: u64 = digits.parse().unwrap();
    match &time[digits.len()..] {
        "min" => number * 60,
        "" | "s" => number,
        other => panic!("{other}"),
    }
}

#[test]
fn switching_off_waits_for_openmrs_and_then_the_database_but_not_for_ever() {
    let needed: u64 = ["openmrs.service", "mariadb.service"]
        .iter()
        .map(|unit| seconds(&setting(unit, "TimeoutStopSec").unwrap()))
        .sum();
    for target in ["poweroff", "reboot"] {
        let drop_in = format!("{target}.target.d/posto.conf");
        let bound = seconds(&setting(&drop_in, "JobTimeoutSec").unwrap());
        assert!(
            (needed + 60..=needed + 180).contains(&bound),
            "{target}: {bound} s against {needed} s"
        );
        assert_eq!(
            setting(&drop_in, "JobTimeoutAction").unwrap(),
            format!("{target}-force")
        );
    }
}

#[test]
fn openmrs_stops_before_the_database_and_the_count_of_boots_after_it() {
    let names = |unit: &str, key: &str, name: &str| {
        std::fs::read_to_string(units().join(unit))
            .unwrap()
            .lines()
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .any(|value| value.split_whitespace().any(|word| word == name))
    };
    // systemd stops in the reverse order of starting.
    assert!(names("openmrs.service", "After", "mariadb.service"));
    assert!(names("posto-boots.service", "Before", "mariadb.service"));
}

#[test]
fn proofs_wait_for_everybody_and_go_first_and_what_holds_the_snapshots_lock_is_never_frozen() {
    let proof = "posto-proof.service";
    assert_eq!(setting(proof, "Slice").unwrap(), "posto-background.slice");
    assert_eq!(setting(proof, "IOSchedulingClass").unwrap(), "idle");
    assert_eq!(setting(proof, "MemoryMax").unwrap(), "400M");
    assert_eq!(oom_score(proof), 900);
    // The background stands still while memory is short: whoever waits for the lock would wait for it.
    for unit in ["posto-snapshot.service", "posto-snapshot-thin.service"] {
        assert_eq!(setting(unit, "Slice"), None, "{unit}");
        assert!(oom_score(unit) > oom_score("openmrs.service"), "{unit}");
    }
    // The daemon alone starts them.
    for unit in [
        proof,
        "posto-snapshot.service",
        "posto-snapshot-thin.service",
    ] {
        assert_eq!(setting(unit, "WantedBy"), None, "{unit}");
        assert_eq!(setting(unit, "PrivateNetwork").unwrap(), "yes", "{unit}");
    }
}

#[test]
fn a_rebuild_can_always_be_told_to_stop_and_sees_only_what_it_needs() {
    let rebuild = "posto-rebuild.service";
    // Frozen, it could not end what the server does for it.
    assert_eq!(setting(rebuild, "Slice"), None);
    assert_eq!(setting(rebuild, "CPUWeight").unwrap(), "idle");
    assert_eq!(oom_score(rebuild), 900);
    assert_eq!(setting(rebuild, "PrivateNetwork").unwrap(), "yes");
    assert_eq!(setting(rebuild, "WantedBy"), None);
    // guards::disk takes a mount that cannot be written for no data disk at all: nothing would ever be rebuilt (seen).
    assert_eq!(
        setting(rebuild, "ReadWritePaths").unwrap(),
        "-/data /run/posto"
    );
    // It never starts the clinic, and its end comes before the database's own is forced.
    assert_eq!(setting(rebuild, "Requires"), None);
    let stop = seconds(&setting(rebuild, "TimeoutStopSec").unwrap());
    assert!(stop < seconds(&setting("mariadb.service", "TimeoutStopSec").unwrap()));
}

#[test]
fn copies_wait_for_everybody_and_their_disk_is_seen_by_them_alone() {
    let copy = "posto-copy.service";
    assert_eq!(setting(copy, "Slice").unwrap(), "posto-background.slice");
    assert_eq!(setting(copy, "IOSchedulingClass").unwrap(), "idle");
    assert_eq!(setting(copy, "PrivateMounts").unwrap(), "yes");
    assert_eq!(setting(copy, "PrivateNetwork").unwrap(), "yes");
    assert_eq!(oom_score(copy), 900);
    assert_eq!(setting(copy, "WantedBy"), None);
}

#[test]
fn what_speaks_to_the_province_has_no_rights_and_sees_no_data() {
    let ping = "posto-ping.service";
    assert_eq!(setting(ping, "User").unwrap(), "posto");
    assert_eq!(setting(ping, "CapabilityBoundingSet").unwrap(), "");
    assert_eq!(setting(ping, "InaccessiblePaths").unwrap(), "-/data");
    assert_eq!(setting(ping, "IPAddressDeny").unwrap(), "localhost");
    // The daemon alone starts it, and it has given up before the daemon gives it up (180 s).
    assert_eq!(setting(ping, "WantedBy"), None);
    assert!(seconds(&setting(ping, "TimeoutStartSec").unwrap()) < 180);
    // The one that has the key has no network.
    assert_eq!(setting("posto.service", "PrivateNetwork").unwrap(), "yes");
}

#[test]
fn an_exhausted_heap_never_leaves_java_running() {
    let start = std::fs::read_to_string(units().join("openmrs.service")).unwrap();
    // `;` would be HotSpot's own separator, `%%` is systemd's way to write `%`.
    assert!(start.contains(
        "\"-XX:OnOutOfMemoryError=(/usr/bin/posto unit java-histogram %%p || kill -9 %%p) &\""
    ));
    assert!(start.contains("-XX:+StartAttachListener"));
    assert!(!start.contains("-XX:+ExitOnOutOfMemoryError"));
}
