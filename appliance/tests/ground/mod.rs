//! What whole-machine-like tests stand on: a real XFS, a real MariaDB, an OpenMRS-like schema. Tests take it by `mod ground;`.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests fail by panicking, and not every test uses all of it"
)]

pub mod clinic;
pub mod mariadb;
pub mod site;
pub mod xfs;
