//! What only a whole machine has: a watchdog on the board or none, a power button, a disk that knows its health, a keyboard
//! and a screen with a technician at them, cgroups with limits that bite.
//!
//! `POSTO_RELEASE_DIR=<release> cargo test -p posto-tests --test qemu_hardware -- --nocapture`
//!
//! `POSTO_PICTURES=<folder>` keeps pictures of the screen.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::qemu::hand::{self, picture};
use posto_tests::qemu::site::{Mounted, OPEN_LIMIT};
use posto_tests::qemu::{Hand, Machine, Site};
use posto_tests::{release, wait};

/// The database's clean end and all of systemd's, in emulation.
const OFF_LIMIT: Duration = Duration::from_secs(600);
/// A service's start, Argon2id, a screen painted anew, in emulation on a loaded machine.
const SCREEN_LIMIT: Duration = Duration::from_secs(240);
/// The two services that read the disk's health.
const HEALTH_LIMIT: Duration = Duration::from_secs(240);
const WATCHDOG_LIMIT: Duration = Duration::from_secs(600);
/// As the kernel calls softdog.
const SOFTDOG: &str = "Software Watchdog";
/// On the screen while its menu is there.
const MENU: &str = "Desligar o servidor";

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

/// SQL from the menu: the code, a question typed, its answer on the screen, and back to the menu.
fn technicians_sql(site: &Site, machine: &mut Machine, hand: &mut Hand) -> Result<()> {
    hand.wait_for_screen(MENU, SCREEN_LIMIT)?;
    hand::open_technician(site, machine)?;
    hand.wait_for_screen("SQL (base de dados)", SCREEN_LIMIT)?;
    // The first item.
    machine.press(&["ret"])?;
    hand.wait_for_screen("MariaDB [openmrs]>", SCREEN_LIMIT)?;
    machine.type_text("select 6*7 as resposta, count(*) as pessoas from person;\n")?;
    let screen = hand.wait_for_screen("1 row in set", SCREEN_LIMIT)?;
    picture(machine, "6-sql")?;
    println!("the screen shows:\n{}", screen.trim_end());
    ensure!(
        screen.lines().any(|line| line.starts_with("|       42 |")),
        "the answer is not on the screen"
    );
    machine.type_text("exit\n")?;
    hand.wait_for_screen(MENU, SCREEN_LIMIT)?;
    picture(machine, "7-menu")
}

#[test]
fn watchdogs_the_power_button_the_disks_health_and_a_technician_at_the_keys() -> Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hardware");
    let site = Site::new(&folder, &release::disk_image()?)?;

    let mut machine = site.start()?;
    site.wait_for_open_door(OPEN_LIMIT)?;
    let mut hand = Hand::open(&site, &mut machine)?;
    let mut ask = |command: &str| {
        let said = hand.run_within(command, HEALTH_LIMIT)?;
        println!("{command}: {}", said.trim());
        Ok::<_, anyhow::Error>(said)
    };
    // One after the other: the second reads what the first asked for.
    ask("systemctl start posto-smart.service && systemctl start posto-smart-read.service")?;
    ask("journalctl --boot -o cat -u posto-smart -u posto-smart-read")?;
    let health = ask("cat /run/posto/smart/health.json")?;
    ensure!(health.contains("good"), "the disk's health was not read");
    let tasks = ask("cat /sys/fs/cgroup/system.slice/openmrs.service/pids.max")?;
    ensure!(tasks.trim() == "1024", "TasksMax");
    let memory = ask("cat /sys/fs/cgroup/system.slice/openmrs.service/memory.max")?;
    ensure!(memory.trim().parse::<u64>().is_ok(), "MemoryMax");
    let watchdog = ask("cat /sys/class/watchdog/watchdog0/identity")?;
    ensure!(watchdog.contains("iTCO"), "the board's");
    technicians_sql(&site, &mut machine, &mut hand)?;
    let text = switch_off(&site, machine)?;
    said(&text, "watchdog")?;

    let machine = site.start_without_watchdog()?;
    site.wait_for_open_door(OPEN_LIMIT)?;
    // PID 1 finds it in its own time, and what it said is on the disk after a minute.
    wait::until("the software watchdog", WATCHDOG_LIMIT, || {
        let text = journal(&site.running_data()?).unwrap_or_default();
        Ok(text.contains(SOFTDOG).then_some(()))
    })?;
    let text = switch_off(&site, machine)?;
    said(&text, SOFTDOG)?;
    Ok(())
}
