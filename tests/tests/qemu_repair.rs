//! Release and data belong together: a box whose boot state forgot the slot finds the release of its data again, and no
//! other release ever opens them.
//!
//! `POSTO_RELEASE_DIR=<release a> POSTO_RELEASE_DIR_B=<release b> cargo test -p posto-tests --test qemu_repair -- --nocapture`
//!
//! Both releases with disk.img and the stand-in; the machine's serial log is kept when the test fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's steps fail by panicking, with the error in the message"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use posto_release::layout::{STATE, STATE_BLOCK_BYTES, STATE_C1_OFFSET, STATE_C2_OFFSET};
use posto_release::slot::{BootState, Slot, Watch};
use posto_tests::qemu::Site;
use posto_tests::qemu::site::{ANSWER_LIMIT, BOOT_LIMIT, OPEN_LIMIT};
use posto_tests::standin::{Clinic, Counts};
use posto_tests::{command, http, release, wait};

/// How long a refusal is watched: a restart would come at once, and the journal is on the disk after a minute.
const REFUSAL_WATCHED: Duration = Duration::from_secs(90);

fn wait_for_finished_boot(site: &Site) {
    wait::until("the boot reported as finished", BOOT_LIMIT, || {
        Ok(site.state()?.read().w.is_none().then_some(()))
    })
    .unwrap();
}

fn counts(clinic: &Clinic) -> Counts {
    wait::until("the stand-in's counts", BOOT_LIMIT, || {
        Ok(clinic.counts().ok())
    })
    .unwrap()
}

/// Every file of the database, the secrets and the stamp, with inode, size and time of the last change.
fn fingerprint(data: &Path) -> String {
    let [database, secrets, stamp] = ["live/database", "secrets", "posto/stamp.json"]
        .map(|name| data.join(name).display().to_string());
    let argv = [
        "find",
        &database,
        &secrets,
        &stamp,
        "-printf",
        "%i %s %T@ %P\\n",
    ];
    let mut lines: Vec<_> = command::run(&argv)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines.join("\n")
}

fn ask_journal(data: &Path, question: &[&str]) -> String {
    let folder = data.join("var/log/journal").display().to_string();
    let mut argv = vec!["journalctl", "--quiet", "--no-pager", "-D", &folder];
    argv.extend_from_slice(question);
    command::run(&argv).unwrap()
}

/// What a unit said in every boot of a slot, oldest first, from the journal on the data partition.
fn journals(data: &Path, slot: Slot, unit: &str) -> Vec<String> {
    let wanted = format!("Command line:.*posto.slot={slot} ");
    let kernel = ["-o", "json", "_TRANSPORT=kernel", "--grep", &wanted];
    ask_journal(data, &kernel)
        .lines()
        .map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let boot = entry["_BOOT_ID"].as_str().unwrap();
            ask_journal(data, &["-o", "cat", "-b", boot, "-u", unit])
        })
        .collect()
}

/// In the last boot of slot a; `guard` is what its guard must have said.
fn assert_database_stayed_down(data: &Path, guard: &str) {
    // The server names itself in its first line; systemd's own lines about the unit do not.
    let up = "mariadbd";
    // Slot b's first boot did start it: else silence would prove nothing.
    let b = journals(data, Slot::B, "mariadb.service");
    assert!(b.first().unwrap().contains(up), "{b:?}");
    let a = journals(data, Slot::A, "mariadb.service");
    let a = a.last().unwrap();
    assert!(!a.contains(up), "{a}");
    let said = journals(data, Slot::A, "posto-guard.service");
    assert!(said.last().unwrap().contains(guard), "{said:?}");
}

