//! A recent checkpoint before the clone, so that the copy of the redo stays small.
//!
//! An idle server writes no dirty page (innodb_max_dirty_pages_pct_lwm=0): the checkpoint stays where it is until a tenth of the
//! log is used, and every snapshot from then on would copy 25 MB of a 256 MB log. A low-water mark above 0 lets the server's own
//! page cleaner write at innodb_io_capacity (200 pages a second), which writers do not feel. `innodb_log_checkpoint_now` writes
//! everything at once and comes back only then: mariadb-backup switched it off again because of that (MDEV-36159).

use std::time::Duration;

use super::error::TakeError;
use super::stage;
use crate::database::client::Client;
use crate::system::clock;

/// A copy of this size is not worth any writing: a facility's day makes about 0.6 MB.
const SMALL_BYTES: u64 = 4 << 20;
/// The snapshot does not wait longer: what is not written by then is copied.
const LIMIT: Duration = Duration::from_secs(20);
/// Writers that never pause make pages dirty as fast as the cleaner writes them: no use in waiting on.
const NO_NEARER: Duration = Duration::from_secs(3);
/// Less than this is no progress: it would be copied in a few milliseconds.
const STEP_BYTES: u64 = 1 << 20;
const POLL: Duration = Duration::from_millis(250);
/// The smallest mark that is not off: the page cleaner then works until nothing is dirty.
const LOW: &str = "0.001";

/// Lets the server write its dirty pages for a while if its checkpoint is far behind. `checkpoint_lsn` reads where it is.
///
/// A taker that is killed meanwhile leaves the low mark: harmless, the next one that gets here puts the mark back.
///
/// # Errors
/// [`TakeError::Sql`].
pub(super) async fn settle(
    client: &mut Client,
    checkpoint_lsn: &mut dyn FnMut() -> Result<u64, TakeError>,
) -> Result<(), TakeError> {
    if stage::lsn(client)
        .await?
        .current
        .saturating_sub(checkpoint_lsn()?)
        <= SMALL_BYTES
    {
        return Ok(());
    }
    set_low_water(client, LOW).await?;
    let mut nearing = Nearing::begun(clock::since_boot());
    loop {
        tokio::time::sleep(POLL).await;
        let current = stage::lsn(client).await?.current;
        let behind = current.saturating_sub(checkpoint_lsn()?);
        if !nearing.is_worth_waiting(behind, clock::since_boot()) {
            break;
        }
    }
    set_low_water(client, "DEFAULT").await
}

/// How the checkpoint comes nearer.
#[derive(Debug)]
struct Nearing {
    began: Duration,
    nearest_bytes: u64,
    nearest_at: Duration,
}

impl Nearing {
    fn begun(now: Duration) -> Self {
        Self {
            began: now,
            nearest_bytes: u64::MAX,
            nearest_at: now,
        }
    }

    /// Whether the checkpoint, `behind` bytes back by now, is worth waiting for.
    fn is_worth_waiting(&mut self, behind: u64, now: Duration) -> bool {
        if behind.saturating_add(STEP_BYTES) <= self.nearest_bytes {
            self.nearest_bytes = behind;
            self.nearest_at = now;
        }
        behind > SMALL_BYTES
            && now.saturating_sub(self.nearest_at) < NO_NEARER
            && now.saturating_sub(self.began) < LIMIT
    }
}

async fn set_low_water(client: &mut Client, value: &str) -> Result<(), TakeError> {
    let statement = format!("SET GLOBAL innodb_max_dirty_pages_pct_lwm={value}");
    Ok(client.run(&statement).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it waits, asking each quarter of a second, if `behind` says how far the checkpoint is back at each moment.
    fn waited(behind: impl Fn(Duration) -> u64) -> Duration {
        let mut nearing = Nearing::begun(Duration::ZERO);
        let mut now = POLL;
        while nearing.is_worth_waiting(behind(now), now) {
            now += POLL;
        }
        now
    }

    #[test]
    fn it_waits_while_the_checkpoint_comes_nearer_and_not_for_ever() {
        let (mib, second) = (1 << 20, Duration::from_secs(1));
        assert_eq!(waited(|_| 4 * mib), POLL, "near enough");
        let falling = |now: Duration| (30 * mib) - 4 * mib * now.as_secs();
        assert_eq!(waited(falling), 7 * second, "26 MiB at 4 a second");
        assert_eq!(
            waited(|_| 100 * mib),
            POLL + NO_NEARER,
            "writers that never pause"
        );
        let slow = |now: Duration| (200 * mib) - mib * now.as_secs();
        assert_eq!(waited(slow), LIMIT, "nearer, but too slowly");
        let begun_late = |now: Duration| {
            let farther = (30 + now.as_secs()) * mib;
            if now < 2 * second { farther } else { mib }
        };
        assert_eq!(waited(begun_late), 2 * second);
    }
}
