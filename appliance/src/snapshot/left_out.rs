//! What a copy of a snapshot does not carry: links that lead out of OpenMRS's files, sockets, pipes. It is named wherever the copy
//! goes, so that nobody takes the copy for more than it is.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::id::Id;
use crate::events::Event;

/// More are counted and not named.
pub const NAMES_LIMIT: usize = 100;
/// Longer names are cut, characters.
const NAME_LIMIT_CHARS: usize = 200;
/// On a line for people.
const TOLD: usize = 5;

/// The count, and the first ones by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// Paths inside the snapshot; of a link also where it leads.
    pub names: Vec<String>,
}

impl LeftOut {
    /// Whether everything is there.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.count == 0
    }

    /// One more. `target`: where it leads, if it is a link.
    pub(super) fn add(&mut self, path: &Path, target: Option<&Path>) {
        self.count = self.count.saturating_add(1);
        if self.names.len() < NAMES_LIMIT {
            let name = match target {
                Some(target) => format!("{} -> {}", path.display(), target.display()),
                None => path.display().to_string(),
            };
            let plain = name.chars().map(|c| if c.is_control() { '?' } else { c });
            self.names.push(plain.take(NAME_LIMIT_CHARS).collect());
        }
    }

    /// Both together.
    #[must_use]
    pub(super) fn and(mut self, more: Self) -> Self {
        self.count = self.count.saturating_add(more.count);
        self.names.extend(more.names);
        self.names.truncate(NAMES_LIMIT);
        self
    }

    /// The event of a copy that lacks it.
    #[must_use]
    pub fn event(&self, snapshot: Id) -> Option<Event> {
        (!self.is_nothing()).then(|| {
            Event::new("copy-lacks")
                .with("snapshot", snapshot.number())
                .with("count", self.count)
                .with("names", self.told())
        })
    }

    /// Whether an honest box can have said so.
    #[must_use]
    pub(super) fn can_be(&self) -> bool {
        let bounded = |name: &String| {
            name.chars().count() <= NAME_LIMIT_CHARS && !name.chars().any(char::is_control)
        };
        self.names.len() <= NAMES_LIMIT
            && u64::try_from(self.names.len()).is_ok_and(|named| named <= self.count)
            && self.names.iter().all(bounded)
    }

    /// The first ones, for a line that people read.
    #[must_use]
    pub fn told(&self) -> String {
        let mut told = self.names.iter().take(TOLD).cloned().collect::<Vec<_>>();
        if self.count > u64::try_from(told.len()).unwrap_or(u64::MAX) {
            told.push("...".to_string());
        }
        told.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_the_first_are_named_and_no_name_is_a_terminals_command() {
        let mut left_out = LeftOut::default();
        assert!(left_out.is_nothing() && left_out.told().is_empty());
        left_out.add(Path::new("openmrs/a\u{1b}[2J"), Some(Path::new("/etc")));
        assert_eq!(left_out.told(), "openmrs/a?[2J -> /etc");
        for _ in 0..2 * NAMES_LIMIT {
            left_out.add(Path::new(&"x".repeat(1000)), None);
        }
        assert_eq!(left_out.names.len(), NAMES_LIMIT);
        assert_eq!(left_out.count, 2 * NAMES_LIMIT as u64 + 1);
        assert!(left_out.can_be() && left_out.told().ends_with("..."));
        left_out.count = 1;
        assert!(!left_out.can_be());
    }
}
