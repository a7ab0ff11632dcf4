//! Figures of snapshots, for docs/benchmarks.md (`./check bench`); nothing passes or fails by a time. MariaDB on a real XFS, the
//! buffer pool an eighth of the data. By hand:
//! `cargo test -p posto --test snapshot_figures -- --ignored --nocapture --test-threads=1`
//! `POSTO_FIGURES_ROWS` observations (600,000, about 190 MB; 3,500,000 are 1.1 GB) and an eighth of them, `POSTO_FIGURES_DAYS` (60)
//! of rewriting, `POSTO_FIGURES_WEEK` (7) days of entries, `POSTO_TEST_MARIADBD` another server than the host's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::print_stderr,
    reason = "a measurement panics where it cannot go on"
)]

mod ground;

#[allow(dead_code, reason = "restores use more of it")]
#[path = "snapshot_restore/clinic_box.rs"]
mod clinic_box;

#[path = "snapshot_figures/ageing.rs"]
mod ageing;
#[path = "snapshot_figures/feeling.rs"]
mod feeling;
#[path = "snapshot_figures/proving.rs"]
mod proving;
#[path = "snapshot_figures/rebuilding.rs"]
mod rebuilding;
#[path = "snapshot_figures/restoring.rs"]
mod restoring;
#[path = "snapshot_figures/spread.rs"]
mod spread;
#[path = "snapshot_figures/throttle.rs"]
mod throttle;
#[path = "snapshot_figures/turning.rs"]
mod turning;
#[path = "snapshot_figures/week.rs"]
mod week;

use clinic_box::{Box, Size};

/// A whole number from the environment.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

fn rows() -> u64 {
    setting("POSTO_FIGURES_ROWS", 600_000)
}

/// A clinic with an eighth of its data in memory. [`ground::clinic`]'s observations take some 320 bytes each, keys included.
fn clinic(rows: u64) -> Option<Box> {
    let made = Box::sized(Size {
        disk_bytes: 20 << 30,
        rows,
        pool_mib: (rows * 320 / 8 / 1_000_000).max(6),
        log_mib: 256,
    })?;
    let bytes = std::fs::metadata(ageing::table(&made)).unwrap().len();
    let version: String = made.text("SELECT VERSION()");
    eprintln!(
        "\n{rows} observations, table {} MB, pool {} MiB, MariaDB {version}",
        bytes / 1_000_000,
        made.size.pool_mib
    );
    Some(made)
}

fn days() -> u64 {
    setting("POSTO_FIGURES_DAYS", 60)
}

#[test]
#[ignore = "figures: ./check bench runs them"]
fn clinic_an_eighth_as_large() {
    measure(rows() / 8);
}

#[test]
#[ignore = "figures: ./check bench runs them"]
fn clinic_as_large_as_asked_for() {
    measure(rows());
}

fn measure(rows: u64) {
    let Some(mut clinic) = clinic(rows) else {
        return;
    };
    restoring::measure(&mut clinic, "new", 200);
    proving::measure(&clinic, "new");
    feeling::measure(&clinic, "new", &[1, 10, 60]);
    ageing::measure(&clinic, days());
    feeling::measure(&clinic, "aged", &[1, 10, 60]);
    restoring::measure(&mut clinic, "aged", 200);
    proving::measure(&clinic, "aged");
    rebuilding::measure(&clinic);
    restoring::load_a_dump(&clinic);
}

#[test]
#[ignore = "figures: ./check bench runs them"]
fn a_disk_of_120_operations_a_second() {
    if let Some(mut clinic) = clinic(rows() / 8) {
        turning::measure(&mut clinic, days());
    }
}

#[test]
#[ignore = "figures: ./check bench runs them"]
fn a_week_of_entries() {
    if let Some(clinic) = clinic(rows() / 2) {
        week::measure(&clinic, setting("POSTO_FIGURES_WEEK", 7));
    }
}

/// Keys of this test's rows.
const KEY: &str = ground::clinic::RANDOM_UUID;
