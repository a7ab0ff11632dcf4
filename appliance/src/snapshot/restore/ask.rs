//! The first questions to a restored database: is it the one that the snapshot says?

use crate::database::client::{Client, SqlError};
use crate::database::counts;
use crate::database::server::DATABASE;
use crate::snapshot::manifest::Manifest;
use crate::snapshot::proof::Proof;
use crate::snapshot::take::facts;

/// Tables whose rows are counted anew: a tenth of a second each on an old disk. The door is shut meanwhile.
const SMALL_ROWS: u64 = 20_000;

/// Compares the database with what its snapshot and its proof say.
///
/// # Errors
/// What is wrong, in English, for the log and support.
pub async fn check(
    client: &mut Client,
    manifest: &Manifest,
    proof: Option<&Proof>,
) -> Result<(), String> {
    let words = |error: SqlError| error.to_string();
    if let Some(expected) = &manifest.schema {
        let found = facts::schema(client)
            .await
            .map_err(|error| error.to_string())?;
        let changesets = found.map_or(0, |found| found.changesets);
        // A migration may have gone on between the question and the cut.
        if changesets < expected.changesets {
            return Err(format!(
                "its schema has {changesets} change sets, the snapshot's has {} up to {}",
                expected.changesets, expected.newest
            ));
        }
    }
    let found = counts::highest(client, DATABASE).await.map_err(words)?;
    let empty = Default::default();
    let proven = proof.map_or(&empty, |proof| &proof.highest);
    let promised = manifest.promised();
    for (table, least) in promised.iter().chain(proven) {
        let highest = found.get(table).copied();
        if highest.is_none_or(|highest| highest < *least) {
            return Err(format!(
                "the newest row of {table} is {}, the snapshot has row {least}",
                highest.map_or_else(|| "missing".to_string(), |n| n.to_string())
            ));
        }
    }
    let rows = proof.map_or(&empty, |proof| &proof.rows);
    for (table, expected) in rows.iter().filter(|(_, rows)| **rows <= SMALL_ROWS) {
        let found = counts::rows_of(client, DATABASE, table)
            .await
            .map_err(words)?;
        if found != *expected {
            return Err(format!(
                "{table} has {found} rows, the proof counted {expected}"
            ));
        }
    }
    Ok(())
}
