//! Java artifacts: which, resolved through Maven, pinned by hash, kept by hash.

pub mod coordinate;
pub mod lock;
pub mod maven;
pub mod store;
