//! What every new database of the box begins with, the live one and an import's: system tables, OpenMRS's account.

use std::ffi::OsString;
use std::path::Path;

use super::server::{ACCOUNT, DATABASE};
use crate::system::process::Invocation;

/// mariadb-install-db for the empty `directory`. Root comes in by the unix socket only.
#[must_use]
pub fn install(program: &Path, directory: &Path, scratch: &Path) -> Invocation {
    Invocation::new(program)
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
}

/// The statements that make OpenMRS's database, with `default` (`CHARACTER SET ...`), and its account. By socket the
/// server sees `localhost`, by TCP `127.0.0.1` (it resolves no names).
#[must_use]
pub fn account(password: &str, default: &str) -> Vec<String> {
    let mut all = vec![format!("CREATE DATABASE {DATABASE} {default}")];
    for account in accounts() {
        all.push(format!("CREATE USER {account} {}", by(password)));
        all.push(grant(&account));
    }
    all
}

/// The statements that give OpenMRS's account of a database from elsewhere this box's `password`, and make it where it is not
/// there. Other rights that it has stay.
#[must_use]
pub fn account_again(password: &str) -> Vec<String> {
    let mut all = Vec::new();
    for account in accounts() {
        all.push(format!("CREATE USER IF NOT EXISTS {account}"));
        all.push(format!(
            "ALTER USER {account} {} ACCOUNT UNLOCK",
            by(password)
        ));
        all.push(grant(&account));
    }
    all
}

fn accounts() -> [String; 2] {
    ["localhost", "127.0.0.1"].map(|host| format!("'{ACCOUNT}'@'{host}'"))
}

fn by(password: &str) -> String {
    // The password is our own, of letters and digits; escaped all the same.
    let password = password.replace('\\', "\\\\").replace('\'', "''");
    format!("IDENTIFIED BY '{password}'")
}

fn grant(account: &str) -> String {
    format!("GRANT ALL PRIVILEGES ON {DATABASE}.* TO {account}")
}

/// `--name=path`.
#[must_use]
pub fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(format!("--{name}="));
    option.push(path);
    option
}
