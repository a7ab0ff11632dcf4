//! Looks for acknowledged records in a box that serves again.

use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::standin::Clinic;
use crate::wait;

/// Clerks who look side by side.
const CLERKS: usize = 4;

/// Which of `uuids` are not there. An answer that does not come is asked for again, at most `bound` a record: only the
/// box's word says that a record is gone.
///
/// # Errors
/// When no answer comes within `bound`.
pub fn missing(clinic: &Clinic, uuids: &[&str], bound: Duration) -> Result<Vec<String>> {
    let share = uuids.len().div_ceil(CLERKS).max(1);
    let look = |uuids: &[&str]| -> Result<Vec<String>> {
        let mut gone = Vec::new();
        for uuid in uuids {
            let there = wait::until("an answer about a record", bound, || {
                Ok(clinic.has(uuid).ok())
            })?;
            if !there {
                gone.push((*uuid).to_owned());
            }
        }
        Ok(gone)
    };
    std::thread::scope(|scope| {
        let clerks: Vec<_> = uuids
            .chunks(share)
            .map(|share| scope.spawn(move || look(share)))
            .collect();
        let mut gone = Vec::new();
        for clerk in clerks {
            let looked = clerk.join();
            gone.extend(looked.map_err(|_| anyhow!("a look-up ended early"))??);
        }
        Ok(gone)
    })
}
