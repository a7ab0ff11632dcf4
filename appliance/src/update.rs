//! Updates: the inactive slot is filled and proven here. Which release is taken, and from where, is posto-signing's.

pub mod slot;
