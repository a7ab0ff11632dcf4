//! What was spent on the wire, month by month.

use rusqlite::OptionalExtension;

use super::{Spool, SpoolError};

/// Months of which the bytes are kept.
const MONTHS_KEPT: i64 = 24;

/// Months since the year 0, UTC; a clock that is wrong has its own months.
#[must_use]
pub fn month(unix_s: u64) -> i64 {
    i64::try_from(unix_s)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or(0, |time| {
            let date = time.to_zoned(jiff::tz::TimeZone::UTC);
            i64::from(date.year()) * 12 + i64::from(date.month()) - 1
        })
}

impl Spool {
    /// Counts bytes on the wire to a [`month`].
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn spend(&mut self, month: i64, bytes: u64) -> Result<(), SpoolError> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX / 4).min(1 << 40);
        let spend = || -> rusqlite::Result<()> {
            self.connection.execute(
                "INSERT INTO spent VALUES (?1, ?2) ON CONFLICT (month) DO UPDATE SET bytes = bytes + excluded.bytes",
                [month, bytes],
            )?;
            self.connection.execute(
                "DELETE FROM spent WHERE month NOT IN (SELECT month FROM spent ORDER BY month DESC LIMIT ?1)",
                [MONTHS_KEPT],
            )?;
            Ok(())
        };
        spend().map_err(|source| self.failed(source))
    }

    /// Bytes of that month so far.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn spent(&self, month: i64) -> Result<u64, SpoolError> {
        self.connection
            .query_row("SELECT bytes FROM spent WHERE month = ?1", [month], |row| {
                row.get(0)
            })
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(|source| self.failed(source))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::spool;
    use super::*;

    #[test]
    fn a_month_ends_where_the_calendar_says() {
        assert_eq!(month(0), 1970 * 12);
        assert_eq!(month(1_795_996_799), 2026 * 12 + 10);
        assert_eq!(month(1_796_083_200), 2026 * 12 + 11);
    }

    #[test]
    fn bytes_are_counted_by_month() {
        let (_dir, mut spool) = spool();
        spool.spend(24_322, 1000).unwrap();
        spool.spend(24_322, 500).unwrap();
        spool.spend(24_323, 7).unwrap();
        assert_eq!(spool.spent(24_322).unwrap(), 1500);
        assert_eq!(spool.spent(24_323).unwrap(), 7);
        for month in 0..60 {
            spool.spend(30_000 + month, 1).unwrap();
        }
        assert_eq!(spool.spent(24_322).unwrap(), 0, "old months go");
    }
}
