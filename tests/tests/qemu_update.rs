//! A signed release on its way into the other slot of a whole machine: half of it over a link that dies, the rest from a stick that is
//! plugged in; read back by this machine, and booted once.
//!
//! `POSTO_RELEASE_DIR=<release> POSTO_RELEASE_DIR_B=<a later one> POSTO_PUBLISHER=... POSTO_SIGN=... cargo test -p posto-tests --test
//! qemu_update -- --nocapture` (`./check full` makes all four; packages dosfstools, mtools)

#![allow(clippy::indexing_slicing, reason = "what is missing is null")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use posto_release::layout;
use posto_release::slot::Slot;
use posto_release::slot_env::{SLOT_ENV, SlotEnv};
use posto_release::verity;
use posto_tests::command::run;
use posto_tests::mirror::Mirror;
use posto_tests::publisher::Publisher;
use posto_tests::qemu::site::{BOOT_LIMIT, OPEN_LIMIT};
use posto_tests::qemu::{Hand, Site, Stick};
use posto_tests::{release, wait};
use serde_json::Value;

/// One command inside, in emulation.
const COMMAND: Duration = Duration::from_secs(600);
/// 720 MB written and read back, in emulation.
const STAGED: Duration = Duration::from_secs(3000);
/// QEMU's user network: this machine's loopback, seen from inside.
const HOST: &str = "10.0.2.2";
const STICK_BYTES: u64 = 1 << 30;

fn named_b() -> Result<PathBuf> {
    let b = std::env::var_os("POSTO_RELEASE_DIR_B");
    Ok(PathBuf::from(
        b.context("POSTO_RELEASE_DIR_B: run ./check full")?,
    ))
}

fn name_of(release: &Path) -> Result<String> {
    let text = std::fs::read(release.join("release.json"))?;
    let value: Value = serde_json::from_slice(&text)?;
    Ok(value["release"].as_str().context("release")?.to_owned())
}

fn json(hand: &mut Hand, command: &str) -> Result<Value> {
    let said = hand.ask_within(&format!("{command} --json 2>/dev/null"), STAGED)?;
    serde_json::from_str(&said.out).with_context(|| format!("{command}: {}", said.out))
}

/// A stick with what `act` puts into a folder: copied by mtools, since not every kernel here has FAT.
fn filled(folder: &Path, act: impl FnOnce(&Path) -> Result<()>) -> Result<Stick> {
    let mkfs = ["mkfs.vfat", "-F32", "-n", "POSTOUPDATE"];
    let stick = Stick::format(folder, "update", STICK_BYTES, &mkfs)?;
    let content = tempfile::tempdir_in(folder)?;
    act(content.path())?;
    for entry in std::fs::read_dir(content.path())? {
        let path = entry?.path();
        run(&[
            "mcopy".as_ref(),
            "-s".as_ref(),
            "-i".as_ref(),
            stick.path().as_os_str(),
            path.as_os_str(),
            "::/".as_ref(),
        ])?;
    }
    Ok(stick)
}

/// What the slot on the disk image says, its root read through against its root hash by this machine.
fn slot_holds(site: &Site, slot: Slot) -> Result<SlotEnv> {
    let disk = site.path.to_str().context("path")?.to_owned();
    let boot = layout::boot(slot);
    let image = format!("{disk}@@{}", boot.start_bytes());
    let text = run(&["mtype", "-i", &image, &format!("::{SLOT_ENV}")])?;
    let env = SlotEnv::parse(text.as_bytes())?;
    let root = layout::root(slot);
    let (offset, size) = (
        root.start_bytes().to_string(),
        root.size_bytes().to_string(),
    );
    let device = run(&[
        "losetup",
        "--show",
        "--read-only",
        "--find",
        "--offset",
        &offset,
        "--sizelimit",
        &size,
        &disk,
    ])?;
    let device = device.trim().to_owned();
    let verified = File::open(&device)
        .map_err(anyhow::Error::from)
        .and_then(|root| Ok(verity::verify(&root, &env.verity)?));
    run(&["losetup", "--detach", &device])?;
    verified?;
    Ok(env)
}

