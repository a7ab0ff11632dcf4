//! What somebody at the box does by hand, seen from the LAN.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::container::Container;
use posto_tests::installed::admin;
use posto_tests::wait;

use crate::ground::open_box;

/// The daemon looks every 5 s while all is well.
const SHUT_BOUND: Duration = Duration::from_secs(20);
const AGAIN_BOUND: Duration = Duration::from_secs(300);

fn posto(container: &Container, words: &[&str]) -> Result<String> {
    let argv: Vec<&str> = ["/usr/bin/posto"]
        .into_iter()
        .chain(words.iter().copied())
        .collect();
    container.run(&argv)
}

fn is_shut(container: &Container) -> Result<bool> {
    Ok(container.get("/openmrs/")?.status == 503)
}

#[test]
fn hands_at_the_box_stop_start_and_restart_openmrs_and_shut_and_open_the_door() -> Result<()> {
    let (_folder, container) = open_box("by-hand")?;
    let clinic = admin(&container)?;
    clinic.add_patient()?;

    let said = posto(&container, &["stop", "openmrs"])?;
    println!("stop: {}", said.trim());
    ensure!(is_shut(&container)?, "stopped, the LAN must see the page");
    // Long enough for a daemon that takes the stop for a fault: half a minute of its own rounds.
    let looked = |container: &Container| -> Result<u64> {
        let judgement = container.run(&["cat", "/run/posto/judgement.json"])?;
        let judgement: serde_json::Value = serde_json::from_str(&judgement)?;
        judgement["at"].as_u64().context("the time of a round")
    };
    let begun = looked(&container)?;
    wait::until("the daemon's rounds", AGAIN_BOUND, || {
        Ok((looked(&container)? >= begun + 30).then_some(()))
    })?;
    let down = container.ask(&["systemctl", "is-active", "openmrs.service"])?;
    ensure!(down.out.trim() == "inactive", "it must stay down: {down:?}");
    ensure!(is_shut(&container)?, "and the door shut");
    let status = container.ask(&["/usr/bin/posto", "status"])?.out;
    ensure!(status.contains("posto start openmrs"), "{status}");

    let said = posto(&container, &["start", "openmrs", "--json"])?;
    println!("start: {}", said.trim());
    let said: serde_json::Value = serde_json::from_str(&said)?;
    ensure!(said["done"] == true, "{said}");
    ensure!(
        container.get("/openmrs/")?.status == 200,
        "started, it is open"
    );

    let pid = |container: &Container| container.property("openmrs.service", "MainPID");
    let before = pid(&container)?;
    let said = posto(&container, &["restart", "openmrs"])?;
    println!("restart: {}", said.trim());
    ensure!(pid(&container)? != before, "another process");
    ensure!(
        container.get("/openmrs/")?.status == 200,
        "restarted, it is open"
    );
    ensure!(
        admin(&container)?.counts()?.patient == 1,
        "the patient is there"
    );

    println!("close: {}", posto(&container, &["door", "close"])?.trim());
    wait::until("the door to shut", SHUT_BOUND, || {
        Ok(is_shut(&container)?.then_some(()))
    })?;
    ensure!(
        container.is_active("openmrs.service")?,
        "OpenMRS goes on behind the door"
    );
    println!("open: {}", posto(&container, &["door", "open"])?.trim());
    wait::until("the door to open", AGAIN_BOUND, || {
        Ok((container.get("/openmrs/")?.status == 200).then_some(()))
    })?;

    // A dry run does nothing.
    posto(&container, &["stop", "openmrs", "--dry-run"])?;
    ensure!(
        container.get("/openmrs/")?.status == 200,
        "nothing was done"
    );

    let names = [
        "by-hand-stop",
        "by-hand-start",
        "by-hand-restart",
        "door-shut-by-hand",
        "door-opened-by-hand",
    ];
    for name in names {
        let event = format!("POSTO_EVENT={name}");
        let told = container.run(&["journalctl", "-q", "-o", "cat", "--no-pager", &event])?;
        ensure!(!told.trim().is_empty(), "no event {name}");
    }
    let lines = posto(&container, &["logs", "openmrs", "-n", "3"])?;
    ensure!(lines.lines().count() >= 3, "{lines}");
    container.stop()
}

#[test]
fn a_new_box_has_a_technicians_code_and_forgets_it_once_it_is_noted() -> Result<()> {
    let (_folder, container) = open_box("technician")?;
    let code = posto(&container, &["technician", "show"])?;
    let code = code.trim();
    ensure!(code.len() == 14, "twelve digits in three groups: {code}");
    posto(&container, &["technician", "noted"])?;
    let gone = container.ask(&["/usr/bin/posto", "technician", "show"])?;
    ensure!(gone.code != 0, "noted, it must be gone");
    let found = container.ask(&["grep", "-r", "-l", code, "/data/secrets", "/data/posto"])?;
    ensure!(found.out.is_empty(), "still in {}", found.out);
    let modes = container.run(&["stat", "-c", "%a %n", "/data/secrets/technician-code.hash"])?;
    ensure!(modes.starts_with("600 "), "{modes}");
    let renewed = posto(&container, &["technician", "renew"])?;
    let first = renewed.lines().next().context("a code")?;
    ensure!(first != code && first.len() == 14, "{renewed}");
    container.stop()
}
