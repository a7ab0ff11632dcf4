//! The first questions to a restored database: is it the one that the snapshot says?

use crate::database::client::{Client, SqlError};
use crate::database::counts;
use crate::database::server::DATABASE;
use crate::snapshot::manifest::{Manifest, Schema};
use crate::snapshot::proof::Proof;

/// Tables whose rows are counted anew: a tenth of a second each on an old disk. The door is shut meanwhile.
const SMALL_ROWS: u64 = 20_000;

/// OpenMRS's schema as the database says; `None` where it has none.
///
/// # Errors
/// [`SqlError`].
pub async fn schema(client: &mut Client) -> Result<Option<Schema>, SqlError> {
    let there: Vec<String> = client
        .rows(&format!(
            "SHOW TABLES FROM {DATABASE} LIKE 'liquibasechangelog'"
        ))
        .await?;
    if there.is_empty() {
        return Ok(None);
    }
    let table = counts::qualified(DATABASE, "liquibasechangelog");
    let newest: Vec<(u64, Option<String>)> = client
        .rows(&format!(
            "SELECT (SELECT COUNT(*) FROM {table}), (SELECT id FROM {table} ORDER BY orderexecuted DESC, id LIMIT 1)"
        ))
        .await?;
    Ok(newest
        .into_iter()
        .next()
        .map(|(changesets, newest)| Schema {
            changesets,
            newest: newest.unwrap_or_default(),
        }))
}

/// Compares the database with what its snapshot and its proof say. The words say what is wrong, in English.
///
/// # Errors
/// [`SqlError`] when it does not answer.
pub async fn check(
    client: &mut Client,
    manifest: &Manifest,
    proof: Option<&Proof>,
) -> Result<Result<(), String>, SqlError> {
    if manifest.schema.is_some() {
        let found = schema(client).await?;
        let changesets = |schema: &Option<Schema>| schema.as_ref().map_or(0, |s| s.changesets);
        if changesets(&found) < changesets(&manifest.schema) {
            return Ok(Err(format!(
                "its schema has {} change sets, the snapshot's has {}",
                changesets(&found),
                changesets(&manifest.schema)
            )));
        }
    }
    let found = counts::highest(client, DATABASE).await?;
    let empty = Default::default();
    let proven = proof.map_or(&empty, |proof| &proof.highest);
    for (table, least) in manifest.highest.iter().chain(proven) {
        let highest = found.get(table).copied();
        if highest.is_none_or(|highest| highest < *least) {
            return Ok(Err(format!(
                "the newest row of {table} is {}, the snapshot has row {least}",
                highest.map_or_else(|| "missing".to_string(), |n| n.to_string())
            )));
        }
    }
    let rows = proof.map_or(&empty, |proof| &proof.rows);
    for (table, expected) in rows.iter().filter(|(_, rows)| **rows <= SMALL_ROWS) {
        let found = counts::rows_of(client, DATABASE, table).await?;
        if found != *expected {
            return Ok(Err(format!(
                "{table} has {found} rows, the proof counted {expected}"
            )));
        }
    }
    Ok(Ok(()))
}
