//! The appliance: what runs on the box.
//!
//! Arrows point down only: `cli` and `daemon` use the nouns, the nouns use `system`. `system` is the only room that
//! touches the kernel's edges. Files named `decide.rs` import nothing that does I/O.

pub mod cli;
pub mod database;
pub mod maintenance;
pub mod places;
pub mod system;
