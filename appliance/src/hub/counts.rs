//! What was received and what became of it: counters that only grow, for `/metrics` and the page's foot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What became of a frame or hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Fate {
    /// Kept.
    Kept,
    /// Kept before.
    Duplicate,
    /// Another one was kept under its number.
    OtherWords,
    /// A hello that was noted.
    Hello,
    /// No message of ours.
    Malformed,
    /// Of a version that is not read.
    Version,
    /// Not signed by whom it names.
    Forged,
    /// Of a key that nobody knows.
    UnknownBox,
    /// Of a box that waits for approval.
    Waiting,
    /// Of a refused or superseded box.
    Refused,
    /// From a source that has sent too much rubbish, or too many hellos.
    Limited,
    /// More came than could be written.
    Busy,
    /// The disk did not take it.
    StoreFailed,
}

impl Fate {
    /// All, in their order.
    pub const ALL: [Self; 13] = [
        Self::Kept,
        Self::Duplicate,
        Self::OtherWords,
        Self::Hello,
        Self::Malformed,
        Self::Version,
        Self::Forged,
        Self::UnknownBox,
        Self::Waiting,
        Self::Refused,
        Self::Limited,
        Self::Busy,
        Self::StoreFailed,
    ];

    /// As a label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Duplicate => "duplicate",
            Self::OtherWords => "other_words",
            Self::Hello => "hello",
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::Forged => "forged",
            Self::UnknownBox => "unknown_box",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Limited => "limited",
            Self::Busy => "busy",
            Self::StoreFailed => "store_failed",
        }
    }
}

/// Upper ends of the buckets of times, seconds.
pub const BUCKETS_S: [f64; 8] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0];

/// The counters.
#[derive(Debug, Default)]
pub struct Counts {
    fates: [AtomicU64; Fate::ALL.len()],
    /// Frames whose box's clock was not believed.
    pub off_time: AtomicU64,
    /// Transactions that kept frames.
    pub commits: AtomicU64,
    /// Pages and data asked for without a login that stands.
    pub logins_failed: AtomicU64,
    /// Notices that the webhook has taken.
    pub notices_told: AtomicU64,
    buckets: [AtomicU64; BUCKETS_S.len() + 1],
    sum_us: AtomicU64,
}

impl Counts {
    /// One more.
    pub fn count(&self, fate: Fate) {
        if let Some(counter) = self.fates.get(fate as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many so far.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u64 {
        let counter = self.fates.get(fate as usize);
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// From a frame's coming to its being on the disk.
    pub fn took(&self, time: Duration) {
        let at = BUCKETS_S
            .iter()
            .position(|end_s| time.as_secs_f64() <= *end_s)
            .unwrap_or(BUCKETS_S.len());
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How many took at most so long, for each of [`BUCKETS_S`], then all; and their sum in seconds.
    #[must_use]
    pub fn times(&self) -> ([u64; BUCKETS_S.len() + 1], f64) {
        let mut running = 0;
        let cumulated = std::array::from_fn(|at| {
            running += self
                .buckets
                .get(at)
                .map_or(0, |b| b.load(Ordering::Relaxed));
            running
        });
        let sum = Duration::from_micros(self.sum_us.load(Ordering::Relaxed));
        (cumulated, sum.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fate_has_its_own_counter_and_label() {
        let counts = Counts::default();
        for (at, fate) in Fate::ALL.into_iter().enumerate() {
            assert_eq!(fate as usize, at);
            for _ in 0..at {
                counts.count(fate);
            }
        }
        for (at, fate) in Fate::ALL.into_iter().enumerate() {
            assert_eq!(counts.of(fate), at as u64);
        }
    }

    #[test]
    fn times_are_counted_into_buckets_that_include_the_smaller_ones() {
        let counts = Counts::default();
        for ms in [1, 3, 30, 5_000] {
            counts.took(Duration::from_millis(ms));
        }
        let (cumulated, sum_s) = counts.times();
        assert_eq!(cumulated, [1, 1, 2, 2, 2, 3, 3, 3, 4]);
        assert!((sum_s - 5.034).abs() < 1e-9);
    }
}
