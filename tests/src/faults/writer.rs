//! A steady writer outside the box, who remembers what was acknowledged.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::container::Container;
use crate::standin::{Added, Clinic};
use crate::wait;

const ANSWER_BOUND: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_millis(40);

/// One attempt to write.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// When it was made.
    pub begun: Instant,
    /// When it was acknowledged, or not any more.
    pub ended: Instant,
    /// Whether it was acknowledged.
    pub acknowledged: bool,
}

/// What the writer did.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// In order.
    pub attempts: Vec<Attempt>,
    /// Everything that was acknowledged.
    pub added: Vec<Added>,
    /// What the last failure said.
    pub last_failure: Option<String>,
}

impl Log {
    /// How many of the last attempts succeeded in a row, of those begun after `moment`.
    pub fn successes_since(&self, moment: Instant) -> usize {
        self.attempts
            .iter()
            .rev()
            .take_while(|attempt| attempt.acknowledged && attempt.begun > moment)
            .count()
    }

    /// The first acknowledgement after the last failure of those begun after `moment`; `None`: nothing failed, or
    /// nothing was acknowledged since.
    pub fn answering_again(&self, moment: Instant) -> Option<Instant> {
        let last = self
            .attempts
            .iter()
            .rposition(|attempt| !attempt.acknowledged && attempt.ended > moment)?;
        self.attempts.get(last + 1).map(|attempt| attempt.ended)
    }

    /// How many attempts failed after `moment`.
    pub fn failures_since(&self, moment: Instant) -> usize {
        self.attempts
            .iter()
            .filter(|attempt| !attempt.acknowledged && attempt.ended > moment)
            .count()
    }
}

/// A writer at work; it stops with this value.
#[derive(Debug)]
pub struct Writer {
    log: Arc<Mutex<Log>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins to write, again and again.
    pub fn start(clerk: Clinic) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, end) = (Arc::clone(&log), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let said = clerk.add_patient();
                let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
                log.attempts.push(Attempt {
                    begun,
                    ended: Instant::now(),
                    acknowledged: said.is_ok(),
                });
                match said {
                    Ok(added) => log.added.push(added),
                    Err(error) => log.last_failure = Some(format!("{error:#}")),
                }
                drop(log);
                wait::pause(BETWEEN);
            }
        });
        Self {
            log,
            stop,
            thread: Some(thread),
        }
    }

    /// What was done until now.
    pub fn log(&self) -> Log {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until so many attempts in a row, begun after `moment`, were acknowledged.
    ///
    /// # Errors
    /// After `bound`.
    pub fn wait_for(&self, successes: usize, moment: Instant, bound: Duration) -> Result<()> {
        let waited = wait::until("acknowledged writes", bound, || {
            let enough = self.log().successes_since(moment) >= successes;
            Ok(enough.then_some(()))
        });
        if waited.is_err()
            && let Some(failure) = self.log().last_failure
        {
            return waited.context(failure);
        }
        waited
    }

    /// Stops, and says what was done.
    ///
    /// # Errors
    /// When the writer's thread failed.
    pub fn stop(mut self) -> Result<Log> {
        self.end();
        Ok(self.log())
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

/// The acknowledged UUIDs that are not in the box's database.
///
/// # Errors
/// When the database cannot be asked.
pub fn lost(container: &Container, added: &[Added]) -> Result<Vec<String>> {
    let question = [
        "mariadb",
        "-N",
        "-B",
        "openmrs",
        "-e",
        "select n.uuid from patient p join person n on n.person_id = p.patient_id \
         union all select uuid from encounter union all select uuid from obs",
    ];
    // Right after a fault it may refuse for a moment.
    let present = wait::until("the database's answer", ANSWER_BOUND, || {
        let said = container.ask(&question)?;
        Ok((said.code == 0).then_some(said.out))
    })?;
    let present: BTreeSet<&str> = present.lines().collect();
    if present.is_empty() && !added.is_empty() {
        bail!("the database has no record at all");
    }
    Ok(added
        .iter()
        .flat_map(Added::uuids)
        .filter(|uuid| !present.contains(uuid))
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_ends_with_the_first_acknowledgement_after_the_last_failure() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let attempt = |begun, ended, acknowledged| Attempt {
            begun: at(begun),
            ended: at(ended),
            acknowledged,
        };
        let log = Log {
            attempts: vec![
                attempt(0, 1, true),
                attempt(2, 7, false),
                attempt(8, 9, true),
                attempt(10, 15, false),
                attempt(16, 18, true),
                attempt(19, 20, true),
            ],
            ..Log::default()
        };
        assert_eq!(log.answering_again(at(1)), Some(at(18)));
        assert_eq!(log.answering_again(at(16)), None);
        assert_eq!(log.failures_since(at(8)), 1);
        assert_eq!(
            (log.successes_since(at(1)), log.successes_since(at(17))),
            (2, 1)
        );
    }
}
