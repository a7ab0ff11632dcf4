//! What can happen to OpenMRS.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use posto_tests::container::Container;
use posto_tests::wait;

use crate::ground::{BACK_BOUND, HUNG, KILLED, NOTICE_BOUND, endure, go_through, main_pid, signal};

const UNIT: &str = "openmrs.service";

#[test]
fn openmrs_killed_comes_back() -> Result<()> {
    let outcome = endure(
        "openmrs-killed",
        "OpenMRS killed -9",
        KILLED,
        &["openmrs"],
        |container, _| signal(container, "KILL", &[UNIT]),
    )?;
    ensure!(
        outcome.restarts[1..] == [0, 0],
        "a dead OpenMRS is nothing to restart the database or posto for"
    );
    Ok(())
}

#[test]
fn openmrs_stopped_goes_on() -> Result<()> {
    endure(
        "openmrs-stopped",
        "OpenMRS SIGSTOPped",
        HUNG,
        &["openmrs", "stopped"],
        |container, _| signal(container, "STOP", &[UNIT]),
    )
    .map(drop)
}

/// Faults from inside, which only a new start mends.
fn broken_inside(name: &str, fault: &'static str, what: &str) -> Result<()> {
    let outcome = endure(name, fault, HUNG, &["openmrs", "heap"], |_, clerk| {
        clerk.cause_fault(what)
    })?;
    ensure!(
        outcome.restarts[0] >= 1,
        "only a new start of OpenMRS mends this"
    );
    Ok(())
}

#[test]
fn a_deadlocked_servlet_is_seen_and_openmrs_restarted() -> Result<()> {
    broken_inside(
        "deadlock",
        "OpenMRS stuck in a deadlocked servlet",
        "deadlock",
    )
}

#[test]
fn a_full_heap_ends_in_a_new_start() -> Result<()> {
    // From the begin of the leak: filling the heap takes most of the time.
    broken_inside("heap", "OpenMRS out of memory (heap)", "oom")
}

#[test]
fn leaked_connections_are_seen_and_openmrs_restarted() -> Result<()> {
    broken_inside(
        "leak",
        "OpenMRS has leaked its pool's connections",
        "leak-connections",
    )
}

/// Longer than the ladder takes from rung to rung.
fn stays_open_for_two_minutes(container: &Container) -> Result<()> {
    let begun = Instant::now();
    wait::until("some minutes to pass", Duration::from_secs(200), || {
        ensure!(
            container.get("/openmrs/")?.status == 200,
            "the door was shut"
        );
        Ok((begun.elapsed() > Duration::from_secs(120)).then_some(()))
    })
}

#[test]
fn missing_modules_are_an_alarm_and_not_a_closed_clinic() -> Result<()> {
    let outcome = go_through(
        "modules",
        "all modules unloaded",
        HUNG,
        |_, clerk| clerk.cause_fault("unload-modules"),
        |trial| {
            trial
                .detected_by(&["module"], NOTICE_BOUND)?
                .then(stays_open_for_two_minutes)?
                .recovers(BACK_BOUND)?
                .then(|container| {
                    let status = container.ask(&["/usr/bin/posto", "status"])?;
                    println!("# status: {}", status.out.trim().replace('\n', " / "));
                    Ok(())
                })
                .map(drop)
        },
    )?;
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
    Ok(())
}

/// How many processes of the fork bomb there are.
fn sleepers(container: &Container) -> usize {
    let processes = container.run(&["ps", "-C", "sleep", "-o", "pid="]);
    processes.map_or(0, |pids| pids.lines().count())
}

#[test]
fn a_fork_bomb_in_openmrs_stays_in_its_cage() -> Result<()> {
    let outcome = go_through(
        "bomb",
        "fork bomb inside OpenMRS's cgroup",
        None,
        |container, clerk| {
            // The unit's TasksMax= does not bite in a container on a host with the old cgroups; this does.
            let pid = main_pid(container, UNIT)?;
            container.run(&["prlimit", "--pid", &pid, "--nproc=1024"])?;
            clerk.cause_fault("fork-bomb")
        },
        |trial| {
            trial
                .then(|container| {
                    let bound = Duration::from_secs(90);
                    let most = wait::until("the bomb to reach its limit", bound, || {
                        Ok(Some(sleepers(container)).filter(|&number| number > 700))
                    })?;
                    println!("# {most} processes of the bomb");
                    wait::pause(Duration::from_secs(60));
                    Ok(())
                })?
                .recovers(BACK_BOUND)?
                .then(|container| {
                    let left = sleepers(container);
                    println!("# {left} processes of the bomb after a minute");
                    ensure!(left <= 1024, "the bomb broke out");
                    Ok(())
                })
                .map(drop)
        },
    )?;
    ensure!(
        outcome.restarts[1..] == [0, 0],
        "database and posto have nothing to do with it: {:?}",
        outcome.restarts
    );
    Ok(())
}
