//! What can happen to OpenMRS.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use posto_tests::faults::Trial;
use posto_tests::wait;

use crate::ground::{
    BACK_BOUND, FELT_BOUND, HUNG, KILLED, NOTICE_BOUND, main_pid, open_box, signal,
};

const UNIT: &str = "openmrs.service";

#[test]
fn openmrs_killed_comes_back() -> Result<()> {
    let opened = open_box("openmrs-killed")?;
    let mut trial = Trial::inject(
        "OpenMRS killed -9",
        KILLED,
        &opened.container,
        opened.clerk()?,
        |container| signal(container, "KILL", &[UNIT]),
    )?;
    trial
        .hurts(FELT_BOUND)?
        .detected_by(&["openmrs"], NOTICE_BOUND)?
        .recovers(BACK_BOUND)?;
    let outcome = trial.finish()?;
    ensure!(
        outcome.restarts[1..] == [0, 0],
        "a dead OpenMRS is nothing to restart the database or posto for"
    );
    opened.container.stop()
}

#[test]
fn openmrs_stopped_goes_on() -> Result<()> {
    let opened = open_box("openmrs-stopped")?;
    let mut trial = Trial::inject(
        "OpenMRS SIGSTOPped",
        HUNG,
        &opened.container,
        opened.clerk()?,
        |container| signal(container, "STOP", &[UNIT]),
    )?;
    trial
        .hurts(FELT_BOUND)?
        .detected_by(&["openmrs", "stopped"], NOTICE_BOUND)?
        .recovers(BACK_BOUND)?;
    trial.finish()?;
    opened.container.stop()
}

/// Faults from inside, which only a new start mends.
fn broken_inside(
    name: &'static str,
    fault: &'static str,
    what: &str,
    goal: Option<Duration>,
) -> Result<()> {
    let opened = open_box(name)?;
    let clerk = opened.clerk()?;
    let mut trial = Trial::inject(fault, goal, &opened.container, clerk.clone(), |_| {
        clerk.cause_fault(what)
    })?;
    trial
        .hurts(FELT_BOUND)?
        .detected_by(&["openmrs", "heap"], NOTICE_BOUND)?
        .recovers(BACK_BOUND)?;
    let outcome = trial.finish()?;
    ensure!(
        outcome.restarts[0] >= 1,
        "only a new start of OpenMRS mends this"
    );
    opened.container.stop()
}

#[test]
fn a_deadlocked_servlet_is_seen_and_openmrs_restarted() -> Result<()> {
    broken_inside(
        "deadlock",
        "OpenMRS stuck in a deadlocked servlet",
        "deadlock",
        HUNG,
    )
}

#[test]
fn a_full_heap_ends_in_a_new_start() -> Result<()> {
    // From the begin of the leak: filling the heap takes most of the time.
    broken_inside("heap", "OpenMRS out of memory (heap)", "oom", HUNG)
}

#[test]
fn leaked_connections_are_seen_and_openmrs_restarted() -> Result<()> {
    broken_inside(
        "leak",
        "OpenMRS has leaked its pool's connections",
        "leak-connections",
        HUNG,
    )
}

#[test]
fn missing_modules_are_an_alarm_and_not_a_closed_clinic() -> Result<()> {
    let opened = open_box("modules")?;
    let clerk = opened.clerk()?;
    let mut trial = Trial::inject(
        "all modules unloaded",
        HUNG,
        &opened.container,
        clerk.clone(),
        |_| clerk.cause_fault("unload-modules"),
    )?;
    trial.detected_by(&["module"], NOTICE_BOUND)?;
    let injected = Instant::now();
    // Longer than the ladder takes from rung to rung.
    wait::until("some minutes to pass", Duration::from_secs(200), || {
        ensure!(
            opened.container.get("/openmrs/")?.status == 200,
            "the door was shut"
        );
        Ok((injected.elapsed() > Duration::from_secs(120)).then_some(()))
    })?;
    trial.recovers(BACK_BOUND)?;
    let status = opened.container.ask(&["/usr/bin/posto", "status"])?;
    println!("# status: {}", status.out.trim().replace('\n', " / "));
    let outcome = trial.finish()?;
    ensure!(
        outcome.restarts == [0, 0, 0],
        "nothing is to be restarted for it: {:?}",
        outcome.restarts
    );
    ensure!(
        outcome
            .events
            .iter()
            .any(|event| event.name.contains("module")),
        "nobody was told"
    );
    opened.container.stop()
}

#[test]
fn a_fork_bomb_in_openmrs_stays_in_its_cage() -> Result<()> {
    let opened = open_box("bomb")?;
    let clerk = opened.clerk()?;
    let mut trial = Trial::inject(
        "fork bomb inside OpenMRS's cgroup",
        None,
        &opened.container,
        clerk.clone(),
        |container| {
            // The unit's TasksMax= does not bite in a container on a host with the old cgroups; this does.
            let pid = main_pid(container, UNIT)?;
            container.run(&["prlimit", "--pid", &pid, "--nproc=1024"])?;
            clerk.cause_fault("fork-bomb")
        },
    )?;
    let sleepers = || -> Result<usize> {
        let processes = opened.container.run(&["ps", "-C", "sleep", "-o", "pid="]);
        Ok(processes.map_or(0, |pids| pids.lines().count()))
    };
    let most = wait::until(
        "the bomb to reach its limit",
        Duration::from_secs(90),
        || Ok(Some(sleepers()?).filter(|&number| number > 700)),
    )?;
    println!("# {most} processes of the bomb");
    wait::pause(Duration::from_secs(60));
    trial.recovers(BACK_BOUND)?;
    println!("# {} processes of the bomb after a minute", sleepers()?);
    ensure!(sleepers()? <= 1024, "the bomb broke out");
    let outcome = trial.finish()?;
    ensure!(
        outcome.restarts[1..] == [0, 0],
        "database and posto have nothing to do with it: {:?}",
        outcome.restarts
    );
    opened.container.stop()
}
