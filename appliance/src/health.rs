//! How the box is, told to the province: one small signed frame (a ping), kept until the hub has proven that it has it.

pub mod ack;
pub mod alarm_code;
pub mod cose;
pub mod frame;
pub mod hello;
