//! What every fault needs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::container::{Container, Limits};
use posto_tests::faults::{Outcome, Trial, open_box};
use posto_tests::standin::Clinic;

/// The goals.
pub(crate) const KILLED: Option<Duration> = Some(Duration::from_secs(5));
pub(crate) const HUNG: Option<Duration> = Some(Duration::from_secs(60));

/// How long the box gets to notice, and to come back: generous, since other work shares this machine.
pub(crate) const NOTICE_BOUND: Duration = Duration::from_secs(150);
pub(crate) const BACK_BOUND: Duration = Duration::from_secs(420);
pub(crate) const FELT_BOUND: Duration = Duration::from_secs(90);

/// One fault's life in a box of its own, called `name`: `inject` breaks it while a clerk writes, `course` waits for what it
/// should come to; `fault` and `goal` stand in the table.
pub(crate) fn go_through(
    name: &str,
    fault: &'static str,
    goal: Option<Duration>,
    inject: impl FnOnce(&Container, &Clinic) -> Result<()>,
    course: impl FnOnce(&mut Trial<'_>) -> Result<()>,
) -> Result<Outcome> {
    let opened = open_box(name, Limits::default(), &[])?;
    let clerk = opened.clerk()?;
    let mut trial = Trial::inject(fault, goal, &opened.container, clerk.clone(), |container| {
        inject(container, &clerk)
    })?;
    course(&mut trial)?;
    let outcome = trial.finish()?;
    opened.container.stop()?;
    Ok(outcome)
}

/// A fault that clerks feel, that an event with one of `words` in its name tells of, and that goes by.
pub(crate) fn endure(
    name: &str,
    fault: &'static str,
    goal: Option<Duration>,
    words: &[&str],
    inject: impl FnOnce(&Container, &Clinic) -> Result<()>,
) -> Result<Outcome> {
    go_through(name, fault, goal, inject, |trial| {
        trial
            .hurts(FELT_BOUND)?
            .detected_by(words, NOTICE_BOUND)?
            .recovers(BACK_BOUND)
            .map(drop)
    })
}

/// The process that systemd takes for the service.
pub(crate) fn main_pid(container: &Container, unit: &str) -> Result<String> {
    let pid = container.property(unit, "MainPID")?;
    ensure!(pid != "0", "{unit} does not run");
    Ok(pid)
}

/// Sends a signal to the services' main processes, at once.
pub(crate) fn signal(container: &Container, name: &str, units: &[&str]) -> Result<()> {
    let pids: Vec<String> = units
        .iter()
        .map(|unit| main_pid(container, unit))
        .collect::<Result<_>>()?;
    let mut argv = vec!["kill", "-s", name];
    argv.extend(pids.iter().map(String::as_str));
    container.run(&argv).map(drop)
}

/// Runs a shell's words inside.
pub(crate) fn shell(container: &Container, words: &str) -> Result<String> {
    container.run(&["sh", "-c", words])
}

/// Lays a drop-in beside a unit, until the container ends.
pub(crate) fn drop_in(container: &Container, unit: &str, lines: &str) -> Result<()> {
    let folder = format!("/run/systemd/system/{unit}.d");
    shell(
        container,
        &format!(
            "mkdir -p {folder} && printf '%s\\n' '{lines}' > {folder}/90-fault.conf && systemctl daemon-reload"
        ),
    )
    .context("drop-in")
    .map(drop)
}
