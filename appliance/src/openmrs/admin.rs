//! OpenMRS's admin password: as OpenMRS stores it (users.password = lower hex of SHA-512 over password + salt).

use std::time::Duration;

use sha2::{Digest, Sha512};

use crate::database::client::{Client, SqlError};
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};
use crate::technician;

const LIMIT_BYTES: u64 = 1024;
const SQL_LIMIT: Duration = Duration::from_secs(5);

/// Why the password could not be shown or made anew.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database.
    #[error("{0}; the password is as before")]
    Sql(#[from] SqlError),
    /// No such account.
    #[error(
        "the database has no account with system_id 'admin'; nothing was changed. Is OpenMRS installed yet?"
    )]
    NoAccount,
    /// The file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// The kernel's random numbers.
    #[error("no random numbers: {0}; the password is as before")]
    Random(#[from] getrandom::Error),
}

/// Whether `password` is the one behind OpenMRS's stored `hash` and `salt`.
#[must_use]
pub fn matches(password: &str, salt: &str, hash: &str) -> bool {
    hashed(password, salt) == hash.to_ascii_lowercase()
}

fn hashed(password: &str, salt: &str) -> String {
    hex::encode(
        Sha512::new()
            .chain_update(password)
            .chain_update(salt)
            .finalize(),
    )
}

/// The password made on this box, while it stands in its file.
///
/// # Errors
/// [`DurableError`]; needs root.
pub fn generated(places: &Places) -> Result<Option<String>, DurableError> {
    let bytes = durable::read(&places.admin_password(), LIMIT_BYTES)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string()))
}

/// Forgets the generated password once somebody has changed it. Says whether it was forgotten.
///
/// # Errors
/// [`AdminError::Sql`], [`AdminError::File`]; [`AdminError::NoAccount`] before OpenMRS is installed.
pub async fn forget_if_changed(places: &Places, sql: &mut Client) -> Result<bool, AdminError> {
    let forgotten = forget_if_not_of(places, sql).await?;
    if forgotten {
        // Whoever changed it stood before the screen that shows the technician's code as well.
        technician::noted(places)?;
    }
    Ok(forgotten)
}

/// Forgets the generated password where this database does not know it, such as another box's that was just put in: nobody
/// has noted anything then. Says whether it was forgotten.
///
/// # Errors
/// As [`forget_if_changed`].
pub async fn forget_if_not_of(places: &Places, sql: &mut Client) -> Result<bool, AdminError> {
    let Some(password) = generated(places)? else {
        return Ok(false);
    };
    let rows: Vec<(Option<String>, Option<String>)> = sql
        .rows("SELECT password, salt FROM openmrs.users WHERE system_id = 'admin'")
        .await?;
    let (Some(hash), Some(salt)) = rows.into_iter().next().ok_or(AdminError::NoAccount)? else {
        return Ok(false);
    };
    if matches(&password, &salt, &hash) {
        return Ok(false);
    }
    durable::remove(&places.admin_password())?;
    Ok(true)
}

/// As [`forget_if_changed`], on a connection of its own, and only while there is something to forget.
///
/// # Errors
/// As [`forget_if_changed`].
pub async fn forget_if_changed_at(places: &Places) -> Result<bool, AdminError> {
    if !places.admin_password().exists() {
        return Ok(false);
    }
    let mut sql = Client::connect(&places.database_socket(), SQL_LIMIT).await?;
    forget_if_changed(places, &mut sql).await
}

/// Gives the account `admin` the new `password`, unlocks it, and keeps the password until somebody changes it.
///
/// # Errors
/// [`AdminError`].
pub async fn reset(places: &Places, sql: &mut Client, password: &str) -> Result<(), AdminError> {
    let rows: Vec<(u64,)> = sql
        .rows("SELECT user_id FROM openmrs.users WHERE system_id = 'admin'")
        .await?;
    let (user,) = rows.into_iter().next().ok_or(AdminError::NoAccount)?;
    let mut random = [0u8; 64];
    getrandom::fill(&mut random)?;
    let salt = hex::encode(random);
    let values = vec![hashed(password, &salt).into(), salt.into(), user.into()];
    sql.run_with(
        "UPDATE openmrs.users SET password = ?, salt = ? WHERE user_id = ?",
        values,
    )
    .await?;
    // OpenMRS locks an account after failed logins (its UserDAO's properties); a reset is asked for just then.
    sql.run_with(
        "DELETE FROM openmrs.user_property WHERE user_id = ? AND property IN ('loginAttempts', 'lockoutTimestamp')",
        vec![user.into()],
    )
    .await?;
    Ok(durable::write(
        &places.admin_password(),
        password.as_bytes(),
        Owner::mode(0o600),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmrs_own_default_admin_is_recognised() {
        // The row that OpenMRS's own first changeset inserts for admin / test.
        let hash = "4a1750c8607d0fa237de36c6305715c223415189";
        let salt = "c788c6ad82a157b712392ca695dfcf2eed193d7f";
        assert!(
            !matches("test", salt, hash),
            "that row is SHA-1, replaced at the first login"
        );
        assert!(matches("test", salt, &hashed("test", salt).to_uppercase()));
        assert!(!matches("Test", salt, &hashed("test", salt)));
        assert_eq!(hashed("a", "b"), hex::encode(Sha512::digest("ab")));
    }
}
