//! Before every start of OpenMRS: its database answers, its files are there, the distro is laid out, and a first
//! installation gets its script.

use std::time::Duration;

use crate::alarms::{self, Alarm, Source};
use crate::database::client::{Client, SqlError};
use crate::database::heartbeat;
use crate::database::server::{ACCOUNT, DATABASE, OPENMRS_ID};
use crate::openmrs::properties;
use crate::places::Places;
use crate::snapshot::restore;
use crate::snapshot::restore::exchange::FinishError;
use crate::snapshot::restore::mends::MendError;
use crate::system::clock;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::log::log;
use crate::system::process::{Invocation, ProcessError};

/// InnoDB's crash recovery on an old disk takes minutes; systemd gives this unit 20.
const DATABASE_LIMIT: Duration = Duration::from_secs(15 * 60);
const DATABASE_PAUSE: Duration = Duration::from_millis(250);
const SQL_LIMIT: Duration = Duration::from_secs(60);
/// A distro's files from a slow disk to a slow disk.
const LAY_LIMIT: Duration = Duration::from_secs(10 * 60);

/// How OpenMRS is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// On its own database.
    Normal,
    /// As a first installation into an empty database.
    Install,
    /// Not at all: its files are missing while the box is past its installation.
    FilesMissing,
}

/// Decides by the mark of a first installation and by OpenMRS's own settings file. An empty database without the
/// mark is still somebody's: nothing is installed over it.
#[must_use]
pub fn decide(install_pending: bool, settings_finished: bool) -> Start {
    match (settings_finished, install_pending) {
        (true, _) => Start::Normal,
        (false, true) => Start::Install,
        (false, false) => Start::FilesMissing,
    }
}

/// Why OpenMRS cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The guard refused.
    #[error("the database stays down: {}", .0.en)]
    Guarded(Alarm),
    /// The database.
    #[error("{0}; OpenMRS is not started, since it would never recover without a database")]
    Sql(#[from] SqlError),
    /// A file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// A restore before this start.
    #[error("{0}; OpenMRS is not started on it")]
    Restore(#[from] FinishError),
    /// What a restored database needs first.
    #[error("{0}; OpenMRS is not started on the restored database")]
    Mend(#[from] MendError),
    /// A secret is missing.
    #[error("{0} is missing; OpenMRS cannot be installed without it")]
    Secret(String),
    /// Laying out.
    #[error("{0}")]
    Lay(#[from] ProcessError),
    /// Files missing.
    #[error(
        "openmrs-runtime.properties is missing or empty while the database is there; restore OpenMRS's files"
    )]
    FilesMissing,
}

impl PrepareError {
    /// What the screen says; `None` where another alarm says it already.
    #[must_use]
    pub fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Guarded(_) => None,
            Self::FilesMissing => Some(Alarm::new("openmrs-files-missing", &[])),
            other => Some(Alarm::new(
                "openmrs-prepare",
                &[("reason", other.to_string().into())],
            )),
        }
    }
}

/// Prepares a start.
///
/// # Errors
/// [`PrepareError`]: OpenMRS must not be started.
pub async fn run(places: &Places) -> Result<Start, PrepareError> {
    let mut sql = answering_database(places).await?;
    // For the watcher, which can wait: the daemon makes it, too, when it is missing.
    if let Err(error) = heartbeat::make_with(&mut sql).await {
        log(&format!("the watcher's account was not made: {error}"));
    }
    // From here on people may enter records.
    restore::exchange::confirm(places)?;
    restore::mends::apply(places, &mut sql).await?;
    let settings =
        durable::read(&places.runtime_properties(), properties::LIMIT_BYTES)?.unwrap_or_default();
    // Java writes the file byte by byte in Latin-1; keys and what is looked at are ASCII.
    let settings = String::from_utf8_lossy(&settings);
    let start = decide(
        places.install_pending().exists(),
        properties::is_finished(&settings),
    );
    match start {
        Start::FilesMissing => return Err(PrepareError::FilesMissing),
        Start::Normal => {
            durable::remove(&places.install())?;
            durable::write(&places.openmrs_environment(), b"", Owner::mode(0o644))?;
        }
        Start::Install => prepare_installation(places, &mut sql).await?,
    }
    // As openmrs, in a program of its own: root must not follow links in a directory that OpenMRS can write.
    Invocation::new("/proc/self/exe")
        .args(["unit", "openmrs-lay"])
        .as_user(OPENMRS_ID)
        .run(LAY_LIMIT)?;
    Ok(start)
}

