//! Debian packages: which, exactly which, from where, and kept by hash.

pub mod list;
pub mod lock;
pub mod mirror;
pub mod pool;
pub mod repository;
pub mod resolve;
