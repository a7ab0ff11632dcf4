//! What a proof does, worked out before it is done. Pure.
//!
//! What each look really proves: the server's start proves that the redo log is whole from the checkpoint on and that every page
//! it names could be read; `SELECT 1 ... LIMIT 1` that a table's definition, its entry in InnoDB's dictionary and its file belong
//! together, that the file is as long as its head says, and that the path to one row can be read; `MAX(key)` that the newest end
//! of the primary key can. Neither reads the rest of a table. `CHECK TABLE` reads every page of every index, counts each index
//! against the primary key, `EXTENDED` also looks each entry of an index up in it; it does not read long texts and images that lie
//! outside their row (tried: a byte changed there stays unseen, and queries give wrong bytes). Their pages' checksums are
//! read from the files (`database/pages.rs`).

use crate::database::counts::qualified;

/// A table of the clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Length of its file; `None` where it has none of its own name (other engines, partitions, other letters).
    pub bytes: Option<u64>,
}

/// Up to this length a table is read from end to end also at quick depth: less than a second on a disk that turns.
const SMALL_BYTES: u64 = 8 << 20;
/// Room that must be left on the disk whatever happens.
const RESERVE_BYTES: u64 = 512 << 20;
/// Beneath this the server would take memory from the clinic. Measured: it peaks at 212 MB with the largest pool (128 MiB).
pub const MEMORY_BYTES: u64 = 256 << 20;

impl Table {
    /// `schema.table`, for progress and messages.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Opens it and reads one row's path.
    #[must_use]
    pub fn opening(&self) -> String {
        format!(
            "SELECT 1 FROM {} LIMIT 1",
            qualified(&self.schema, &self.name)
        )
    }

    /// Reads it whole. Looking every index entry up in the primary key is worth it where both fit into the buffer pool; beyond
    /// it would be a random read an entry.
    #[must_use]
    pub fn checking(&self, pool_bytes: u64) -> String {
        let table = qualified(&self.schema, &self.name);
        let extended = self.bytes.is_some_and(|bytes| bytes <= pool_bytes / 2);
        let how = if extended { " EXTENDED" } else { "" };
        format!("CHECK TABLE {table}{how}")
    }

    /// Whether its rows are counted also at quick depth.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.bytes.is_some_and(|bytes| bytes <= SMALL_BYTES)
    }
}

/// The order of a full proof: the small ones first, so that a short night is done with most of them.
pub fn order(tables: &mut [Table]) {
    tables.sort_by(|a, b| (a.bytes, &a.schema, &a.name).cmp(&(b.bytes, &b.schema, &b.name)));
}

/// Schemas without tables of their own.
#[must_use]
pub fn has_tables(schema: &str) -> bool {
    !matches!(
        schema.to_lowercase().as_str(),
        "information_schema" | "performance_schema" | "sys" | "lost+found"
    )
}

/// Room that a proof may take: a recovery writes the pages that the redo log names into the clone, and the rest stays shared.
#[must_use]
pub fn room_bytes(redo_bytes: u64) -> u64 {
    redo_bytes.saturating_mul(4).saturating_add(RESERVE_BYTES)
}

/// The server's buffer pool, in bytes, for this much available memory: small, but recovery must not go round in tiny steps.
#[must_use]
pub fn pool_bytes(available_bytes: u64) -> u64 {
    ((available_bytes / 8).clamp(48 << 20, 128 << 20) >> 20) << 20
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(name: &str, bytes: Option<u64>) -> Table {
        Table {
            schema: "openmrs".to_string(),
            name: name.to_string(),
            bytes,
        }
    }

    #[test]
    fn every_entry_is_looked_up_only_where_the_table_fits_into_memory() {
        let pool = 64 << 20;
        let small = table("users", Some(1 << 20)).checking(pool);
        assert_eq!(small, "CHECK TABLE `openmrs`.`users` EXTENDED");
        for bytes in [Some(33 << 20), None] {
            assert_eq!(
                table("obs", bytes).checking(pool),
                "CHECK TABLE `openmrs`.`obs`"
            );
        }
    }

    #[test]
    fn small_tables_come_first() {
        let mut all = [
            table("b", Some(9)),
            table("a", Some(9)),
            table("c", Some(1)),
            table("d", None),
        ];
        order(&mut all);
        assert_eq!(all.map(|t| t.name), ["d", "c", "a", "b"]);
    }

    proptest! {
        #[test]
        fn the_pool_is_whole_mebibytes_within_its_bounds(available in any::<u64>()) {
            let pool = pool_bytes(available);
            prop_assert!((48 << 20..=128 << 20).contains(&pool) && pool.is_multiple_of(1 << 20));
        }

        #[test]
        fn room_never_overflows(redo in any::<u64>()) {
            prop_assert!(room_bytes(redo) >= RESERVE_BYTES);
        }
    }
}
