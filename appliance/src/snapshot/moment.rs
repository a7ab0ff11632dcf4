//! When a snapshot was cut, on a box whose clock may be dead: the wall clock where it can be believed, moved on by uptime
//! where it cannot. docs/architecture.md, "Snapshots", Time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::manifest::Moment;
use crate::guards::clock;
use crate::places::Places;
use crate::release;
use crate::supervise::ledger::Ledger;
use crate::system::durable::{self, DurableError, Owner};

/// No honest file is larger.
const LIMIT_BYTES: u64 = 4096;

/// `/run/posto/uptime.json`: the box's uptime over all boots at one moment of this one. The ledger alone is up to an hour old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Uptime {
    /// Over all boots, seconds.
    uptime_s: u64,
    /// When that was, seconds since boot.
    since_boot_s: u64,
}

/// Leaves the uptime for this boot's snapshots, once a boot. `ledger_s` is the ledger's, `newest_s` the newest snapshot's:
/// a ledger that was damaged must not make every snapshot one of the future.
///
/// # Errors
/// [`DurableError`] when tmpfs cannot be written; [`uptime_s`] then goes by the ledger's last writing.
pub fn begin(
    places: &Places,
    ledger_s: u64,
    newest_s: Option<u64>,
    since_boot: Duration,
) -> Result<(), DurableError> {
    if read(places).is_some() {
        return Ok(());
    }
    let uptime = Uptime {
        uptime_s: ledger_s.max(newest_s.unwrap_or(0)),
        since_boot_s: since_boot.as_secs(),
    };
    let text = serde_json::to_vec(&uptime).unwrap_or_default();
    durable::write(&places.uptime(), &text, Owner::mode(0o644))
}

fn read(places: &Places) -> Option<Uptime> {
    let bytes = durable::read(&places.uptime(), LIMIT_BYTES).ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// The box's uptime over all boots, seconds.
#[must_use]
pub fn uptime_s(places: &Places, since_boot: Duration) -> u64 {
    let uptime = read(places).unwrap_or_else(|| Uptime {
        uptime_s: Ledger::read(places).0.uptime_s,
        since_boot_s: 0,
    });
    let passed = since_boot.as_secs().saturating_sub(uptime.since_boot_s);
    uptime.uptime_s.saturating_add(passed)
}

/// The moment of a snapshot or proof that is made now. `before` is the newest snapshot's moment; `unix_s` what the wall clock
/// says; `since_boot` the time since boot.
#[must_use]
pub fn now(places: &Places, before: Option<&Moment>, unix_s: u64, since_boot: Duration) -> Moment {
    let boot = durable::read(&places.boot_id(), 64).ok().flatten();
    let built_s = release::identity(places).ok().map(|found| found.built);
    let clocks = Clocks {
        unix_s,
        built_s,
        uptime_s: uptime_s(places, since_boot),
    };
    Moment {
        boot: String::from_utf8_lossy(&boot.unwrap_or_default())
            .trim()
            .to_string(),
        ..after(before, clocks)
    }
}

/// What the box's clocks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clocks {
    unix_s: u64,
    /// When the release was built; `None` where nobody can tell, and then no clock is believed.
    built_s: Option<u64>,
    uptime_s: u64,
}

/// Pure. A believable clock that is behind the snapshot before (it was ahead then) is moved on by uptime, too: buckets of
/// retention must go on.
fn after(before: Option<&Moment>, clocks: Clocks) -> Moment {
    let clock_plausible = clocks
        .built_s
        .is_some_and(|built_s| !clock::wrong(clocks.unix_s, built_s));
    let (floor_s, uptime_before_s) = before.map_or((clocks.built_s.unwrap_or(0), 0), |before| {
        (before.effective_s, before.uptime_s)
    });
    let passed_s = clocks.uptime_s.saturating_sub(uptime_before_s);
    let effective_s = if clock_plausible && clocks.unix_s >= floor_s {
        clocks.unix_s
    } else {
        floor_s.saturating_add(passed_s)
    };
    Moment {
        unix_s: clocks.unix_s,
        clock_plausible,
        effective_s,
        uptime_s: clocks.uptime_s.max(uptime_before_s),
        boot: String::new(),
    }
}

/// Minutes since the facility's midnight; `None` while the clock cannot be believed.
#[must_use]
pub fn local_minute(places: &Places, zone: &str, unix_s: u64) -> Option<u16> {
    let built_s = release::identity(places).ok()?.built;
    if clock::wrong(unix_s, built_s) {
        return None;
    }
    let time = jiff::Timestamp::from_second(i64::try_from(unix_s).ok()?).ok()?;
    let local = time.to_zoned(jiff::tz::TimeZone::get(zone).ok()?);
    u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUILT_S: u64 = 1_790_000_000;

    fn clocks(unix_s: u64, uptime_s: u64) -> Clocks {
        Clocks {
            unix_s,
            built_s: Some(BUILT_S),
            uptime_s,
        }
    }

    #[test]
    fn a_clock_of_1970_or_2099_is_replaced_by_uptime_and_a_right_one_is_taken() {
        let first = after(None, clocks(BUILT_S + 100, 10));
        assert!(first.clock_plausible);
        assert_eq!(first.effective_s, BUILT_S + 100);
        let dead = after(Some(&first), clocks(0, 3610));
        assert!(!dead.clock_plausible);
        assert_eq!(dead.effective_s, BUILT_S + 3700);
        let far = after(Some(&dead), clocks(4_080_000_000, 7210));
        assert_eq!(far.effective_s, BUILT_S + 7300);
        let set = after(Some(&far), clocks(BUILT_S + 90_000, 7220));
        assert_eq!(set.effective_s, BUILT_S + 90_000);
    }

    #[test]
    fn without_a_believable_clock_from_the_beginning_the_build_is_the_beginning() {
        assert_eq!(after(None, clocks(0, 7200)).effective_s, BUILT_S + 7200);
        let nobody_knows = Clocks {
            built_s: None,
            ..clocks(BUILT_S, 5)
        };
        assert_eq!(after(None, nobody_knows).effective_s, 5);
    }

    #[test]
    fn the_uptime_of_this_boot_is_left_once_and_goes_on_from_a_damaged_ledger() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.run()).unwrap();
        assert_eq!(uptime_s(&places, Duration::from_secs(30)), 30);
        begin(&places, 0, Some(5000), Duration::from_secs(20)).unwrap();
        begin(&places, 9_999_999, None, Duration::from_secs(40)).unwrap();
        assert_eq!(uptime_s(&places, Duration::from_secs(50)), 5030);
    }

    proptest! {
        /// Whatever the clock says from snapshot to snapshot.
        #[test]
        fn moments_never_go_back_and_move_on_with_uptime(steps in proptest::collection::vec((any::<u64>(), 0u64..100_000, any::<bool>()), 1..40)) {
            let mut before: Option<Moment> = None;
            let mut uptime_s = 0u64;
            for (unix_s, passed_s, near) in steps {
                uptime_s += passed_s;
                let unix_s = if near { BUILT_S + unix_s % 1_000_000_000 } else { unix_s };
                let moment = after(before.as_ref(), clocks(unix_s, uptime_s));
                if let Some(before) = &before {
                    prop_assert!(moment.effective_s >= before.effective_s);
                    if !moment.clock_plausible {
                        prop_assert_eq!(moment.effective_s, before.effective_s + (moment.uptime_s - before.uptime_s));
                    }
                    if moment.clock_plausible && unix_s < before.effective_s {
                        prop_assert_eq!(moment.effective_s - before.effective_s, passed_s);
                    }
                }
                before = Some(moment);
            }
        }
    }
}
