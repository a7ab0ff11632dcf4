//! What many values come to.

use std::time::Duration;

/// Milliseconds of many of the same.
#[derive(Debug, Default, Clone)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn put(&mut self, value: Duration) {
        self.0.push(value.as_secs_f64() * 1e3);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that `per_mille` of them do not exceed.
    pub(crate) fn at(&self, per_mille: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
        sorted.get(rank - 1).copied().unwrap_or(0.0)
    }

    /// Median and 99 of a hundred.
    pub(crate) fn words(&self) -> String {
        format!("{:.1} / {:.1}", self.at(500), self.at(990))
    }
}

impl FromIterator<Duration> for Spread {
    fn from_iter<I: IntoIterator<Item = Duration>>(values: I) -> Self {
        let mut all = Self::default();
        for value in values {
            all.put(value);
        }
        all
    }
}
