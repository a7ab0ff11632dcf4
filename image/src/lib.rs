//! Builds a release: root file system, kernel, verity tree, disk image, SBOM, sizes.

pub mod artifacts;
pub mod boot;
pub mod build;
pub mod cache;
pub mod cli;
pub mod debian;
pub mod distro;
pub mod entry;
pub mod erofs;
pub mod needs;
pub mod patch;
pub mod place;
pub mod process;
pub mod progress;
pub mod publish;
pub mod root;
pub mod sandbox;
pub mod sbom;
pub mod sizes;
pub mod source;
pub mod stages;
pub mod tools;
pub mod web;
