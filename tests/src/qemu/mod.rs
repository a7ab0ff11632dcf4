//! A machine in QEMU: BIOS or UEFI, its serial line read as it speaks, its disk, its end.

pub mod debugger;
pub mod disk_errors;
pub mod hand;
pub mod keyboard;
pub mod machine;
pub mod qmp;
pub mod serial;
pub mod site;
pub mod stick;

pub use debugger::Debugger;
pub use hand::Hand;
pub use machine::{Disk, Firmware, Machine, Setup};
pub use site::Site;
pub use stick::Stick;
