//! MariaDB's server: programs, units, users and time limits.

use std::path::Path;
use std::time::Duration;

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