async fn answering_database(places: &Places) -> Result<Client, PrepareError> {
    let begun = clock::since_boot();
    loop {
        if let Some(alarm) = alarms::standing_of(places, Source::Guard) {
            return Err(PrepareError::Guarded(alarm));
        }
        match Client::connect(&places.database_socket(), SQL_LIMIT).await {
            Ok(client) => return Ok(client),
            Err(error) if clock::since_boot().saturating_sub(begun) > DATABASE_LIMIT => {
                return Err(error.into());
            }
            Err(_) => tokio::time::sleep(DATABASE_PAUSE).await,
        }
    }
}

/// Only under the mark of a first installation: nothing was ever entered, so a half-made schema is thrown away.
async fn prepare_installation(places: &Places, sql: &mut Client) -> Result<(), PrepareError> {
    sql.run(&format!("DROP DATABASE IF EXISTS {DATABASE}"))
        .await?;
    sql.run(&format!("CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4"))
        .await?;
    durable::remove(&places.runtime_properties())?;
    let database_password = secret(&places.database_password())?;
    let admin_password = secret(&places.admin_password())?;
    durable::directory(&places.install(), Owner::user(OPENMRS_ID, 0o700))?;
    let script = script(&database_password, &admin_password);
    durable::write(
        &places.install_script(),
        script.as_bytes(),
        Owner::user(OPENMRS_ID, 0o600),
    )?;
    let environment =
        "OPENMRS_INSTALL=-DOPENMRS_INSTALLATION_SCRIPT=/run/posto/install/install.properties\n";
    Ok(durable::write(
        &places.openmrs_environment(),
        environment.as_bytes(),
        Owner::mode(0o644),
    )?)
}

fn secret(path: &std::path::Path) -> Result<String, PrepareError> {
    let bytes = durable::read(path, 1024)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).trim().to_string();
    if text.is_empty() {
        Err(PrepareError::Secret(path.display().to_string()))
    } else {
        Ok(text)
    }
}

/// The answers to OpenMRS's installation wizard. The passwords are letters, digits and dashes: nothing to escape.
fn script(database_password: &str, admin_password: &str) -> String {
    format!(
        "install_method=auto\n\
         connection.driver_class=org.mariadb.jdbc.Driver\n\
         connection.url=jdbc:mariadb://127.0.0.1:3306/{DATABASE}\n\
         connection.username={ACCOUNT}\n\
         connection.password={database_password}\n\
         database_name={DATABASE}\n\
         has_current_openmrs_database=true\n\
         create_database_user=false\n\
         create_tables=true\n\
         add_demo_data=false\n\
         auto_update_database=true\n\
         module_web_admin=false\n\
         admin_user_password={admin_password}\n"
    )
}

/// Migration at start stays on: release and data move together. Run as openmrs, beside the laying out.
///
/// # Errors
/// [`DurableError`]; the settings are as before.
pub fn keep_migration_on(places: &Places) -> Result<(), DurableError> {
    let path = places.runtime_properties();
    let Some(bytes) = durable::read(&path, properties::LIMIT_BYTES)? else {
        return Ok(());
    };
    // Bytes that are not UTF-8 (Latin-1 in a comment) must survive: then the file is left alone.
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(());
    };
    if properties::get(&text, "auto_update_database").as_deref() == Some("true") {
        return Ok(());
    }
    let text = properties::with(&text, "auto_update_database", "true");
    durable::write(&path, text.as_bytes(), Owner::mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ever_installed_without_the_mark() {
        assert_eq!(decide(false, false), Start::FilesMissing);
        assert_eq!(decide(false, true), Start::Normal);
        assert_eq!(decide(true, false), Start::Install);
    }

    #[test]
    fn an_installation_that_wrote_its_settings_is_started_not_repeated() {
        assert_eq!(decide(true, true), Start::Normal);
    }

    #[test]
    fn the_script_is_read_back_by_a_properties_reader() {
        let text = script("dbpass", "Abc-def-1");
        assert_eq!(
            properties::get(&text, "connection.url").unwrap(),
            "jdbc:mariadb://127.0.0.1:3306/openmrs"
        );
        assert_eq!(
            properties::get(&text, "admin_user_password").unwrap(),
            "Abc-def-1"
        );
    }
}
