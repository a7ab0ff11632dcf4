//! What is counted in OpenMRS's schema: the newest row and the number of rows of each table that holds a clinic's work. A
//! snapshot is measured by these: what was there when it was cut must be there when it is started.

use std::collections::BTreeMap;

use super::client::{Client, SqlError};

/// A clinical table and its primary key, a whole number that only grows (AUTO_INCREMENT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its primary key.
    pub key: &'static str,
}

const fn table(name: &'static str, key: &'static str) -> Table {
    Table { name, key }
}

/// The tables, as OpenMRS's core has them from 1.9 to 2.8 (`api/src/main/resources/.../liquibase/`); those that a database
/// does not have are left out.
pub const CLINICAL: &[Table] = &[
    table("allergy", "allergy_id"),
    table("conditions", "condition_id"),
    table("encounter", "encounter_id"),
    table("encounter_diagnosis", "diagnosis_id"),
    table("encounter_provider", "encounter_provider_id"),
    table("obs", "obs_id"),
    table("orders", "order_id"),
    table("patient", "patient_id"),
    table("patient_identifier", "patient_identifier_id"),
    table("patient_program", "patient_program_id"),
    table("patient_state", "patient_state_id"),
    table("person", "person_id"),
    table("person_address", "person_address_id"),
    table("person_attribute", "person_attribute_id"),
    table("person_name", "person_name_id"),
    table("provider", "provider_id"),
    table("relationship", "relationship_id"),
    table("users", "user_id"),
    table("visit", "visit_id"),
    table("visit_attribute", "visit_attribute_id"),
];

/// A column that this release of OpenMRS does not have.
const UNKNOWN_COLUMN: u16 = 1054;

/// The largest row number of each clinical table that `database` has; 0 for an empty one. A look at the end of the primary
/// key: no scan, a millisecond a table. Only committed rows count.
///
/// # Errors
/// [`SqlError`].
pub async fn highest(
    client: &mut Client,
    database: &str,
) -> Result<BTreeMap<String, u64>, SqlError> {
    ask(client, database, |table| {
        format!("COALESCE(MAX({}), 0)", quoted(table.key))
    })
    .await
}

/// Of `highest`, the tables whose row of that number is (still) there. Between two looks that is all that a deletion cannot make
/// wrong: a row that was there before and is there after was there all the time, numbers are not given twice.
///
/// # Errors
/// [`SqlError`].
pub async fn still_there(
    client: &mut Client,
    database: &str,
    highest: &BTreeMap<String, u64>,
) -> Result<BTreeMap<String, u64>, SqlError> {
    let mut there = BTreeMap::new();
    for (name, row) in highest {
        let Some(table) = clinical(name) else {
            continue;
        };
        let query = format!(
            "SELECT 1 FROM {} WHERE {} = {row}",
            qualified(database, name),
            quoted(table.key)
        );
        // An empty table promises nothing but that it is there.
        if *row == 0 || !client.rows::<u64>(&query).await?.is_empty() {
            there.insert(name.clone(), *row);
        }
    }
    Ok(there)
}

/// The number of rows of each clinical table that `database` has. Reads the smallest index of each from end to end.
///
/// # Errors
/// [`SqlError`].
pub async fn rows(client: &mut Client, database: &str) -> Result<BTreeMap<String, u64>, SqlError> {
    ask(client, database, |_| "COUNT(*)".to_string()).await
}

/// The number of rows of one table.
///
/// # Errors
/// [`SqlError`].
pub async fn rows_of(client: &mut Client, database: &str, table: &str) -> Result<u64, SqlError> {
    let query = format!("SELECT COUNT(*) FROM {}", qualified(database, table));
    Ok(client.rows(&query).await?.into_iter().next().unwrap_or(0))
}

/// The names of the base tables (no views) of `database`, in order.
///
/// # Errors
/// [`SqlError`].
pub async fn tables(client: &mut Client, database: &str) -> Result<Vec<String>, SqlError> {
    // TABLE_TYPE would open every table; SHOW FULL TABLES does, too, and says so of one that does not open.
    let query = format!("SHOW FULL TABLES FROM {}", quoted(database));
    let all: Vec<(String, String)> = client.rows(&query).await?;
    Ok(all
        .into_iter()
        .filter(|(_, kind)| kind != "VIEW")
        .map(|(name, _)| name)
        .collect())
}

/// The clinical table of this name.
#[must_use]
pub fn clinical(name: &str) -> Option<&'static Table> {
    CLINICAL.iter().find(|table| table.name == name)
}

/// `` `name` ``, safe in a statement.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `` `database`.`table` ``.
#[must_use]
pub fn qualified(database: &str, table: &str) -> String {
    format!("{}.{}", quoted(database), quoted(table))
}

async fn ask(
    client: &mut Client,
    database: &str,
    what: impl Fn(&Table) -> String,
) -> Result<BTreeMap<String, u64>, SqlError> {
    let query = format!("SHOW TABLES FROM {}", quoted(database));
    let names: std::collections::BTreeSet<String> =
        client.rows(&query).await?.into_iter().collect();
    let mut found = BTreeMap::new();
    for table in CLINICAL.iter().filter(|table| names.contains(table.name)) {
        let query = format!(
            "SELECT {} FROM {}",
            what(table),
            qualified(database, table.name)
        );
        match client.rows::<u64>(&query).await {
            Ok(answer) => {
                found.insert(table.name.to_string(), answer.first().copied().unwrap_or(0));
            }
            Err(error) if error.code() == Some(UNKNOWN_COLUMN) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clinical_tables_are_named_once_each_and_in_order() {
        assert!(CLINICAL.windows(2).all(|w| w[0].name < w[1].name));
        assert_eq!(clinical("obs").unwrap().key, "obs_id");
        assert_eq!(clinical("no_such_table"), None);
    }

    #[test]
    fn a_name_cannot_end_its_own_quotes() {
        assert_eq!(qualified("a`b", "c d"), "`a``b`.`c d`");
    }
}
