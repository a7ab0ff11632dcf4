//! Judges whether the clinic can work: asks the application, not the process table.

pub mod door;
pub mod http;
pub mod judgement;
pub mod name_servers;
pub mod page;
pub mod probe;
pub mod starts;
