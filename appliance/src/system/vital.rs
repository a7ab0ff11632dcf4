//! A process's signs of life from /proc (proc_pid_stat(5)).

use std::path::Path;
use std::time::Duration;

use super::durable;

const LIMIT_BYTES: u64 = 4096;
/// A Java under a fork bomb of threads is sampled, not counted.
const THREADS_LIMIT: usize = 2000;

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vital {
    /// Processor time of all its threads so far.
    pub cpu: Duration,
    /// The main thread is stopped (T).
    pub stopped: bool,
    /// A thread runs or waits for a processor (R).
    pub running: bool,
    /// A thread waits for the disk (D).
    pub disk: bool,
}

/// Looks at a process. `None`: it is gone.
#[must_use]
pub fn look(proc: &Path, pid: u32) -> Option<Vital> {
    let directory = proc.join(pid.to_string());
    let (state, cpu) = stat(&directory.join("stat"))?;
    let mut vital = Vital {
        cpu,
        stopped: state == 'T',
        running: false,
        disk: false,
    };
    let threads = std::fs::read_dir(directory.join("task")).ok()?;
    for thread in threads.flatten().take(THREADS_LIMIT) {
        match stat(&thread.path().join("stat")) {
            Some(('R', _)) => vital.running = true,
            Some(('D', _)) => vital.disk = true,
            _ => {}
        }
    }
    Some(vital)
}

fn stat(path: &Path) -> Option<(char, Duration)> {
    let bytes = durable::read(path, LIMIT_BYTES).ok()??;
    parse(&String::from_utf8_lossy(&bytes))
}

/// State and processor time. The name in parentheses may hold anything, parentheses included.
fn parse(text: &str) -> Option<(char, Duration)> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // utime and stime are fields 14 and 15; the state was the third.
    let user: u64 = fields.nth(10)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some((
        state,
        Duration::from_millis((user + system).saturating_mul(1000) / per_second),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) R (x) D 1 1 1 0 -1 4194304 100 0 5 0 150 50 0 0 20 0 30 0 100 1 2";
        assert_eq!(parse(text), Some(('D', Duration::from_secs(2))));
        assert_eq!(parse("42 (java"), None);
    }

    #[test]
    fn this_process_lives_and_one_that_is_gone_does_not() {
        let vital = look(Path::new("/proc"), std::process::id()).unwrap();
        assert!(!vital.stopped && vital.running);
        assert_eq!(look(Path::new("/proc"), u32::MAX), None);
    }
}
