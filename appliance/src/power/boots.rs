//! Boots begun and boots ended in order: `posto-boots.service` counts up before the database starts and notes the end
//! after it has stopped. A boot without a noted end was a power cut, a hang or a hand on the switch.

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

const LIMIT_BYTES: u64 = 4 * 1024;

/// `/data/posto/boots.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Boots {
    /// Boots begun, this one included.
    pub begun: u64,
    /// Boots that ended in order, database down and clean.
    pub clean: u64,
    /// The kernel's name of the last boot begun.
    pub boot: String,
    /// Whether that one ended in order.
    pub ended: bool,
}

impl Boots {
    /// Boots that did not end in order; the running one does not count.
    #[must_use]
    pub fn unclean(&self) -> u64 {
        let over = self.begun.saturating_sub(u64::from(!self.ended));
        over.saturating_sub(self.clean)
    }

    /// A boot begins; `boot` is the kernel's name of it. The same boot again changes nothing.
    #[must_use]
    pub fn begin(&self, boot: &str) -> Self {
        if self.boot == boot {
            // The unit was started again in a boot that goes on: it has not ended after all.
            return Self {
                clean: self.clean.saturating_sub(u64::from(self.ended)),
                ended: false,
                ..self.clone()
            };
        }
        Self {
            begun: self.begun.saturating_add(1),
            clean: self.clean,
            boot: boot.to_string(),
            ended: false,
        }
    }

    /// This boot ends, the database is down and clean.
    #[must_use]
    pub fn end(&self, boot: &str) -> Self {
        if self.boot != boot || self.ended {
            return self.clone();
        }
        Self {
            clean: self.clean.saturating_add(1),
            ended: true,
            ..self.clone()
        }
    }
}

/// What was counted. A file that cannot be read counts from nothing again: nothing hangs on it.
#[must_use]
pub fn read(places: &Places) -> Boots {
    durable::read(&places.boots(), LIMIT_BYTES)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Keeps it.
///
/// # Errors
/// [`DurableError`]: the old count stands.
pub fn write(places: &Places, boots: &Boots) -> Result<(), DurableError> {
    let text = serde_json::to_vec(boots).unwrap_or_default();
    durable::write(&places.boots(), &text, Owner::mode(0o644))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_boot_without_an_end_is_counted_at_the_next() {
        let first = Boots::default().begin("a");
        assert_eq!((first.begun, first.unclean()), (1, 0));
        let cut = first.begin("b");
        assert_eq!((cut.begun, cut.unclean()), (2, 1));
        let after = cut.end("b").begin("c");
        assert_eq!((after.begun, after.clean, after.unclean()), (3, 1, 1));
    }

    #[test]
    fn what_is_counted_is_kept_and_a_broken_file_counts_anew() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.posto()).unwrap();
        assert_eq!(read(&places), Boots::default());
        let boots = Boots::default().begin("a");
        write(&places, &boots).unwrap();
        assert_eq!(read(&places), boots);
        std::fs::write(places.boots(), "{").unwrap();
        assert_eq!(read(&places), Boots::default());
    }

    proptest! {
        #[test]
        fn every_boot_that_is_over_is_clean_or_unclean(ends in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..50)) {
            let (mut boots, mut cuts, mut cleans) = (Boots::default(), 0, 0);
            for (number, (again, in_order)) in ends.into_iter().enumerate() {
                let boot = number.to_string();
                boots = boots.begin(&boot);
                prop_assert_eq!((boots.unclean(), boots.clean), (cuts, cleans));
                if again {
                    boots = boots.end(&boot).begin(&boot);
                    prop_assert_eq!((boots.unclean(), boots.clean), (cuts, cleans));
                }
                if in_order {
                    boots = boots.end(&boot).end(&boot);
                    cleans += 1;
                } else {
                    cuts += 1;
                }
            }
        }
    }
}
