//! What updates cost on the link: bytes of a month, kept so that a power cut forgets at most [`KEPT_EVERY_BYTES`].

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::system::durable::{self, DurableError, Owner};

/// A question with its headers, an answer's headers and what TCP and IP add: measured 600 on the wire, without a handshake.
pub const QUESTION_BYTES: u64 = 600;
const KEPT_EVERY_BYTES: u64 = 200_000;
const LIMIT_BYTES: u64 = 4096;
const MB: u64 = 1_000_000;

/// What a month cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// `2026-11`.
    pub month: String,
    /// In it.
    pub bytes: u64,
}

/// A month's ledger.
#[derive(Debug)]
pub struct Budget {
    path: PathBuf,
    spent: Spent,
    kept_bytes: u64,
    limit_bytes: u64,
}

impl Budget {
    /// The ledger in `folder` at the best known time `now_s`, for so many megabytes a month. A dead clock stays in the newest month
    /// that it knows: it never frees what was spent.
    #[must_use]
    pub fn read(folder: &Path, now_s: i64, megabytes: u32) -> Self {
        let path = folder.join("spent.json");
        let text = durable::read(&path, LIMIT_BYTES).ok().flatten();
        let mut spent: Spent = text
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let month = month(now_s);
        if spent.month < month {
            spent = Spent { month, bytes: 0 };
        }
        Self {
            path,
            kept_bytes: spent.bytes,
            spent,
            limit_bytes: u64::from(megabytes) * MB,
        }
    }

    /// Bytes of this month so far.
    #[must_use]
    pub fn spent_bytes(&self) -> u64 {
        self.spent.bytes
    }

    /// Bytes that a month may cost.
    #[must_use]
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// Whether so many more may be paid for.
    #[must_use]
    pub fn may(&self, bytes: u64) -> bool {
        self.spent.bytes.saturating_add(bytes) <= self.limit_bytes
    }

    /// They were paid for.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn pay(&mut self, bytes: u64) -> Result<(), DurableError> {
        self.spent.bytes = self.spent.bytes.saturating_add(bytes);
        if self.spent.bytes - self.kept_bytes >= KEPT_EVERY_BYTES {
            self.keep()?;
        }
        Ok(())
    }

    /// Keeps what was paid.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn keep(&mut self) -> Result<(), DurableError> {
        if self.kept_bytes == self.spent.bytes {
            return Ok(());
        }
        let text = serde_json::to_vec(&self.spent).unwrap_or_default();
        durable::write(&self.path, &text, Owner::mode(0o644))?;
        self.kept_bytes = self.spent.bytes;
        Ok(())
    }
}

fn month(unix_s: i64) -> String {
    let time = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOVEMBER: i64 = 1_795_700_000;

    #[test]
    fn a_month_has_its_megabytes_and_a_dead_clock_frees_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut budget = Budget::read(dir.path(), NOVEMBER, 2);
        assert!(budget.may(2 * MB) && !budget.may(2 * MB + 1));
        budget.pay(1_500_000).unwrap();
        budget.pay(10).unwrap();
        assert!(!budget.may(MB));
        // A power cut: what was not kept yet is forgotten, the rest is not.
        assert_eq!(
            Budget::read(dir.path(), NOVEMBER, 2).spent_bytes(),
            1_500_000
        );
        budget.keep().unwrap();
        assert_eq!(Budget::read(dir.path(), 0, 2).spent_bytes(), 1_500_010);
        let december = Budget::read(dir.path(), NOVEMBER + 31 * 86_400, 2);
        assert_eq!(december.spent_bytes(), 0);
    }
}