#[test]
fn data_find_their_release_again_and_no_other_release_opens_them() {
    let release_a = release::disk_image().unwrap();
    let release_b = release::disk_image_of("POSTO_RELEASE_DIR_B").unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("repair");
    let site = Site::new(&folder, &release_a).unwrap();
    site.fill_slot_b(&release_b).unwrap();
    let state = site.state().unwrap();
    state.write(&BootState::commit(Slot::B)).unwrap();
    let start = Instant::now();
    let at = |what: &str| println!("{:4} s: {what}", start.elapsed().as_secs());

    // A clinic works with release b in slot b.
    let mut machine = site.start().unwrap();
    machine
        .wait_for("GRUB: slot b mode normal", BOOT_LIMIT)
        .unwrap();
    wait::until("the begun boot on the disk", BOOT_LIMIT, || {
        let begun = Watch {
            slot: Slot::B,
            unfinished: 1,
        };
        Ok((state.read().w == Some(begun)).then_some(()))
    })
    .unwrap();
    site.wait_for_open_door(OPEN_LIMIT).unwrap();
    at("release b serves on fresh data");
    wait_for_finished_boot(&site);
    at("its boot is no longer counted as unfinished");
    let clinic = site.admin(BOOT_LIMIT).unwrap();
    clinic.add_patient().unwrap();
    let before = counts(&clinic);
    machine.power_off().unwrap();
    let untouched = fingerprint(site.data().unwrap().path());

    // The data on a box that has release a only: in both slots.
    site.fill_slot_b(&release_a).unwrap();
    state.write(&BootState::commit(Slot::A)).unwrap();
    let mut machine = site.start().unwrap();
    machine
        .wait_for("GRUB: slot a mode normal", BOOT_LIMIT)
        .unwrap();
    let door = format!("{}/openmrs/", site.url());
    wait::until("the page that asks for a technician", BOOT_LIMIT, || {
        let answer = http::get(&door, ANSWER_LIMIT).ok();
        Ok(
            answer
                .filter(|answer| answer.status == 503 && answer.body.contains("release-mismatch")),
        )
    })
    .unwrap();
    at("release a refuses the data of release b");
    let watched = Instant::now();
    wait::until("the end of the watch", BOOT_LIMIT, || {
        let answer = http::get(&door, ANSWER_LIMIT)?;
        assert_eq!(answer.status, 503, "{}", answer.body);
        Ok((watched.elapsed() > REFUSAL_WATCHED).then_some(()))
    })
    .unwrap();
    let said = machine.serial.so_far();
    assert!(!said.contains("GRUB: slot"), "no restart: {said}");
    let stands = state.read();
    assert_eq!((stands.c1, stands.c2), (Some(Slot::A), Some(Slot::A)));
    machine.power_off().unwrap();
    let data = site.data().unwrap();
    assert_eq!(fingerprint(data.path()), untouched, "nothing was touched");
    assert_database_stayed_down(data.path(), "release-mismatch");
    drop(data);

    // Release b is in slot b again, but both committed records are lost: GRUB takes slot a.
    site.fill_slot_b(&release_b).unwrap();
    for offset in [STATE_C1_OFFSET, STATE_C2_OFFSET] {
        site.overwrite(STATE.start_bytes() + offset, &[0xA5; STATE_BLOCK_BYTES])
            .unwrap();
    }
    assert_eq!(state.read().committed(), None);
    let mut machine = site.start().unwrap();
    machine
        .wait_for("GRUB: slot a mode normal", BOOT_LIMIT)
        .unwrap();
    machine
        .wait_for("GRUB: slot b mode normal", BOOT_LIMIT)
        .unwrap();
    at("release a has repaired the boot state and restarted");
    let repaired = state.read();
    assert_eq!(
        (repaired.c1, repaired.c2, repaired.t),
        (Some(Slot::B), Some(Slot::B), None)
    );
    site.wait_for_open_door(OPEN_LIMIT).unwrap();
    at("release b serves again");
    assert_eq!(counts(&clinic), before);
    wait_for_finished_boot(&site);
    machine.power_off().unwrap();
    let data = site.data().unwrap();
    assert_database_stayed_down(data.path(), "the boot state was repaired");
}
