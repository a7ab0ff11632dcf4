//! What was found in a clone, held against what should be there. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::snapshot::proof::Fall;

/// The tables whose newest row in the clone is older than at the cut, or that are not there, in words.
#[must_use]
pub fn missing(at_the_cut: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Vec<String> {
    at_the_cut
        .iter()
        .filter_map(|(table, wanted)| match found.get(table) {
            Some(highest) if highest >= wanted => None,
            Some(highest) => Some(format!(
                "{table} ends at row {highest}, but had row {wanted} before the cut"
            )),
            None => Some(format!("the table {table} is not there")),
        })
        .collect()
}

/// The tables that have fewer rows than the newest earlier count of them. `earlier`: counts of earlier good proofs, oldest first.
#[must_use]
pub fn fell<'a>(
    now: &BTreeMap<String, u64>,
    earlier: impl IntoIterator<Item = &'a BTreeMap<String, u64>>,
) -> Vec<Fall> {
    let mut before: BTreeMap<&str, u64> = BTreeMap::new();
    for counts in earlier {
        before.extend(counts.iter().map(|(table, rows)| (table.as_str(), *rows)));
    }
    now.iter()
        .filter_map(|(table, now)| {
            let before = before.get(table.as_str()).copied()?;
            (*now < before).then(|| Fall {
                table: table.clone(),
                before,
                now: *now,
            })
        })
        .collect()
}

/// Tables of `schema` that InnoDB knows by itself, but that have no definition (.frm) any more: the server does not list them.
/// `dictionary`: names of INNODB_SYS_TABLES (`openmrs/obs`); `listed`: what the server lists.
#[must_use]
pub fn without_definition(
    schema: &str,
    dictionary: &[String],
    listed: &BTreeSet<&str>,
) -> Vec<String> {
    dictionary
        .iter()
        .filter_map(|name| name.strip_prefix(schema)?.strip_prefix('/'))
        // Partitions (`t#P#p0`) and temporary tables (`#sql-...`) have no listing of their own; names with other letters are
        // written in another way there (`@0041`); full-text indexes keep tables of their own.
        .filter(|table| !table.contains(['#', '@']) && !table.starts_with("FTS_"))
        .filter(|table| !listed.contains(table))
        .map(str::to_string)
        .collect()
}

/// One line of CHECK TABLE's answer: table, operation, kind, words.
pub type Answer = (String, String, String, String);

/// What CHECK TABLE found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// In order.
    Good,
    /// Not looked at, e.g. because its definition is of an older release ("Table rebuild required") or its engine cannot.
    NotLookedAt,
    /// Damaged, in its words.
    Damaged(String),
}

