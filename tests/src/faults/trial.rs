//! One fault: injected into a box that somebody writes to, and what came of it, as one line of a table.

use std::sync::Once;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::happenings::{Happening, happenings, since_boot_ms, starts};
use super::writer::{Writer, lost};
use crate::container::Container;
use crate::standin::Clinic;
use crate::wait;

/// So many writes in a row are a box that works again.
const STEADY: usize = 10;
const LONG_STEADY: usize = 200;
/// Longer than any answer of a healthy box, short enough to see an outage's end soon.
const PATIENCE: Duration = Duration::from_secs(5);
const UNITS: [&str; 3] = ["openmrs.service", "mariadb.service", "posto.service"];

/// A fault under way.
#[derive(Debug)]
pub struct Trial<'a> {
    fault: &'static str,
    goal: Option<Duration>,
    container: &'a Container,
    writer: Writer,
    boot: String,
    starts: [usize; 3],
    injected: Instant,
    injected_ms: u64,
    detected: Option<Happening>,
}

impl<'a> Trial<'a> {
    /// Lets `clerk` write until the box works steadily; then `inject` breaks it. `goal`: the time to detect.
    ///
    /// # Errors
    /// When the box does not work before the fault, or it cannot be injected.
    pub fn inject(
        fault: &'static str,
        goal: Option<Duration>,
        container: &'a Container,
        clerk: Clinic,
        inject: impl FnOnce(&Container) -> Result<()>,
    ) -> Result<Self> {
        let writer = Writer::start(clerk.with_patience(PATIENCE));
        writer.wait_for(STEADY, Instant::now(), Duration::from_secs(120))?;
        let mut trial = Self {
            fault,
            goal,
            container,
            writer,
            boot: boot_id(container)?,
            starts: count_starts(container)?,
            injected: Instant::now(),
            injected_ms: 0,
            detected: None,
        };
        trial.injected = Instant::now();
        trial.injected_ms = since_boot_ms()?;
        inject(container).with_context(|| format!("injecting: {fault}"))?;
        println!("# {fault}: injected");
        Ok(trial)
    }

    /// Waits for the first event of the box after the fault whose name contains one of `names`; without one in `bound`
    /// the table says so.
    ///
    /// # Errors
    /// When the box's journal cannot be read.
    pub fn detected_by(&mut self, names: &[&str], bound: Duration) -> Result<&mut Self> {
        let begun = Instant::now();
        // A box that has worked for a while again will not tell any more.
        let over = |trial: &Self| {
            let log = trial.writer.log();
            log.failures_since(trial.injected) > 0
                && log.successes_since(trial.injected) >= LONG_STEADY
        };
        while self.detected.is_none() && begun.elapsed() < bound && !over(self) {
            self.detected = self
                .events()?
                .into_iter()
                .find(|happening| names.iter().any(|name| happening.name.contains(name)));
            wait::pause(Duration::from_millis(500));
        }
        Ok(self)
    }

    /// The events since the fault.
    ///
    /// # Errors
    /// When the box's journal cannot be read.
    pub fn events(&self) -> Result<Vec<Happening>> {
        happenings(self.container, self.injected_ms)
    }

    /// Waits until an attempt to write was refused or not answered: the fault works.
    ///
    /// # Errors
    /// After `bound`.
    pub fn hurts(&mut self, bound: Duration) -> Result<&mut Self> {
        wait::until("the fault to be felt", bound, || {
            Ok((self.writer.log().failures_since(self.injected) > 0).then_some(()))
        })?;
        Ok(self)
    }

    /// Waits until the box works steadily again.
    ///
    /// # Errors
    /// After `bound`, with the box's events.
    pub fn recovers(&mut self, bound: Duration) -> Result<&mut Self> {
        // A moment's grace: the first writes after a SIGSTOP or a kill may still be answered by what is dying.
        let settled = Instant::now();
        if let Err(error) = self.writer.wait_for(STEADY, settled, bound) {
            self.print_events().ok();
            return Err(error.context(format!("{}: the box did not come back", self.fault)));
        }
        Ok(self)
    }

