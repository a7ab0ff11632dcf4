//! MariaDB's server: programs, units, users and time limits.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// The server program.
pub const SERVER: &str = "/usr/sbin/mariadbd";
/// Makes a new data directory.
pub const INSTALL: &str = "/usr/bin/mariadb-install-db";
/// Its settings in the image.
pub const SETTINGS: &str = "/etc/posto/mariadb.cnf";
/// The unit of the live server.
pub const UNIT: &str = "mariadb.service";
/// The unit of OpenMRS, which must be stopped before the database and started after it.
pub const OPENMRS_UNIT: &str = "openmrs.service";
/// The database's name.
pub const DATABASE: &str = "openmrs";
/// The account OpenMRS uses.
pub const ACCOUNT: &str = "openmrs";
/// uid = gid of MariaDB; fixed because data outlives releases.
pub const MYSQL_ID: u32 = 811;
/// uid = gid of the parts of posto that need no root.
pub const POSTO_ID: u32 = 813;
/// uid = gid of OpenMRS.
pub const OPENMRS_ID: u32 = 810;
/// A clean stop writes back the whole buffer pool: minutes on an old disk (120 IOPS).
pub const STOP_LIMIT: Duration = Duration::from_secs(900);
/// A start includes crash recovery.
pub const START_LIMIT: Duration = Duration::from_secs(900);

/// A start that the server refused and that was made possible ([`super::refusal`]): the next one will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mended {
    /// When, as time since boot, in milliseconds.
    pub since_boot_ms: u64,
    /// Prepared transactions that it refused to decide.
    pub transactions: u64,
}

/// Leaves it for whoever had the server started.
///
/// # Errors
/// [`DurableError`].
pub fn note_mended(places: &Places, mended: &Mended) -> Result<(), DurableError> {
    let text = serde_json::to_vec(mended).unwrap_or_default();
    durable::write(&places.database_mended(), &text, Owner::mode(0o644))
}

/// Whether a start of the server was mended after `since_boot`.
#[must_use]
pub fn was_mended_after(places: &Places, since_boot: Duration) -> bool {
    durable::read(&places.database_mended(), 4096)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice::<Mended>(&bytes).ok())
        .is_some_and(|mended| Duration::from_millis(mended.since_boot_ms) >= since_boot)
}

/// Whether `directory` is a MariaDB data directory with its system tables and InnoDB's system file: the files without
/// which the server would begin anew or refuse. Says what is missing.
///
/// # Errors
/// The first thing that is missing, as a path relative to `directory`.
pub fn looks_like_data(directory: &Path) -> Result<(), String> {
    const NEEDED: [&str; 4] = ["ibdata1", "mysql", "mysql/global_priv.frm", "ib_logfile0"];
    for name in NEEDED {
        let path = directory.join(name);
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() || found.len() > 0 => {}
            Ok(_) => return Err(format!("{name} (it is empty)")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(name.to_string());
            }
            Err(error) => return Err(format!("{name} ({error})")),
        }
    }
    Ok(())
}
