//! The computer's clock: read here and nowhere else.

use std::time::SystemTime;

/// Unix seconds; negative before 1970.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn now_s() -> i64 {
    let whole =
        |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(before) => -whole(before.duration()),
    }
}
