//! Injecting a fault into a running box while somebody writes, and measuring from outside what the box makes of it.

mod happenings;
mod switches;
mod trial;
mod writer;

pub use happenings::{Happening, happenings, since_boot_ms, starts};
pub use switches::{OPEN_BOUND, open_box};
pub use trial::{Outcome, Trial};
pub use writer::{Log, Writer, lost};
