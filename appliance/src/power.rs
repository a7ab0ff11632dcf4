//! Power: boots and whether they ended in order, the battery (UPS).

pub mod boots;
pub mod ups;
