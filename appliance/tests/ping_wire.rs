//! What pings cost on the wire, by a capture of packets, for docs/benchmarks.md (`./check bench`): the real hub behind nginx in one
//! network namespace, the box's sender in another, a cable between them; beside them a Pushgateway over mutual TLS. Needs root,
//! tcpdump and curl; `POSTO_WIRE_PROGRAMS` names a directory with nginx and prometheus-pushgateway, which need not be installed. By hand:
//! `POSTO_WIRE_PROGRAMS=$PWD/out/wire/usr cargo test -p posto --test ping_wire -- --ignored --nocapture`
//! `POSTO_WIRE_DAYS` (30) of routine pings are driven.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a measurement panics where it cannot go on"
)]

#[allow(dead_code, reason = "the hub's tests use more of it")]
#[path = "hub/boxes.rs"]
mod boxes;
#[path = "ping_wire/capture.rs"]
mod capture;
#[path = "ping_wire/certificates.rs"]
mod certificates;
#[path = "ping_wire/clinic.rs"]
mod clinic;
#[path = "ping_wire/figures.rs"]
mod figures;
#[path = "ping_wire/network.rs"]
mod network;
#[path = "ping_wire/node.rs"]
mod node;
#[path = "ping_wire/program.rs"]
mod program;
#[path = "ping_wire/province.rs"]
mod province;
#[path = "ping_wire/pushgateway.rs"]
mod pushgateway;
