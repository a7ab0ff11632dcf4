//! How often somebody may do something: counts in windows of time, a bounded table. Pure: the time is an argument.

use std::collections::HashMap;
use std::hash::Hash;

/// Counts by key within the present window.
#[derive(Debug)]
pub struct Limit<K> {
    window_s: u64,
    most: u32,
    capacity: usize,
    began_s: u64,
    counts: HashMap<K, u32>,
}

impl<K: Hash + Eq> Limit<K> {
    /// At most `most` in each `window_s` seconds for each key. More than `capacity` keys in one window are not told apart from
    /// those that did nothing: the table does not grow.
    #[must_use]
    pub fn new(window_s: u64, most: u32, capacity: usize) -> Self {
        Self {
            window_s,
            most,
            capacity,
            // No window yet.
            began_s: u64::MAX,
            counts: HashMap::new(),
        }
    }

    /// Whether `key` has not used up its window.
    #[must_use]
    pub fn is_open(&self, key: &K, now_s: u64) -> bool {
        !self.is_current(now_s) || self.counts.get(key).is_none_or(|count| *count < self.most)
    }

    /// Counts one.
    pub fn count(&mut self, key: K, now_s: u64) {
        if !self.is_current(now_s) {
            self.began_s = now_s;
            self.counts.clear();
        }
        if let Some(count) = self.counts.get_mut(&key) {
            *count = count.saturating_add(1);
        } else if self.counts.len() < self.capacity {
            self.counts.insert(key, 1);
        }
    }

    /// Forgets what `key` did: it has shown itself.
    pub fn forgive(&mut self, key: &K) {
        self.counts.remove(key);
    }

    /// A clock that went back begins a new window, so that nobody waits for years.
    fn is_current(&self, now_s: u64) -> bool {
        (self.began_s..self.began_s.saturating_add(self.window_s)).contains(&now_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shut_out_for_the_rest_of_its_window_only() {
        let mut limit = Limit::new(60, 3, 10);
        for _ in 0..3 {
            assert!(limit.is_open(&"a", 100));
            limit.count("a", 100);
        }
        assert!(!limit.is_open(&"a", 159));
        assert!(limit.is_open(&"b", 159));
        assert!(limit.is_open(&"a", 160));
        assert!(limit.is_open(&"a", 5), "a clock gone back");
        limit.forgive(&"a");
        assert!(limit.is_open(&"a", 101));
    }

    #[test]
    fn the_table_does_not_grow_and_a_full_one_shuts_out_nobody_new() {
        let mut limit = Limit::new(60, 1, 100);
        for key in 0..100_000 {
            limit.count(key, 1);
        }
        assert_eq!(limit.counts.len(), 100);
        assert!(!limit.is_open(&5, 1));
        assert!(limit.is_open(&99_999, 1));
    }
}
