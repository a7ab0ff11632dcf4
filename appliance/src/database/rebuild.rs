//! Tables whose pages lie scattered over the disk are written anew, online, while nobody works. Each page that is changed after a
//! snapshot gets another place (copy on write), so that a table of random keys falls into as many pieces as it has pages: a disk with heads
//! then reads it page by page, and every clone costs its pieces. docs/architecture.md, "Snapshots", Rebuilding.

pub mod act;
pub mod decide;
pub mod lying;
pub mod record;