    /// Runs something in the midst of it.
    ///
    /// # Errors
    /// What `act` fails with.
    pub fn then(&mut self, act: impl FnOnce(&Container) -> Result<()>) -> Result<&mut Self> {
        act(self.container)?;
        Ok(self)
    }

    /// Ends the trial: prints its line of the table.
    ///
    /// # Errors
    /// When an acknowledged record is missing, or the box rebooted.
    pub fn finish(self) -> Result<Outcome> {
        let events = self.print_events()?;
        let log = self.writer.stop()?;
        let lost = lost(self.container, &log.added)?;
        let starts = count_starts(self.container)?;
        let mut restarts = [0; 3];
        for (restart, (now, before)) in restarts.iter_mut().zip(starts.iter().zip(self.starts)) {
            *restart = now.saturating_sub(before);
        }
        let reboots = usize::from(boot_id(self.container)? != self.boot);
        let detected = self.detected.as_ref().map_or_else(
            || "-".to_owned(),
            |event| {
                let after = event.since_boot_ms.saturating_sub(self.injected_ms);
                let over = self
                    .goal
                    .is_some_and(|goal| u128::from(after) > goal.as_millis());
                format!(
                    "{:.1} ({}){}",
                    after as f64 / 1e3,
                    event.name,
                    if over { " OVER GOAL" } else { "" }
                )
            },
        );
        let failures = log.failures_since(self.injected);
        let back = log.answering_again(self.injected).map_or_else(
            || "never away".to_owned(),
            |moment| format!("{:.1}", moment.duration_since(self.injected).as_secs_f64()),
        );
        static HEADER: Once = Once::new();
        HEADER.call_once(|| {
            println!(
                "| fault | detected after, s | goal, s | answering again after, s | writes refused meanwhile | acknowledged \
                 | lost | starts of OpenMRS, database, posto | reboots |"
            );
            println!("|---|---|---|---|---|---|---|---|---|");
        });
        println!(
            "| {} | {detected} | {} | {back} | {failures} | {} | {} | {}, {}, {} | {reboots} |",
            self.fault,
            self.goal
                .map_or_else(|| "-".to_owned(), |goal| goal.as_secs().to_string()),
            log.added.len(),
            lost.len(),
            restarts[0],
            restarts[1],
            restarts[2],
        );
        ensure!(
            lost.is_empty(),
            "{}: {} acknowledged records are missing, such as {:?}",
            self.fault,
            lost.len(),
            lost.first()
        );
        if reboots > 0 {
            bail!("{}: the box rebooted", self.fault);
        }
        Ok(Outcome {
            restarts,
            refused: failures,
            events,
        })
    }

    fn print_events(&self) -> Result<Vec<Happening>> {
        let events = self.events()?;
        for event in &events {
            println!(
                "#   {:7.1} s  {}: {}",
                event.since_boot_ms.saturating_sub(self.injected_ms) as f64 / 1e3,
                event.name,
                event.words
            );
        }
        Ok(events)
    }
}

/// What came of a fault.
#[derive(Debug)]
pub struct Outcome {
    /// Starts of OpenMRS, the database, posto.
    pub restarts: [usize; 3],
    /// Attempts to write that were not acknowledged.
    pub refused: usize,
    /// The box's events since the fault.
    pub events: Vec<Happening>,
}

fn count_starts(container: &Container) -> Result<[usize; 3]> {
    let mut counted = [0; 3];
    for (count, unit) in counted.iter_mut().zip(UNITS) {
        *count = starts(container, unit)?;
    }
    Ok(counted)
}

fn boot_id(container: &Container) -> Result<String> {
    container.run(&["cat", "/proc/sys/kernel/random/boot_id"])
}
