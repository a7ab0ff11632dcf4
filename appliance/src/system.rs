//! The kernel's and systemd's edges. Nothing above this room calls them directly, so that a fake can cut the power here.

pub mod addresses;
pub mod block;
pub mod clock;
pub mod confine;
pub mod durable;
pub mod freezer;
pub mod label;
pub mod lock;
pub mod log;
pub mod medium;
pub mod memory;
pub mod namespace;
pub mod process;
pub mod random;
pub mod reflink;
pub mod sqlite;
pub mod thaw;
pub mod units;
pub mod vital;
