//! The units that do the work.

/// The worker, with the network.
pub const WORK: &str = "posto-update.service";
/// The worker, with a stick.
pub const STICK: &str = "posto-update-stick.service";
/// Root: verifies and writes the slot.
pub const STAGE: &str = "posto-update-stage.service";
