//! What a manifest says of the database: its version, OpenMRS's schema, the newest rows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::TakeError;
use crate::database::client::{Client, SqlError};
use crate::database::{counts, server};
use crate::snapshot::manifest::Schema;
use crate::system::process::Invocation;

/// ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE: a box before OpenMRS's first installation.
const NOT_THERE: [u16; 2] = [1049, 1146];
/// Undo tablespaces that shrink while they are cloned would need the server's own help.
const UNDO_TRUNCATE: &str = "innodb_undo_log_truncate";

const PROGRAM_LIMIT: Duration = Duration::from_secs(20);

/// The server's own word for its version.
pub(super) async fn version(client: &mut Client) -> Result<String, TakeError> {
    let rows: Vec<String> = client.rows("SELECT VERSION()").await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// The same, where the server gives no answer: it is the one of this release.
pub(in crate::snapshot) fn version_of_the_program() -> Result<String, TakeError> {
    let said = Invocation::new(server::SERVER)
        .args(["--no-defaults", "--version"])
        .run(PROGRAM_LIMIT)?;
    Ok(version_in(&String::from_utf8_lossy(&said)))
}

fn version_in(said: &str) -> String {
    let after = said.split_once(" Ver ").map_or("", |(_, after)| after);
    let word = after.split_whitespace().next();
    word.unwrap_or_default().to_string()
}

/// Refuses a server whose files change in a way that the clone is not made for.
pub(super) async fn check_settings(client: &mut Client) -> Result<(), TakeError> {
    let query = format!("SELECT CAST(@@GLOBAL.{UNDO_TRUNCATE} AS UNSIGNED)");
    let rows: Vec<u64> = client.rows(&query).await?;
    if rows.first() == Some(&1) {
        return Err(TakeError::Setting {
            setting: UNDO_TRUNCATE,
        });
    }
    Ok(())
}

/// OpenMRS's schema; `None` before its first installation.
pub(in crate::snapshot) async fn schema(client: &mut Client) -> Result<Option<Schema>, TakeError> {
    let table = counts::qualified(server::DATABASE, "liquibasechangelog");
    let query = format!(
        "SELECT (SELECT COUNT(*) FROM {table}), id FROM {table} ORDER BY orderexecuted DESC, dateexecuted DESC LIMIT 1"
    );
    let rows: Vec<(u64, String)> = or_nothing(client.rows(&query).await)?;
    Ok(rows
        .into_iter()
        .next()
        .map(|(changesets, newest)| Schema { changesets, newest }))
}

/// The newest row of each clinical table; none before OpenMRS's first installation.
pub(super) async fn highest(client: &mut Client) -> Result<BTreeMap<String, u64>, TakeError> {
    or_nothing(counts::highest(client, server::DATABASE).await)
}

/// Asked after the cut: what of `highest` (asked before it) the snapshot must have. A purge may have run between.
pub(super) async fn at_the_cut(
    client: &mut Client,
    highest: &BTreeMap<String, u64>,
) -> Result<BTreeMap<String, u64>, TakeError> {
    Ok(counts::still_there(client, server::DATABASE, highest).await?)
}

fn or_nothing<T: Default>(answer: Result<T, SqlError>) -> Result<T, TakeError> {
    match answer {
        Err(error) if error.code().is_some_and(|code| NOT_THERE.contains(&code)) => {
            Ok(T::default())
        }
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_version_is_the_word_that_the_server_would_say() {
        let said = "/usr/sbin/mariadbd  Ver 11.8.6-MariaDB-0+deb13u1 from Debian for debian-linux-gnu on x86_64 (-- x)\n";
        assert_eq!(version_in(said), "11.8.6-MariaDB-0+deb13u1");
        assert_eq!(version_in("nothing"), "");
    }
}
