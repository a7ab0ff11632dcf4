//! Whether a process that does not answer works or hangs, from samples of its signs of life. Imports nothing that does I/O.

use std::collections::VecDeque;
use std::time::Duration;

use super::observation::Signs;

/// Shorter, and a collection of garbage or a slow query elsewhere looks like a hang.
const SPAN: Duration = Duration::from_secs(20);
/// A hole in the samples proves nothing about what happened in it.
const GAP: Duration = Duration::from_secs(8);
/// Of one core, in per cent.
const IDLE_PERCENT: u128 = 5;
/// An idle Java is met running now and then; one that waits for a processor almost always.
const RUNNING_SHARE: usize = 5;
const KEPT: usize = 64;

/// One look at a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When (time since boot).
    pub at: Duration,
    /// Which process.
    pub pid: u32,
    /// Processor time used so far.
    pub cpu: Duration,
    /// Its main thread is stopped (T).
    pub stopped: bool,
    /// A thread runs or waits for a processor (R).
    pub running: bool,
    /// A thread waits for the disk (D).
    pub disk: bool,
}

/// The last samples of one process.
#[derive(Debug, Clone, Default)]
pub struct Window {
    samples: VecDeque<Sample>,
    stopped_since: Option<Duration>,
}

impl Window {
    /// Adds a look. Another process, or a hole, begins anew.
    pub fn add(&mut self, sample: Sample) {
        let follows = self
            .samples
            .back()
            .is_none_or(|last| last.pid == sample.pid && sample.at.saturating_sub(last.at) <= GAP);
        if !follows {
            self.clear();
        }
        self.stopped_since = sample
            .stopped
            .then(|| self.stopped_since.unwrap_or(sample.at));
        self.samples.push_back(sample);
        if self.samples.len() > KEPT {
            self.samples.pop_front();
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.samples.clear();
        self.stopped_since = None;
    }

    /// What the samples say.
    #[must_use]
    pub fn signs(&self, now: Duration) -> Signs {
        Signs {
            stopped_for: self
                .stopped_since
                .map_or(Duration::ZERO, |since| now.saturating_sub(since)),
            idle: self.idle(now),
        }
    }

    fn idle(&self, now: Duration) -> bool {
        let Some(last) = self.samples.back() else {
            return false;
        };
        if now.saturating_sub(last.at) > GAP {
            return false;
        }
        // The shortest stretch that is long enough.
        let Some(first) = self
            .samples
            .iter()
            .rposition(|sample| last.at.saturating_sub(sample.at) >= SPAN)
        else {
            return false;
        };
        let stretch = self.samples.range(first..);
        let count = stretch.len();
        let (mut running, mut disk) = (0, 0);
        for sample in stretch {
            running += usize::from(sample.running);
            disk += usize::from(sample.disk);
        }
        let begin = self.samples.get(first).unwrap_or(last);
        let used = last.cpu.saturating_sub(begin.cpu).as_millis();
        let span = last.at.saturating_sub(begin.at).as_millis();
        disk == 0 && running * RUNNING_SHARE <= count && used * 100 < span * IDLE_PERCENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(seconds: u64, every: u64, make: impl Fn(u64) -> Sample) -> Window {
        let mut window = Window::default();
        for second in (0..=seconds).step_by(every as usize) {
            window.add(Sample {
                at: Duration::from_secs(second),
                ..make(second)
            });
        }
        window
    }

    const QUIET: Sample = Sample {
        at: Duration::ZERO,
        pid: 7,
        cpu: Duration::ZERO,
        stopped: false,
        running: false,
        disk: false,
    };

    fn idle(window: &Window, now: u64) -> bool {
        window.signs(Duration::from_secs(now)).idle
    }

    #[test]
    fn twenty_seconds_without_any_work_are_evidence_and_less_is_not() {
        assert!(!idle(&window(18, 2, |_| QUIET), 18));
        assert!(idle(&window(20, 2, |_| QUIET), 20));
    }

    #[test]
    fn work_a_wait_for_the_disk_or_for_a_processor_is_life() {
        let works = |second| Sample {
            cpu: Duration::from_millis(second * 60),
            ..QUIET
        };
        assert!(!idle(&window(40, 2, works), 40));
        let breathes = |second| Sample {
            cpu: Duration::from_millis(second * 20),
            ..QUIET
        };
        assert!(idle(&window(40, 2, breathes), 40));
        let disk = |second| Sample {
            disk: second == 30,
            ..QUIET
        };
        assert!(!idle(&window(40, 2, disk), 40));
        assert!(idle(&window(52, 2, disk), 52));
        let starved = |second| Sample {
            running: second % 4 == 0,
            ..QUIET
        };
        assert!(!idle(&window(40, 2, starved), 40));
    }

    #[test]
    fn a_new_process_and_a_hole_in_the_samples_begin_anew() {
        let mut window = window(20, 2, |_| QUIET);
        window.add(Sample {
            at: Duration::from_secs(22),
            pid: 8,
            ..QUIET
        });
        assert!(!idle(&window, 22));
        window.add(Sample {
            at: Duration::from_secs(60),
            pid: 8,
            ..QUIET
        });
        assert!(!idle(&window, 60));
    }

    #[test]
    fn a_stopped_process_is_stopped_since_it_was_first_seen_so() {
        let window = window(20, 2, |second| Sample {
            stopped: second >= 8,
            ..QUIET
        });
        assert_eq!(
            window.signs(Duration::from_secs(20)).stopped_for,
            Duration::from_secs(12)
        );
    }
}
