//! How the box is, told to the province: one small signed frame (a ping), kept until the hub has proven that it has it.

pub mod ack;
pub mod alarm_code;
pub mod bundle;
pub mod cose;
pub mod datagram;
pub mod frame;
pub mod hello;
pub mod outbox;
pub mod post;
pub mod probes;
pub mod schedule;
pub mod send;
pub mod spool;
