//! Proofs of real snapshots, sound and damaged, by a real MariaDB on a real XFS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test panics where it fails"
)]

mod ground;

#[path = "snapshot_prove/cut_stop.rs"]
mod cut_stop;
#[path = "snapshot_prove/damage.rs"]
mod damage;
#[path = "snapshot_prove/journal.rs"]
mod journal;
#[path = "snapshot_prove/nights.rs"]
mod nights;
#[path = "snapshot_prove/no_verdict.rs"]
mod no_verdict;
#[path = "snapshot_prove/shelf.rs"]
mod shelf;
#[path = "snapshot_prove/sound.rs"]
mod sound;

/// Keys of this test's rows.
const KEY: &str = ground::clinic::ORDERED_UUID;