/// Reads CHECK TABLE's answer (MariaDB's documentation, "CHECK TABLE": the last line is the result, usually `status: OK`).
#[must_use]
pub fn checked(answers: &[Answer]) -> Checked {
    let kind = |answer: &Answer| answer.2.to_lowercase();
    let unread = |text: &str| {
        let text = text.to_lowercase();
        [
            "rebuild required",
            "upgrade required",
            "doesn't support check",
        ]
        .iter()
        .any(|words| text.contains(words))
    };
    if answers.iter().any(|answer| unread(&answer.3)) {
        return Checked::NotLookedAt;
    }
    let good = answers.last().is_some_and(|last| {
        kind(last) == "status" && matches!(last.3.as_str(), "OK" | "Table is already up to date")
    });
    if good && !answers.iter().any(|answer| kind(answer) == "error") {
        return Checked::Good;
    }
    let words: Vec<&str> = answers
        .iter()
        .filter(|answer| kind(answer) != "status" || answer.3 != "OK")
        .map(|answer| answer.3.as_str())
        .collect();
    if words.is_empty() {
        return Checked::Damaged("CHECK TABLE gave no answer".to_string());
    }
    Checked::Damaged(words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(all: &[(&str, u64)]) -> BTreeMap<String, u64> {
        all.iter().map(|(t, n)| ((*t).to_string(), *n)).collect()
    }

    fn answer(kind: &str, words: &str) -> Answer {
        let text = str::to_string;
        (text("openmrs.obs"), text("check"), text(kind), text(words))
    }

    #[test]
    fn a_row_acknowledged_before_the_cut_must_be_there() {
        let cut = counts(&[("obs", 10), ("visit", 0)]);
        assert!(missing(&cut, &counts(&[("obs", 10), ("visit", 0), ("orders", 3)])).is_empty());
        assert!(missing(&cut, &counts(&[("obs", 12), ("visit", 1)])).is_empty());
        assert_eq!(missing(&cut, &counts(&[("obs", 9)])).len(), 2);
    }

    #[test]
    fn each_table_is_held_against_its_newest_earlier_count() {
        let (old, new) = (
            counts(&[("obs", 10), ("users", 9)]),
            counts(&[("users", 4)]),
        );
        let fell = fell(
            &counts(&[("obs", 9), ("users", 5), ("visit", 0)]),
            [&old, &new],
        );
        assert_eq!(fell.len(), 1);
        assert_eq!(
            (fell[0].table.as_str(), fell[0].before, fell[0].now),
            ("obs", 10, 9)
        );
    }

    #[test]
    fn a_table_that_only_the_engine_knows_has_lost_its_definition() {
        let dictionary: Vec<String> = [
            "openmrs/obs",
            "openmrs/users",
            "openmrs/log#P#p0",
            "openmrs/#sql-1",
            "openmrs/FTS_0000_CONFIG",
            "openmrs2/x",
            "mysql/innodb_table_stats",
            "SYS_FOREIGN",
            "openmrs/caf@00e9",
        ]
        .map(String::from)
        .into();
        assert_eq!(
            without_definition("openmrs", &dictionary, &BTreeSet::from(["obs"])),
            ["users"]
        );
    }

    #[test]
    fn check_tables_answers_are_understood() {
        assert_eq!(checked(&[answer("status", "OK")]), Checked::Good);
        let aria = "1 client is using or hasn't closed the table properly";
        assert_eq!(
            checked(&[answer("warning", aria), answer("status", "OK")]),
            Checked::Good
        );
        assert_eq!(
            checked(&[answer(
                "note",
                "The storage engine for the table doesn't support check"
            )]),
            Checked::NotLookedAt
        );
        assert_eq!(
            checked(&[answer(
                "error",
                "Table rebuild required. Please do \"ALTER TABLE `x` FORCE\" or dump/reload to fix it!"
            )]),
            Checked::NotLookedAt
        );
        let bad = [
            answer(
                "Warning",
                "InnoDB: The B-tree of index PRIMARY is corrupted.",
            ),
            answer("error", "Corrupt"),
        ];
        assert_eq!(
            checked(&bad),
            Checked::Damaged(
                "InnoDB: The B-tree of index PRIMARY is corrupted.; Corrupt".to_string()
            )
        );
        assert!(matches!(checked(&[]), Checked::Damaged(_)));
        assert!(matches!(
            checked(&[answer("status", "Operation failed")]),
            Checked::Damaged(_)
        ));
    }

    proptest! {
        #[test]
        fn nothing_is_missing_exactly_when_every_table_reaches_its_row(
            cut in proptest::collection::btree_map("[a-d]", 0u64..5, 0..4),
            found in proptest::collection::btree_map("[a-d]", 0u64..5, 0..4),
        ) {
            let whole = cut.iter().all(|(t, n)| found.get(t).is_some_and(|f| f >= n));
            prop_assert_eq!(missing(&cut, &found).is_empty(), whole);
        }

        #[test]
        fn what_never_shrinks_never_fell(counts in proptest::collection::vec(proptest::collection::btree_map("[a-d]", 0u64..5, 0..4), 1..5)) {
            let mut highest: BTreeMap<String, u64> = BTreeMap::new();
            for one in &counts {
                for (t, n) in one { let e = highest.entry(t.clone()).or_default(); *e = (*e).max(*n); }
            }
            prop_assert!(fell(&highest, &counts).is_empty());
        }
    }
}
