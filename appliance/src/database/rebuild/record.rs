//! Which table was rebuilt when: `/data/posto/rebuilds.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decide::Table;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

const LIMIT_BYTES: u64 = 1 << 20;

/// The last time that a table was taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The box's uptime over all boots, seconds.
    pub uptime_s: u64,
    /// It was stopped before its end; otherwise it was done, or the server refused it.
    #[serde(default)]
    pub gave_way: bool,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Record {
    #[serde(default)]
    tables: BTreeMap<String, Tried>,
}

impl Record {
    /// What was left; nothing where it cannot be read: a table is then rebuilt earlier than it must.
    #[must_use]
    pub fn read(places: &Places) -> Self {
        let bytes = durable::read(&places.rebuilds(), LIMIT_BYTES)
            .ok()
            .flatten();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Leaves it.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.rebuilds(), &text, Owner::mode(0o644))
    }

    /// When it was last taken up.
    #[must_use]
    pub fn of(&self, table: &Table) -> Option<Tried> {
        self.tables.get(&table.full_name()).copied()
    }

    /// It was taken up.
    pub fn put(&mut self, table: &Table, uptime_s: u64, gave_way: bool) {
        let tried = Tried { uptime_s, gave_way };
        self.tables.insert(table.full_name(), tried);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_left_and_nonsense_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.posto()).unwrap();
        let table = Table {
            schema: "openmrs".into(),
            name: "obs".into(),
            bytes: 1,
            extents: 1,
        };
        let mut record = Record::read(&places);
        assert_eq!(record.of(&table), None);
        record.put(&table, 7, true);
        record.write(&places).unwrap();
        assert_eq!(Record::read(&places), record);
        durable::write(&places.rebuilds(), b"{", Owner::mode(0o644)).unwrap();
        assert_eq!(Record::read(&places), Record::default());
    }
}
