//! posto-init: the initrd's only program. Finds the slot's partitions, opens the root through dm-verity, mounts root and
//! data, and hands over to systemd. Every failure before that restarts the box; GRUB counts trials, and [`decide`] says
//! when a damaged committed slot is left for the other one.

pub mod alarm;
pub mod child;
pub mod console;
pub mod data;
pub mod decide;
pub mod device_mapper;
pub mod disk;
pub mod error;
pub mod handover;
pub mod identity;
pub mod modules;
pub mod uevent;
pub mod watch;
pub mod xfs;
