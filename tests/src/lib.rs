//! Whole-machine test ground: runs a built release on real kernels, in a container or in QEMU.

#![allow(clippy::indexing_slicing, reason = "the test ground may fail loudly")]

pub mod command;
pub mod container;
pub mod copy;
pub mod faults;
pub mod http;
pub mod hub;
pub mod installed;
pub mod mirror;
pub mod names;
pub mod powercut;
pub mod publisher;
pub mod qemu;
pub mod release;
pub mod standin;
pub mod wait;
