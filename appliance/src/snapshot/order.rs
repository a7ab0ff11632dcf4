//! What the daemon asks of `posto-proof.service`: which snapshot, how deep. `/run/posto/proof-order.json`.

use serde::{Deserialize, Serialize};

use super::id::Id;
use super::proof::Depth;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// No honest order is larger.
const LIMIT_BYTES: u64 = 4096;

/// One proof to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Of which snapshot.
    pub id: Id,
    /// How deep.
    pub depth: Depth,
}

impl Order {
    /// Leaves it for the unit, in the place of the one before.
    ///
    /// # Errors
    /// [`DurableError`] when tmpfs cannot be written.
    pub fn leave(self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec(&self).unwrap_or_default();
        durable::write(&places.proof_order(), &text, Owner::mode(0o644))
    }

    /// The standing order; `None`: nobody asked, or nobody can tell what.
    #[must_use]
    pub fn read(places: &Places) -> Option<Self> {
        let bytes = durable::read(&places.proof_order(), LIMIT_BYTES).ok()??;
        serde_json::from_slice(&bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_left() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.run()).unwrap();
        assert_eq!(Order::read(&places), None);
        let order = Order {
            id: Id::new(42).unwrap(),
            depth: Depth::Full,
        };
        order.leave(&places).unwrap();
        assert_eq!(Order::read(&places), Some(order));
    }
}
