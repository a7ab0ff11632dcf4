//! Root file systems: the tools root and the image's.

pub mod assemble;
pub mod bootstrap;
pub mod keystore;
pub mod modules;
pub mod prune;