#[test]
fn half_over_a_dying_link_the_rest_from_a_stick_into_the_other_slot() -> Result<()> {
    let (a, b) = (release::folder()?, named_b()?);
    let (name_a, name_b) = (name_of(&a)?, name_of(&b)?);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("update");
    let published = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let publisher = Publisher::new(published.path())?;
    let begun = Instant::now();
    // Making the whole patch takes minutes: another run may take what one has published.
    match std::env::var_os("POSTO_PUBLISHED") {
        Some(there) => {
            let (there, here) = (PathBuf::from(there), publisher.repository());
            run(&[
                "cp".as_ref(),
                "-rT".as_ref(),
                there.as_os_str(),
                here.as_os_str(),
            ])?;
        }
        None => publisher.publish(&b, &[&a])?,
    }
    println!(
        "published with a patch and as a whole in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let mirror = Mirror::start("127.0.0.1:0", publisher.repository())?;
    // Last: the machine's port is free now, not minutes from now.
    let site = Site::new(&folder, &release::disk_image()?)?;

    let mut machine = site.start()?;
    site.wait_for_open_door(OPEN_LIMIT)?;
    let mut hand = Hand::open(&site, &mut machine)?;
    hand.run_within(
        &format!(
            "printf '\\n[releases]\\nmirrors = [\"http://{HOST}:{}\"]\\n' >> /data/posto/facility.toml",
            mirror.port()
        ),
        COMMAND,
    )?;
    let offered = json(&mut hand, "posto update check")?;
    ensure!(offered["found"]["patch"] == true, "{offered}");
    let bytes = offered["all_bytes"].as_u64().context("bytes")?;
    println!("{name_b} is offered to {name_a}: {bytes} bytes");

    mirror.die(bytes / 3, bytes / 2);
    let before = mirror.sent();
    hand.run_within(
        "(posto update fetch; echo ended $?) > /run/fetch 2>&1 &",
        COMMAND,
    )?;
    wait::until("the end of the link", STAGED, || {
        Ok((mirror.sent() - before >= bytes / 2).then_some(()))
    })?;
    // It would wait for the link for a quarter of an hour.
    hand.run_within("systemctl stop posto-update.service", COMMAND)?;
    wait::until("the command's end", COMMAND, || {
        let said = hand.run_within("cat /run/fetch", COMMAND)?;
        Ok(said.contains("ended 1").then_some(()))
    })?;
    println!(
        "{}",
        hand.run_within("cat /run/fetch; posto update status || true", COMMAND)?
    );

    let stopped = json(&mut hand, "posto update status")?;
    let have = stopped["worker"]["have_bytes"].as_u64().context("have")?;
    println!("{have} of {bytes} bytes had come");
    ensure!(have >= bytes / 4, "{stopped}");

    let stick = filled(&folder, |at| publisher.stage(at, &name_a))?;
    let begun = Instant::now();
    machine.plug(&stick, true)?;
    // By itself: udev, the stick's unit, the staging.
    let staged = wait::until("the release in the other slot", STAGED, || {
        let events = hand.ask_within("posto events --json | grep update-", COMMAND)?;
        ensure!(!events.out.contains("update-not-staged"), "{}", events.out);
        Ok(events.out.contains("update-staged").then_some(()))
    });
    if staged.is_err() {
        let journal = hand.run_within(
            "journalctl -q --no-pager -u posto-update -u posto-update-stick -u posto-update-stage | tail -40",
            COMMAND,
        )?;
        println!("{journal}");
    }
    staged?;
    println!(
        "from the stick and staged by itself in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let status = hand.run_within(
        "posto update status; posto update verify /dev/disk/by-label/POSTOUPDATE",
        COMMAND,
    );
    println!("{}", status?);
    let writes = hand.run_within(
        "journalctl -q --no-pager -o cat -u posto-update-stick | tail -5; systemctl show -P MemoryPeak posto-update-stage.service",
        COMMAND,
    )?;
    println!("{writes}");
    machine.pull(&stick)?;
    hand.run_within("sync", COMMAND)?;
    machine.power_off()?;

    let env = slot_holds(&site, Slot::B)?;
    ensure!(env.release.as_str() == name_b, "{}", env.release.as_str());
    let state = site.state()?;
    ensure!(state.read().committed() == Some(Slot::A), "A is committed");
    println!("slot b holds {name_b}, every block of it right");
    // It boots: what a trial does with the data is another matter.
    state.write(&state.read().arm_trial(Slot::B, 1)?)?;
    let mut machine = site.start()?;
    machine.wait_for("GRUB: slot b mode trial", BOOT_LIMIT)?;
    site.wait_for_userspace(BOOT_LIMIT)?;
    println!("slot b boots");
    machine.power_off()
}
