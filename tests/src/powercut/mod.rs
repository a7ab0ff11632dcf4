//! Power cuts with what they cost on a real disk: writes that the disk had accepted, but that no flush had made durable,
//! are lost, kept or torn by a seed. A FUSE program serves the machine's disk and remembers them ([`CutDisk`], one cut at a time), or
//! records all of them, so that the disk can be rebuilt as any cut could have left it ([`Recorder`], [`Rebuilt`]).

pub mod disk;
pub mod drive;
pub mod fate;
pub mod ledger;
pub mod lookup;
pub mod pending;
pub mod rebuild;
pub mod record;
pub mod writers;

pub use disk::{CutDisk, Flushes};
pub use drive::{Disk, Drive};
pub use fate::{Fate, Loss};
pub use ledger::Ledger;
pub use rebuild::Rebuilt;
pub use record::{Record, Recorder};
pub use writers::Writers;
