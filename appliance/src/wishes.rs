//! What somebody at the box asked for by hand, as marks on tmpfs: a restart forgets them. The daemon keeps to them.

use std::path::PathBuf;

use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// A standing wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// OpenMRS stays down (`posto stop openmrs`).
    OpenmrsStopped,
    /// The door stays shut (`posto door close`).
    DoorShut,
}

impl Wish {
    fn path(self, places: &Places) -> PathBuf {
        places.wishes().join(match self {
            Self::OpenmrsStopped => "openmrs-stopped",
            Self::DoorShut => "door-shut",
        })
    }

    /// Whether it stands.
    #[must_use]
    pub fn stands(self, places: &Places) -> bool {
        self.path(places).exists()
    }

    /// From now on.
    ///
    /// # Errors
    /// When tmpfs cannot be written.
    pub fn make(self, places: &Places) -> Result<(), DurableError> {
        durable::directory(&places.wishes(), Owner::mode(0o755))?;
        durable::write(&self.path(places), b"", Owner::mode(0o644))
    }

    /// No longer.
    ///
    /// # Errors
    /// When tmpfs cannot be written.
    pub fn take_back(self, places: &Places) -> Result<(), DurableError> {
        durable::remove(&self.path(places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_stands_until_it_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.run()).unwrap();
        Wish::DoorShut.make(&places).unwrap();
        Wish::DoorShut.make(&places).unwrap();
        assert!(Wish::DoorShut.stands(&places) && !Wish::OpenmrsStopped.stands(&places));
        Wish::DoorShut.take_back(&places).unwrap();
        Wish::DoorShut.take_back(&places).unwrap();
        assert!(!Wish::DoorShut.stands(&places));
    }
}
