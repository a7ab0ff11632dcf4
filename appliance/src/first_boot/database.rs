//! A new, empty database: system tables, OpenMRS's account, and nobody else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::database::server::{self, ACCOUNT, DATABASE, MYSQL_ID};
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
    Invocation::new(&tools.install)
        .arg("--no-defaults")
        .arg(option("datadir", directory))
        .arg(option("tmpdir", scratch))
        .args([
            "--auth-root-authentication-method=socket",
            // Otherwise the system user mysql, the server itself, would get root's rights in SQL.
            "--auth-root-socket-user=root",
            "--skip-test-db",
            "--skip-name-resolve",
        ])
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

fn option(name: &str, value: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(format!("--{name}="));
    option.push(value);
    option
}

/// One statement a line: bootstrap reads it so. Both hosts: TCP with skip-name-resolve comes from 127.0.0.1, the
/// socket from localhost.
fn accounts(password: &str) -> String {
    let mut sql = format!(
        "FLUSH PRIVILEGES;\n\
         DROP USER IF EXISTS ''@'localhost';\n\
         DROP DATABASE IF EXISTS test;\n\
         CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;\n"
    );
    for host in ["localhost", "127.0.0.1"] {
        sql.push_str(&format!(
            "CREATE USER {ACCOUNT}@'{host}' IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON {DATABASE}.* TO {ACCOUNT}@'{host}';\n"
        ));
    }
    sql
}
