//! From the virgin mark to an open door, through a death of every process, and what the LAN sees.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use posto_tests::command::run;
use posto_tests::container::{Container, DataFile, facility_file};
use posto_tests::installed::{DATA_BYTES, admin};
use posto_tests::release;
use posto_tests::wait;

use crate::ground::{OPEN_BOUND, exposure, installed, label, open_box, options};

#[test]
fn a_fresh_box_installs_itself_and_opens_its_door_only_then() -> Result<()> {
    let folder = release::scratch()?;
    let data = DataFile::create(
        &folder.path().join("fresh.xfs"),
        DATA_BYTES,
        &facility_file(1, "posto-um"),
    )?;
    let start = Instant::now();
    let mut container = Container::start(&options(data.path())?)?;

    let waiting = wait::until("the door's page", Duration::from_secs(60), || {
        Ok(container.get("/openmrs/").ok())
    })?;
    ensure!(
        waiting.status == 503 && waiting.retry_after.is_some(),
        "a shut door must say 503 and when to come again: {waiting:?}"
    );
    ensure!(
        waiting.body.contains("a iniciar"),
        "the waiting page must be in Portuguese first: {}",
        waiting.body
    );
    ensure!(
        container.get("/openmrs/initialsetup")?.status == 404,
        "the wizard must never be reachable"
    );
    ensure!(
        container.get("/openmrs/;a=b/%69nitialsetup;x")?.status == 404,
        "nor in disguise"
    );

    container.wait_open(OPEN_BOUND)?;
    println!(
        "fresh box: {:.1} s from power-on to OpenMRS through the door (first installation included)",
        start.elapsed().as_secs_f64()
    );
    ensure!(
        container.get("/openmrs/initialsetup")?.status == 404,
        "the wizard must never be reachable"
    );
    ensure!(
        container
            .get("/")?
            .location
            .as_deref()
            .is_some_and(|to| to.ends_with("/openmrs/")),
        "/ leads to OpenMRS"
    );

    let status: serde_json::Value =
        serde_json::from_str(&container.run(&["/usr/bin/posto", "status", "--json"])?)?;
    println!("status: {status}");
    ensure!(
        status.to_string().contains("stand_in") || status.to_string().contains("stand-in"),
        "a stand-in must be called so"
    );

    let clinic = admin(&container)?;
    clinic.add_patient()?;
    ensure!(clinic.counts()?.patient == 1, "one patient was added");
    ensure!(
        container
            .ask(&["test", "-e", "/run/posto/install/install.properties"])?
            .code
            != 0,
        "the script with the password must be gone"
    );
    ensure!(
        container
            .ask(&["touch", "/usr/probe"])?
            .err
            .contains("Read-only"),
        "the root must be read-only"
    );
    ensure!(
        container
            .run(&["systemctl", "--failed", "--plain", "--no-legend"])?
            .is_empty(),
        "no unit may have failed"
    );
    container.stop()?;
    ensure!(
        label(&data)? == "posto-data",
        "the virgin mark must be gone"
    );
    Ok(())
}

#[test]
fn acknowledged_records_survive_the_death_of_every_process() -> Result<()> {
    let folder = release::scratch()?;
    let data = installed(&folder.path().join("kill.xfs"))?;
    let mut container = Container::start(&options(data.path())?)?;
    container.wait_open(OPEN_BOUND)?;
    let clinic = admin(&container)?;
    let mut acknowledged = 0;
    for _ in 0..25 {
        clinic.add_patient()?;
        acknowledged += 1;
    }
    container.kill()?;
    let start = Instant::now();
    let mut container = Container::start(&options(data.path())?)?;
    container.wait_open(OPEN_BOUND)?;
    println!(
        "installed box after a kill: {:.1} s from power-on to OpenMRS through the door",
        start.elapsed().as_secs_f64()
    );
    let present = admin(&container)?.counts()?.patient;
    ensure!(
        present >= acknowledged,
        "{acknowledged} patients were acknowledged, {present} are there"
    );
    container.stop()
}

#[test]
fn from_outside_only_the_door_can_be_reached_and_services_are_sandboxed() -> Result<()> {
    let (_folder, container) = open_box("ports")?;
    let scan = run(&[
        "nmap",
        "-n",
        "-Pn",
        "-sS",
        "-p-",
        "--min-rate",
        "5000",
        "--max-retries",
        "1",
        "-oG",
        "-",
        &container.address().to_string(),
    ])?;
    let open: Vec<&str> = scan
        .split([' ', '\t', ','])
        .filter_map(|word| word.split_once("/open/tcp").map(|(port, _)| port))
        .collect();
    println!("TCP ports open from outside: {open:?}");
    ensure!(open == ["80", "443"], "only the door may be open: {open:?}");
    // Without the firewall, too: nothing else may listen beyond loopback.
    let listening = container.run(&["ss", "-Htuln"])?;
    let beyond: Vec<&str> = listening
        .lines()
        .filter_map(|line| line.split_whitespace().nth(4))
        .filter(|local| !(local.starts_with("127.") || local.starts_with("[::1]")))
        .filter(|local| !matches!(local.rsplit(':').next(), Some("80" | "443")))
        .collect();
    println!("listening beyond loopback besides the door: {beyond:?}");
    ensure!(beyond.is_empty(), "{beyond:?}");
    for unit in ["openmrs", "mariadb", "nginx"] {
        let level = exposure(&container, &format!("{unit}.service"))?;
        println!("exposure of {unit}: {level}");
        ensure!(level <= 2.0, "{unit} is exposed: {level}");
    }
    let processes = container.run(&["ps", "-eo", "rss=,comm="])?;
    for (name, called) in [
        ("java", "Java"),
        ("mariadbd", "MariaDB"),
        ("posto", "posto"),
        ("nginx", "nginx"),
    ] {
        let rss_kib: u64 = processes
            .lines()
            .filter_map(|line| line.trim().split_once(' '))
            .filter(|(_, comm)| comm.trim() == name)
            .filter_map(|(rss, _)| rss.parse::<u64>().ok())
            .sum();
        println!(
            "memory at rest, {called}: {:.1} MB",
            rss_kib as f64 * 1024.0 / 1e6
        );
    }
    container.stop()
}
