//! A new, empty database: system tables, OpenMRS's account, and nobody else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::database::founding::{self, option};
use crate::database::server::{self, MYSQL_ID};
use crate::system::process::{Invocation, ProcessError};

/// Making the system tables takes 3 s on an SSD; an old disk at 120 IOPS needs minutes.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// MariaDB's programs.
#[derive(Debug, Clone)]
pub struct Tools {
    /// mariadb-install-db.
    pub install: PathBuf,
    /// mariadbd.
    pub server: PathBuf,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            install: server::INSTALL.into(),
            server: server::SERVER.into(),
        }
    }
}

/// Why no database came to be.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A program failed.
    #[error("{0}")]
    Process(#[from] ProcessError),
    /// They were content, but the files are not there.
    #[error("{} is missing after the database was made", .0)]
    Incomplete(String),
}

/// Makes the database in the empty `directory`, which belongs to mysql. Root comes in by the unix socket only;
/// `password` (letters and digits) is OpenMRS's. `scratch` is for temporary files: a server that starts removes those
/// of every other one in the same place, even while they are in use (seen).
pub(super) fn make(
    directory: &Path,
    scratch: &Path,
    password: &str,
    tools: &Tools,
) -> Result<(), MakeError> {
    founding::install(&tools.install, directory, scratch)
        .as_user(MYSQL_ID)
        .run(LIMIT)?;
    Invocation::new(&tools.server)
        .arg("--no-defaults")
        .arg("--bootstrap")
        .arg(option("datadir", directory))
        .arg(option("tmpdir", scratch))
        .args(["--skip-networking", "--log-warnings=0"])
        .as_user(MYSQL_ID)
        .input(accounts(password))
        .run(LIMIT)?;
    server::looks_like_data(directory).map_err(MakeError::Incomplete)
}

/// One statement a line: bootstrap reads it so.
fn accounts(password: &str) -> String {
    let before = [
        "FLUSH PRIVILEGES",
        "DROP USER IF EXISTS ''@'localhost'",
        "DROP DATABASE IF EXISTS test",
    ];
    let own = founding::account(password, "CHARACTER SET utf8mb4");
    before
        .into_iter()
        .map(str::to_string)
        .chain(own)
        .map(|statement| statement + ";\n")
        .collect()
}
