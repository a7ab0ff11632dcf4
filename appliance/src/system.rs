//! The kernel's and systemd's edges. Nothing above this room calls them directly, so that a fake can cut the power here.

pub mod clock;
pub mod durable;
pub mod process;
pub mod units;
