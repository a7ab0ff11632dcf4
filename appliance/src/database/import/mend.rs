//! What OpenMRS needs of an imported database before it starts on it, and the proof that all rows came in.

use std::collections::BTreeMap;

use super::census::Database;
use super::error::ImportError;
use crate::database::client::Client;
use crate::database::founding::account;
use crate::database::server;

/// What was mended; also what a dry run announces.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Mends {
    /// Liquibase checksums blanked: Liquibase of another version refuses its own old ones.
    pub checksums: u64,
    /// A migration lock left behind by a killed server.
    pub lock: u64,
    /// search.indexVersion blanked, so that the search index is made anew.
    pub search_index: u64,
}

/// Makes the empty database and OpenMRS's account in the throwaway server, as first boot does in the live one.
///
/// # Errors
/// [`ImportError::Sql`].
pub async fn prepare(root: &mut Client, password: &str) -> Result<(), ImportError> {
    for statement in account(password, "CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci") {
        root.run(&statement).await?;
    }
    Ok(())
}

/// Compares the rows of every table with what the dump holds. Gives the rows found.
///
/// # Errors
/// [`ImportError::TableMissing`], [`ImportError::RowsDiffer`].
pub async fn verify(
    root: &mut Client,
    expected: &Database,
) -> Result<BTreeMap<String, u64>, ImportError> {
    let query = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema='{}' AND table_type='BASE TABLE'",
        server::DATABASE
    );
    let there: Vec<String> = root.rows(&query).await?;
    let mut found_all = BTreeMap::new();
    for (table, counted) in &expected.tables {
        let name = there
            .iter()
            .find(|t| *t == table)
            .ok_or_else(|| ImportError::TableMissing {
                table: table.clone(),
            })?;
        let query = format!(
            "SELECT COUNT(*) FROM {}.`{}`",
            server::DATABASE,
            name.replace('`', "``")
        );
        let found = root
            .rows::<u64>(&query)
            .await?
            .first()
            .copied()
            .unwrap_or(0);
        if found != counted.rows {
            return Err(ImportError::RowsDiffer {
                table: table.clone(),
                expected: counted.rows,
                found,
            });
        }
        found_all.insert(table.clone(), found);
    }
    Ok(found_all)
}

/// Mends the imported database.
///
/// # Errors
/// [`ImportError::Sql`].
pub async fn mend(root: &mut Client, database: &Database) -> Result<Mends, ImportError> {
    let table = |name: &str| {
        database
            .tables
            .keys()
            .find(|t| t.eq_ignore_ascii_case(name))
    };
    let schema = server::DATABASE;
    let mut mends = Mends::default();
    if let Some(t) = table("liquibasechangelog") {
        let sql = format!("UPDATE {schema}.`{t}` SET md5sum=NULL WHERE md5sum IS NOT NULL");
        mends.checksums = root.run_with(&sql, Vec::new()).await?;
    }
    if let Some(t) = table("liquibasechangeloglock") {
        let sql = format!(
            "UPDATE {schema}.`{t}` SET locked=0, lockgranted=NULL, lockedby=NULL WHERE locked<>0"
        );
        mends.lock = root.run_with(&sql, Vec::new()).await?;
    }
    if let Some(t) = table("global_property") {
        let sql = format!(
            "UPDATE {schema}.`{t}` SET property_value='' WHERE property='search.indexVersion' AND property_value<>''"
        );
        mends.search_index = root.run_with(&sql, Vec::new()).await?;
    }
    let default = database.new_tables();
    root.run(&format!(
        "ALTER DATABASE {schema} CHARACTER SET {} COLLATE {}",
        default.charset, default.collation
    ))
    .await?;
    Ok(mends)
}
