//! A unit of updates, started and followed to its end.

use std::time::Duration;

use crate::cli::snapshot::carrying::Bar;
use crate::cli::wait_for;
use crate::system::units::{UnitError, Units};
use crate::update::units::{STICK, WORK};

const LOOK_EVERY: Duration = Duration::from_millis(300);
/// The units' own bounds are shorter.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

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
        let mut job = std::pin::pin!(units.start(unit, LIMIT));
        loop {
            tokio::select! {
                ended = &mut job => return match ended {
                    Ok(()) => Ok(true),
                    // Why is in what the unit said.
                    Err(UnitError::Job { .. }) => Ok(false),
                    Err(error) => Err(error),
                },
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if let Some(far) = far().filter(|(_, all)| *all > 0) {
                        bar.show(text, far, 1);
                    }
                }
            }
        }
    })??;
    bar.clear();
    Ok(ended)
}

/// Whether the worker is at it now. Nobody can tell: it is not.
pub(super) fn is_working() -> bool {
    let looked = wait_for(async {
        let units = Units::connect().await?;
        let mut working = false;
        for unit in [WORK, STICK] {
            working |= units.life(unit).await?.active == "activating";
        }
        Ok::<bool, UnitError>(working)
    });
    matches!(looked, Ok(Ok(true)))
}
