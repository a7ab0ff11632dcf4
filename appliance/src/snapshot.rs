//! Snapshots: on-box point-in-time copies of database and OpenMRS files, taken while the clinic works, proven by booting
//! them, and put back in seconds. docs/architecture.md, "Snapshots".

pub mod catalogue;
pub mod copies;
pub mod export;
pub mod id;
pub mod import;
pub mod left_out;
pub mod manifest;
pub mod moment;
pub mod order;
pub mod proof;
pub mod prove;
pub mod reconcile;
pub mod restore;
pub mod retain;
pub mod schedule;
pub mod shelf;
pub mod take;
pub mod thin;
