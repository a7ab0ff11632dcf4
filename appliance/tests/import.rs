//! Imports of real and made dumps into a real MariaDB, with the box's services stood in for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test panics where it fails"
)]

#[path = "import/dump.rs"]
#[allow(unreachable_pub)]
mod dump;
#[path = "import/ground.rs"]
mod ground;

#[path = "import/made.rs"]
mod made;
#[path = "import/network.rs"]
mod network;
#[path = "import/reader.rs"]
mod reader;
#[path = "import/real.rs"]
mod real;
#[path = "import/refusals.rs"]
mod refusals;
#[path = "import/speed.rs"]
mod speed;
#[path = "import/stops.rs"]
mod stops;
