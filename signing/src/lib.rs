//! Signed releases: The Update Framework's metadata, verified and made.
//!
//! [`workflow`] is the client: a state machine without I/O. [`state`] keeps what it trusts, [`source`] brings what it
//! asks for, [`update`] puts the three together.

pub mod bounds;
pub mod canonical;
pub mod clock;
pub mod durable;
pub mod envelope;
pub mod fetch;
pub mod hashes;
pub mod http;
pub mod key;
pub mod metadata;
pub mod pattern;
#[cfg(feature = "publish")]
pub mod publish;
pub mod role;
pub mod rollout;
pub mod source;
pub mod state;
pub mod time;
pub mod update;
pub mod workflow;
