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
    let began = clock::since_boot();
    while clock::since_boot().saturating_sub(began) < LIMIT {
        tokio::time::sleep(POLL).await;
        let current = stage::lsn(client).await?.current;
        if current.saturating_sub(checkpoint_lsn()?) <= SMALL_BYTES {
            break;
        }
    }
    set_low_water(client, "DEFAULT").await
}

async fn set_low_water(client: &mut Client, value: &str) -> Result<(), TakeError> {
    let statement = format!("SET GLOBAL innodb_max_dirty_pages_pct_lwm={value}");
    Ok(client.run(&statement).await?)
}
