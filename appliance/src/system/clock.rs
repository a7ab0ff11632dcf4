//! The one place that reads clocks; everything else takes the time as an argument.

use std::time::{Duration, SystemTime};

/// Seconds since 1970 by the wall clock. May be wildly wrong (dead RTC); never used to judge order or age alone.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the clock's own module")]
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The same with a sign, as metadata's times are.
#[must_use]
pub fn unix_s() -> i64 {
    i64::try_from(unix_seconds()).unwrap_or(i64::MAX)
}

/// `unix_seconds` for people, in UTC: `2026-11-22 17:49:51`.
#[must_use]
pub fn date_and_time(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || format!("{unix_seconds} s"),
            |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        )
}

/// `unix_seconds` on a clock in this IANA time zone, written by `format` (strftime(3)). An unknown zone is UTC. `None`: it is no
/// time.
#[must_use]
pub fn in_zone(unix_seconds: u64, zone: &str, format: &str) -> Option<String> {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let seconds = i64::try_from(unix_seconds).ok()?;
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.to_zoned(zone).strftime(format).to_string())
}

/// Time since boot, including suspend; does not jump when the wall clock is set.
#[must_use]
pub fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// Waits without doing anything. For bounded polling of what cannot be awaited (a server that is starting up).
#[allow(clippy::disallowed_methods, reason = "the one named place for polling")]
pub fn pause(length: Duration) {
    std::thread::sleep(length);
}

/// `unix_seconds` as `2026-11-22T17:49:51Z` without colons (`20261122T174951Z`): sorts by time, safe in file names.
#[must_use]
pub fn file_stamp(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || format!("{unix_seconds}"),
            |time| time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_stamps_sort_by_time_and_have_no_colons() {
        assert_eq!(file_stamp(1_795_369_791), "20261122T174951Z");
        assert_eq!(file_stamp(0), "19700101T000000Z");
        assert_eq!(date_and_time(0), "1970-01-01 00:00:00");
        assert!(date_and_time(u64::MAX).ends_with(" s"));
    }
}
