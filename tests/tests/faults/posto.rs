//! What can happen to posto itself: nobody who works in the clinic may notice.

use anyhow::{Result, ensure};

use crate::ground::{BACK_BOUND, KILLED, NOTICE_BOUND, go_through, signal};

fn unnoticed(name: &str, fault: &'static str, with: &str) -> Result<()> {
    let goal = if with == "KILL" { KILLED } else { None };
    let outcome = go_through(
        name,
        fault,
        goal,
        |container, _| signal(container, with, &["posto.service"]),
        |trial| {
            trial
                .detected_by(&["box-started", "posto"], NOTICE_BOUND)?
                .recovers(BACK_BOUND)
                .map(drop)
        },
    )?;
    ensure!(
        outcome.restarts[..2] == [0, 0],
        "OpenMRS and the database must not notice: {:?}",
        outcome.restarts
    );
    ensure!(outcome.restarts[2] >= 1, "posto was not started again");
    ensure!(outcome.refused == 0, "a clerk noticed");
    Ok(())
}

#[test]
fn posto_killed_is_not_noticed_by_the_clinic() -> Result<()> {
    unnoticed("posto-killed", "posto killed -9", "KILL")
}

#[test]
fn posto_stopped_is_ended_by_the_watchdog_and_not_noticed_by_the_clinic() -> Result<()> {
    unnoticed(
        "posto-stopped",
        "posto SIGSTOPped (systemd's watchdog)",
        "STOP",
    )
}
