//! Patches from one release's images to another's.
//!
//! [`index`] and [`frame`] are the format, [`apply`] writes a slot from them, [`written`] tells how far a slot was written,
//! [`make`] makes patches. The format as a contract: docs/architecture.md, "Delta".

pub mod apply;
pub mod bounds;
#[cfg(feature = "make")]
pub mod erofs;
pub mod frame;
pub mod index;
#[cfg(feature = "make")]
pub mod make;
pub mod sparse;
pub mod storage;
pub mod varint;
pub mod written;
