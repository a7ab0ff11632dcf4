//! A unit of updates, started and followed to its end.

use std::time::Duration;

use crate::cli::snapshot::carrying::Bar;
use crate::cli::wait_for;
use crate::system::clock;
use crate::system::units::{UnitError, Units};

pub(super) const WORK: &str = "posto-update.service";
pub(super) const STICK: &str = "posto-update-stick.service";
pub(super) const STAGE: &str = "posto-update-stage.service";
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// How far something is: bytes or frames, of how many.
pub(super) type Far = (u64, u64);

/// Starts `unit` and waits for its end; `far` is asked how far it is. Whether it ended well.
///
/// # Errors
/// When systemd refuses.
pub(super) fn to_its_end(
    unit: &str,
    bar: &mut Bar,
    text: &str,
    far: impl Fn() -> Option<Far>,
) -> anyhow::Result<bool> {
    let ended = wait_for(async {
        let units = Units::connect().await?;
        let before = units.life(unit).await?.main_exited;
        units.order_start(unit).await?;
        loop {
            let life = units.life(unit).await?;
            let at_rest = matches!(life.active.as_str(), "inactive" | "failed");
            if at_rest && life.main_exited != before {
                return Ok::<bool, UnitError>(life.result == "success");
            }
            if let Some(far) = far().filter(|(_, all)| *all > 0) {
                bar.show(text, far, 1);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })??;
    bar.clear();
    Ok(ended)
}

/// Unix seconds by the clock.
pub(super) fn clock_s() -> i64 {
    i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX)
}
