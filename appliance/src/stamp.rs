//! The stamp on the data: which release last committed on it. `/data/posto/stamp.json`.

use posto_release::slot::Slot;
use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::release::Running;
use crate::system::durable::{self, DurableError, Owner};

const LIMIT_BYTES: u64 = 4096;

/// The stamp's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Release name.
    pub release: String,
    /// Its slot; null when stamped in a container.
    pub slot: Option<Slot>,
    /// Its root hash, lower hex; null when stamped in a container.
    pub root_hash: Option<String>,
}

/// What was found in the stamp's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A stamp.
    Stamp(Stamp),
    /// No file.
    Absent,
    /// Something else; why.
    Unreadable(String),
}

impl Stamp {
    /// The stamp that `running` leaves on its data.
    #[must_use]
    pub fn of(running: &Running) -> Self {
        Self {
            release: running.release.clone(),
            slot: running.slot,
            root_hash: running.root_hash.clone(),
        }
    }

    /// Whether data with this stamp belong to `running`. The root hash decides where both know it: a release's name
    /// alone could be reused by a rebuilt one. The slot does not matter: the same root in the other slot is the same.
    #[must_use]
    pub fn belongs_to(&self, running: &Running) -> bool {
        match (&self.root_hash, &running.root_hash) {
            (Some(stamped), Some(running)) => stamped == running,
            _ => self.release == running.release,
        }
    }

    /// Puts it on the data, durably.
    ///
    /// # Errors
    /// [`DurableError::Write`]; the stamp before stands.
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.stamp(), &text, Owner::mode(0o644))
    }
}

/// Reads the stamp.
#[must_use]
pub fn read(places: &Places) -> Found {
    match durable::read(&places.stamp(), LIMIT_BYTES) {
        Ok(Some(bytes)) => parse(&bytes),
        Ok(None) => Found::Absent,
        Err(error) => Found::Unreadable(error.to_string()),
    }
}

fn parse(bytes: &[u8]) -> Found {
    match serde_json::from_slice::<Stamp>(bytes) {
        Ok(stamp) if stamp.release.is_empty() => {
            Found::Unreadable("it names no release".to_string())
        }
        Ok(stamp) => Found::Stamp(stamp),
        Err(error) => Found::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_format_is_the_published_one() {
        let text = br#"{"release":"2026.11-1","slot":"b","root_hash":"00ff"}"#;
        let Found::Stamp(stamp) = parse(text) else {
            panic!()
        };
        assert_eq!(stamp.slot, Some(Slot::B));
        assert_eq!(serde_json::to_vec(&stamp).unwrap(), text);
    }

    #[test]
    fn an_empty_or_torn_stamp_is_unreadable_and_never_absent() {
        for bytes in [
            b"".as_slice(),
            b"{",
            br#"{"release":"","slot":null,"root_hash":null}"#,
            b"\0\0\0",
        ] {
            assert!(matches!(parse(bytes), Found::Unreadable(_)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_ne!(parse(&bytes), Found::Absent);
        }

        #[test]
        fn what_is_written_is_read(release in "[a-z0-9.-]{1,20}", slot in prop_oneof![Just(None), Just(Some(Slot::A)), Just(Some(Slot::B))], hash in proptest::option::of("[0-9a-f]{64}")) {
            let stamp = Stamp { release, slot, root_hash: hash };
            prop_assert_eq!(parse(&serde_json::to_vec(&stamp).unwrap()), Found::Stamp(stamp));
        }
    }
}
