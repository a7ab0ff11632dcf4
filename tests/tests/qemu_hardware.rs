//! What only a whole machine has: a watchdog on the board or none, a power button, a disk that knows its health, a keyboard
//! and a screen with a technician at them, cgroups with limits that bite.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test qemu_hardware -- --nocapture`
//!
//! `POSTO_PICTURES=<folder>` keeps pictures of the screen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::qemu::site::{BOOT_LIMIT, Mounted, OPEN_LIMIT};
use posto_tests::qemu::{Machine, Site};
use posto_tests::{release, wait};

/// The database's clean end and all of systemd's, in emulation.
const OFF_LIMIT: Duration = Duration::from_secs(600);
/// What the technician's shell leaves for this test, on the data partition.
const FINDINGS: &str = "findings";
/// Its last word.
const DONE: &str = "technician-was-here";

/// Everything that the box's journal kept.
fn journal(data: &Mounted) -> Result<String> {
    let folder = data.path().join("var/log/journal");
    run(&[
        "journalctl".as_ref(),
        "--directory".as_ref(),
        folder.as_os_str(),
        "--output=cat".as_ref(),
        "--no-pager".as_ref(),
    ])
}

fn picture(machine: &mut Machine, name: &str) -> Result<()> {
    match std::env::var_os("POSTO_PICTURES") {
        Some(folder) => machine.picture(&PathBuf::from(folder).join(format!("{name}.png"))),
        None => Ok(()),
    }
}

/// The power button, and the journal of the boot that it ended.
fn switch_off(site: &Site, mut machine: Machine) -> Result<String> {
    machine.press_power_button()?;
    machine.wait_for_end(OFF_LIMIT)?;
    drop(machine);
    let data = site.data()?;
    let text = journal(&data)?;
    let boots = std::fs::read_to_string(data.path().join("posto/boots.json"))?;
    println!("boots: {}", boots.trim());
    Ok(text)
}

fn said(text: &str, words: &str) -> Result<()> {
    let line = text
        .lines()
        .rfind(|line| line.contains(words))
        .with_context(|| format!("the journal does not say '{words}'"))?;
    println!("the journal says: {line}");
    Ok(())
}

/// Has the technician's shell opened at the screen, by the code on the data partition, and a command typed there.
fn technician(site: &Site, machine: &mut Machine, command: &str) -> Result<()> {
    let code = {
        let data = site.running_data()?;
        std::fs::read_to_string(data.path().join("secrets/technician-code"))?
    };
    picture(machine, "1-menu")?;
    // From the first item backwards: off, restart, technician.
    machine.press(&["up", "up", "up", "ret"])?;
    machine.type_text(code.trim())?;
    picture(machine, "2-code")?;
    machine.press(&["ret"])?;
    // Argon2id in emulation; the picture tells a person what went wrong if the shell does not come.
    wait::pause(Duration::from_secs(30));
    picture(machine, "3-technician")?;
    // SQL, four journals, the shell.
    machine.press(&["down", "down", "down", "down", "down", "ret"])?;
    wait::pause(Duration::from_secs(30));
    picture(machine, "4-shell")?;
    machine.type_text(command)?;
    machine.type_text("\n")?;
    machine.wait_for(DONE, BOOT_LIMIT)?;
    picture(machine, "5-done")
}

fn findings(data: &Mounted, name: &str) -> Result<String> {
    let path = data.path().join(FINDINGS).join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

#[test]
fn watchdogs_the_power_button_the_disks_health_and_a_technician_at_the_keys() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hardware");
    let site = Site::new(&folder, &release::disk_image()?)?;

    let mut machine = site.start()?;
    site.wait_for_open_door(OPEN_LIMIT)?;
    // In words that a Portuguese keyboard has: what the box knows of its disk, of its limits, of its watchdog.
    technician(
        &site,
        &mut machine,
        &format!(
            "mkdir /data/{FINDINGS}; cd /data/{FINDINGS}; systemctl start posto-smart.service posto-smart-read.service; \
             cp /run/posto/smart/health.json health; cat /sys/fs/cgroup/system.slice/openmrs.service/pids.max > tasks; \
             cat /sys/fs/cgroup/system.slice/openmrs.service/memory.max > memory; \
             cat /sys/class/watchdog/watchdog0/identity > watchdog; sync; echo {DONE} > /dev/ttyS0"
        ),
    )?;
    let text = switch_off(&site, machine)?;
    said(&text, "watchdog")?;
    {
        let data = site.data()?;
        for name in ["health", "tasks", "memory", "watchdog"] {
            println!("{name}: {}", findings(&data, name)?.trim());
        }
        ensure!(findings(&data, "tasks")?.trim() == "1024", "TasksMax");
        ensure!(findings(&data, "watchdog")?.contains("iTCO"), "the board's");
        ensure!(
            findings(&data, "health")?.contains("good"),
            "the disk's health was not read"
        );
    }

    let machine = site.start_without_watchdog()?;
    site.wait_for_open_door(OPEN_LIMIT)?;
    let text = switch_off(&site, machine)?;
    said(&text, "Software Watchdog")?;
    Ok(())
}
