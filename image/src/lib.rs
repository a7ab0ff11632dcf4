//! Builds a release: root file system, kernel, verity tree, disk image, SBOM, sizes.

pub mod process;
pub mod tools;
