//! How the client behaves where the specification leaves a choice, and where a box must not follow it.

use crate::bounds::Bounds;

/// What metadata that has expired means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It is refused, as the specification says.
    Refuse,
    /// It is taken and named in [`super::Workflow::expired`]: a box whose clock is wrong, or whose publisher is gone, must
    /// not be stranded. Versions are checked as always, so nothing older than what was seen gets in.
    Warn,
}

/// How the client behaves where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// What expired metadata means.
    pub expiry: Expiry,
    /// How much of anything.
    pub bounds: Bounds,
}

impl Policy {
    /// As the specification says.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            expiry: Expiry::Refuse,
            bounds: Bounds::default(),
        }
    }

    /// A box's: it has no clock that can be relied on.
    #[must_use]
    pub fn of_a_box() -> Self {
        Self {
            expiry: Expiry::Warn,
            bounds: Bounds::default(),
        }
    }
}
