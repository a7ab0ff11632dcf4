//! The one place that polls: for what gives no event to wait for, such as a web page inside a machine under test.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Asks every 200 ms until `ready` answers `Some`, at most `bound`.
///
/// # Errors
/// After `bound`, naming `what`; or at once when `ready` fails for good.
pub fn until<T>(
    what: &str,
    bound: Duration,
    mut ready: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = ready()? {
            return Ok(value);
        }
        if start.elapsed() > bound {
            bail!("waited {} s in vain for: {what}", bound.as_secs());
        }
        pause(Duration::from_millis(200));
    }
}

/// How many minutes a long test takes: what the environment's `variable` says, `otherwise` without it.
///
/// # Errors
/// When it is no number.
pub fn minutes(variable: &str, otherwise: u64) -> Result<u64> {
    std::env::var(variable).map_or(Ok(otherwise), |text| {
        text.parse().with_context(|| format!("{variable}={text}"))
    })
}

/// Lets time pass where time is what is tested: a load that goes on, a rest that is measured.
#[expect(
    clippy::disallowed_methods,
    reason = "the one pause of the test ground"
)]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
