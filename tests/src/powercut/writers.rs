//! Clerks who never stop: each adds one record after the other and writes the acknowledged ones down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, park_timeout, spawn};
use std::time::Duration;

use super::ledger::Ledger;
use crate::standin::Clinic;

/// After a failure: a clerk does not hammer on a shut door.
const REST: Duration = Duration::from_millis(300);

/// Working clerks; they stop with this value.
#[derive(Debug)]
pub struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts `count` of them.
    #[must_use]
    pub fn start(clinic: &Clinic, ledger: &Arc<Ledger>, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = || {
            let (clinic, ledger, stop) = (clinic.clone(), Arc::clone(ledger), Arc::clone(&stop));
            spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    match clinic.add_patient() {
                        Ok(added) => ledger.acknowledge(added.patient),
                        Err(_) => {
                            ledger.leave_open();
                            park_timeout(REST);
                        }
                    }
                }
            })
        };
        Self {
            threads: (0..count).map(|_| thread()).collect(),
            stop: Arc::clone(&stop),
        }
    }

    /// Stops them and waits until nobody waits for an answer any more.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A clerk does not panic; if one did, the counts tell.
            thread.join().ok();
        }
    }
}
