//! Updates: the inactive slot is filled and proven here. Which release is taken, and from where, is posto-signing's.

#[cfg(test)]
mod ground;
pub mod slot;
pub mod stage;
