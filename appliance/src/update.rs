//! Updates: which release there is for this box, brought by a worker without rights, verified again by root, written into the inactive slot
//! and proven there. Switching to it is another matter.
//!
//! `order (root) -> gather (worker: network or stick) -> accept (root) -> stage -> slot`; `said` is what the worker tells.

pub mod accept;
pub mod budget;
pub mod due;
pub mod fill;
pub mod gather;
#[cfg(test)]
mod ground;
pub mod mirrored;
pub mod order;
pub mod said;
pub mod slot;
pub mod slots;
pub mod stage;
pub mod stick;
#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test's files")]
mod tests;
pub mod trouble;
pub mod trust;
pub mod units;
