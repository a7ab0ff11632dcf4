//! What a restored database needs before OpenMRS starts on it. Written down in the restored state itself, so that it is done
//! also where a power cut came before: at the restore's own first start of the database, or before OpenMRS's.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::database::client::{Client, SqlError};
use crate::database::counts;
use crate::database::founding;
use crate::database::server::DATABASE;
use crate::openmrs::admin::{self, AdminError};
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// In the live directory until it is done.
const FILE: &str = ".posto-mends";
const LIMIT_BYTES: u64 = 4096;
const PASSWORD_LIMIT_BYTES: u64 = 1024;

/// What is to be done besides what always is: this box's password for OpenMRS's account, no migration lock of a server that is
/// no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mends {
    /// The search index is not of the same moment as the database, or was left out: OpenMRS must make it anew.
    #[serde(default)]
    pub search_index: bool,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// A file.
    #[error("{0}")]
    Durable(#[from] DurableError),
    /// A statement.
    #[error("{0}")]
    Sql(#[from] SqlError),
    /// OpenMRS's administrator.
    #[error("{0}")]
    Admin(#[from] AdminError),
    /// No password.
    #[error("{0} is missing or empty: OpenMRS could not open the restored database")]
    Password(std::path::PathBuf),
}

impl Mends {
    /// Writes them down in `live`, a live directory that is not in place yet.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn put(self, live: &Path) -> Result<(), DurableError> {
        let text = serde_json::to_vec(&self).unwrap_or_default();
        durable::write(&live.join(FILE), &text, Owner::mode(0o600))
    }

    /// What stands in `live`; what cannot be understood asks for everything.
    ///
    /// # Errors
    /// [`DurableError`] when the disk does not give it.
    pub fn read(live: &Path) -> Result<Option<Self>, DurableError> {
        let bytes = durable::read(&live.join(FILE), LIMIT_BYTES)?;
        let all = Self { search_index: true };
        Ok(bytes.map(|bytes| serde_json::from_slice(&bytes).unwrap_or(all)))
    }
}

/// Does what stands in the live directory, by root's connection `client`, and forgets it. Done again it does no harm.
///
/// # Errors
/// [`MendError`]: OpenMRS must not be started; the next try begins anew.
pub async fn apply(places: &Places, client: &mut Client) -> Result<(), MendError> {
    let Some(mends) = Mends::read(&places.live())? else {
        return Ok(());
    };
    let password = password(places)?;
    // Not into the journal: it is this box's matter.
    client.run("SET SESSION sql_log_bin = 0").await?;
    for statement in founding::account_again(&password) {
        client.run(&statement).await?;
    }
    client.run("SET SESSION sql_log_bin = 1").await?;
    let tables = counts::tables(client, DATABASE).await?;
    let there = |name: &str| tables.iter().any(|table| table == name);
    if there("users") {
        // Else the first look at it would take the other database's password for a changed one, and the technician's code for noted.
        match admin::forget_if_not_of(places, client).await {
            Ok(_) | Err(AdminError::NoAccount) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if there("liquibasechangeloglock") {
        let sql = "UPDATE openmrs.liquibasechangeloglock SET locked=0, lockgranted=NULL, lockedby=NULL WHERE locked<>0";
        client.run(sql).await?;
    }
    if mends.search_index && there("global_property") {
        let sql = "UPDATE openmrs.global_property SET property_value='' WHERE property='search.indexVersion' AND property_value<>''";
        client.run(sql).await?;
    }
    Ok(durable::remove(&places.live().join(FILE))?)
}

/// The password of OpenMRS's database account on this box.
///
/// # Errors
/// [`MendError::Password`].
pub fn password(places: &Places) -> Result<String, MendError> {
    let path = places.database_password();
    let bytes = durable::read(&path, PASSWORD_LIMIT_BYTES)?.unwrap_or_default();
    let password = String::from_utf8_lossy(&bytes).trim().to_string();
    if password.is_empty() {
        return Err(MendError::Password(path));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_understood_asks_for_everything_and_nothing_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Mends::read(dir.path()).unwrap(), None);
        let some = Mends {
            search_index: false,
        };
        some.put(dir.path()).unwrap();
        assert_eq!(Mends::read(dir.path()).unwrap(), Some(some));
        durable::write(&dir.path().join(FILE), b"\0\0", Owner::mode(0o600)).unwrap();
        assert!(Mends::read(dir.path()).unwrap().unwrap().search_index);
    }
}
