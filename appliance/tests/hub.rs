//! The hub as a process, with real sockets on loopback and boxes that sign real frames.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs
)]

#[path = "hub/boxes.rs"]
mod boxes;
#[path = "hub/hostile.rs"]
mod hostile;
#[path = "hub/kill.rs"]
mod kill;
#[path = "hub/quiet.rs"]
mod quiet;
#[path = "hub/running.rs"]
mod running;
#[path = "hub/web.rs"]
mod web;
