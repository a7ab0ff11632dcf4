//! The clinic's database: where it lives, how it is asked, how a dump comes in.

pub mod client;
pub mod counts;
pub mod founding;
pub mod heartbeat;
pub mod import;
pub mod journal;
pub mod pages;
pub mod private_server;
pub mod rebuild;
pub mod redo;
pub mod refusal;
pub mod server;
pub mod settle;
