//! Who may look: users with passwords, their sessions, tokens for programs. `access.sqlite`, apart from the frames, so that a login
//! never waits for them. Secrets are kept as SHA-256 only: they are 256 random bits.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::password::{self, PasswordError};

/// How long a session lasts, seconds: a working day.
pub const SESSION_S: u64 = 12 * 3600;
/// More sessions than these are not kept: the oldest go.
const SESSIONS: u32 = 2_000;
const BUSY: Duration = Duration::from_secs(5);

/// Why something about access could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// SQLite's answer.
    #[error("{path} cannot be used: {source}; nothing was changed")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The password.
    #[error("{0}")]
    Password(#[from] PasswordError),
    /// The kernel's random numbers.
    #[error("no random numbers: {0}; nothing was changed")]
    Random(#[from] getrandom::Error),
    /// A name that cannot be.
    #[error("'{0}' is no name: 1 to 40 small letters, digits, dots and dashes")]
    Name(String),
    /// There is none of that name.
    #[error("there is no '{0}'")]
    Unknown(String),
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// As typed at the login.
    pub name: String,
    /// Whether boxes may be approved, too.
    pub approves: bool,
}

/// A session that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user: User,
    /// What every form of it carries.
    pub form_token: String,
}

/// The open file.
#[derive(Debug)]
pub struct Access {
    connection: Connection,
    path: PathBuf,
}

impl Access {
    /// Opens it in the directory `data`, or makes it.
    ///
    /// # Errors
    /// [`AccessError::Sqlite`].
    pub fn open(data: &Path) -> Result<Self, AccessError> {
        let path = data.join("access.sqlite");
        let opened = (|| {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY)?;
            connection.execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-256; PRAGMA foreign_keys=ON;
                 CREATE TABLE IF NOT EXISTS user (
                   name TEXT PRIMARY KEY, hash TEXT NOT NULL, approves INTEGER NOT NULL) STRICT;
                 CREATE TABLE IF NOT EXISTS session (
                   hash BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES user(name) ON DELETE CASCADE,
                   form_token TEXT NOT NULL, ends_s INTEGER NOT NULL) STRICT;
                 CREATE TABLE IF NOT EXISTS token (name TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE) STRICT;",
            )?;
            Ok(connection)
        })();
        match opened {
            Ok(connection) => Ok(Self { connection, path }),
            Err(source) => Err(AccessError::Sqlite { path, source }),
        }
    }

    /// Adds a user, or gives one a new password; standing sessions of that name end.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn set_user(&mut self, user: &User, password: &str) -> Result<(), AccessError> {
        check_name(&user.name)?;
        let hash = password::hashed(password)?;
        let done = (|| {
            let change = self.connection.transaction()?;
            change.execute("DELETE FROM session WHERE user = ?1", [&user.name])?;
            change.execute(
                "INSERT INTO user (name, hash, approves) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, approves = excluded.approves",
                params![user.name, hash, user.approves],
            )?;
            change.commit()
        })();
        done.map_err(|source| self.failed(source))
    }

    /// Removes a user with all sessions.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn remove_user(&self, name: &str) -> Result<(), AccessError> {
        self.remove("DELETE FROM user WHERE name = ?1", name)
    }

    /// All users by name.
    ///
    /// # Errors
    /// [`AccessError::Sqlite`].
    pub fn users(&self) -> Result<Vec<User>, AccessError> {
        let list = || {
            let mut query = self
                .connection
                .prepare("SELECT name, approves FROM user ORDER BY name")?;
            let users = query.query_map([], |row| {
                Ok(User {
                    name: row.get(0)?,
                    approves: row.get(1)?,
                })
            })?;
            users.collect::<Result<_, _>>()
        };
        list().map_err(|source| self.failed(source))
    }

    /// The kept hash of a user's password.
    ///
    /// # Errors
    /// [`AccessError::Sqlite`].
    pub fn password_hash(&self, name: &str) -> Result<Option<String>, AccessError> {
        self.connection
            .query_row("SELECT hash FROM user WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|source| self.failed(source))
    }

    /// Begins a session of a user whose password was right; its secret, for the cookie.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn begin_session(&mut self, name: &str, now_s: u64) -> Result<String, AccessError> {
        let secret = secret()?;
        let form_token = self::secret()?;
        let done = (|| {
            let change = self.connection.transaction()?;
            change.execute("DELETE FROM session WHERE ends_s <= ?1", [now_s])?;
            change.execute(
                "DELETE FROM session WHERE hash IN (SELECT hash FROM session ORDER BY ends_s DESC LIMIT -1 OFFSET ?1)",
                [SESSIONS - 1],
            )?;
            change.execute(
                "INSERT INTO session (hash, user, form_token, ends_s) VALUES (?1, ?2, ?3, ?4)",
                params![
                    hash(&secret),
                    name,
                    form_token,
                    now_s.saturating_add(SESSION_S)
                ],
            )?;
            change.commit()
        })();
        done.map_err(|source| self.failed(source))?;
        Ok(secret)
    }

    /// The session behind a cookie's secret, if it stands.
    ///
    /// # Errors
    /// [`AccessError::Sqlite`].
    pub fn session(&self, secret: &str, now_s: u64) -> Result<Option<Session>, AccessError> {
        self.connection
            .query_row(
                "SELECT user.name, user.approves, session.form_token FROM session JOIN user ON user.name = session.user
                 WHERE session.hash = ?1 AND session.ends_s > ?2",
                params![hash(secret), now_s],
                |row| {
                    Ok(Session {
                        user: User {
                            name: row.get(0)?,
                            approves: row.get(1)?,
                        },
                        form_token: row.get(2)?,
                    })
                },
            )
            .optional()
            .map_err(|source| self.failed(source))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`AccessError::Sqlite`].
    pub fn end_session(&self, secret: &str) -> Result<(), AccessError> {
        self.connection
            .execute("DELETE FROM session WHERE hash = ?1", [hash(secret)])
            .map(drop)
            .map_err(|source| self.failed(source))
    }

    /// Makes a token for a program (Prometheus, a script) and gives it, the only time.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn set_token(&self, name: &str) -> Result<String, AccessError> {
        check_name(name)?;
        let secret = secret()?;
        self.connection
            .execute(
                "INSERT INTO token (name, hash) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET hash = excluded.hash",
                params![name, hash(&secret)],
            )
            .map_err(|source| self.failed(source))?;
        Ok(secret)
    }

    /// Whether this is a token that stands.
    ///
    /// # Errors
    /// [`AccessError::Sqlite`].
    pub fn is_token(&self, secret: &str) -> Result<bool, AccessError> {
        self.connection
            .query_row(
                "SELECT count(*) FROM token WHERE hash = ?1",
                [hash(secret)],
                |row| row.get(0),
            )
            .map(|count: u32| count > 0)
            .map_err(|source| self.failed(source))
    }

    /// Removes a token.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn remove_token(&self, name: &str) -> Result<(), AccessError> {
        self.remove("DELETE FROM token WHERE name = ?1", name)
    }

    fn remove(&self, statement: &str, name: &str) -> Result<(), AccessError> {
        match self.connection.execute(statement, [name]) {
            Ok(0) => Err(AccessError::Unknown(name.chars().take(60).collect())),
            Ok(_) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn failed(&self, source: rusqlite::Error) -> AccessError {
        AccessError::Sqlite {
            path: self.path.clone(),
            source,
        }
    }
}

/// Whether two secrets are the same; by their hashes, so that the time tells nothing of them.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    hash(one) == hash(other)
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 256 random bits as 43 letters.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn check_name(name: &str) -> Result<(), AccessError> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    if (1..=40).contains(&name.len()) && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(AccessError::Name(name.chars().take(60).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> (tempfile::TempDir, Access) {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        (dir, access)
    }

    fn ana(approves: bool) -> User {
        User {
            name: "ana".to_string(),
            approves,
        }
    }

    #[test]
    fn a_session_stands_for_half_a_day_and_ends_with_its_user_or_password() {
        let (_dir, mut access) = access();
        access.set_user(&ana(true), "mangueira-azul").unwrap();
        let secret = access.begin_session("ana", 1000).unwrap();
        let session = access.session(&secret, 1001).unwrap().unwrap();
        assert_eq!(session.user, ana(true));
        assert_ne!(session.form_token, secret);
        assert_eq!(access.session(&secret, 1000 + SESSION_S).unwrap(), None);
        assert_eq!(access.session("x", 1001).unwrap(), None);
        access.set_user(&ana(false), "mangueira-verde").unwrap();
        assert_eq!(access.session(&secret, 1001).unwrap(), None);
        let secret = access.begin_session("ana", 1000).unwrap();
        access.end_session(&secret).unwrap();
        assert_eq!(access.session(&secret, 1001).unwrap(), None);
        let secret = access.begin_session("ana", 1000).unwrap();
        access.remove_user("ana").unwrap();
        assert_eq!(access.session(&secret, 1001).unwrap(), None);
        assert!(matches!(
            access.remove_user("ana"),
            Err(AccessError::Unknown(_))
        ));
        assert!(access.begin_session("ana", 1000).is_err());
    }

    #[test]
    fn sessions_do_not_pile_up() {
        let (_dir, mut access) = access();
        access.set_user(&ana(true), "mangueira-azul").unwrap();
        access
            .connection
            .execute_batch("PRAGMA synchronous=OFF")
            .unwrap();
        for now_s in 0..u64::from(SESSIONS) + 50 {
            access.begin_session("ana", 1000 + now_s / 100).unwrap();
        }
        let count: u32 = access
            .connection
            .query_row("SELECT count(*) FROM session", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, SESSIONS);
    }

    #[test]
    fn the_file_holds_no_secret_and_a_token_is_known_until_it_is_removed() {
        let (dir, mut access) = access();
        access.set_user(&ana(true), "mangueira-azul").unwrap();
        let session = access.begin_session("ana", 1000).unwrap();
        let token = access.set_token("prometheus").unwrap();
        assert!(access.is_token(&token).unwrap());
        assert!(!access.is_token(&session).unwrap());
        access
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        let file = std::fs::read(dir.path().join("access.sqlite")).unwrap();
        for secret in [&session, &token, &"mangueira-azul".to_string()] {
            assert!(memchr::memmem::find(&file, secret.as_bytes()).is_none());
        }
        access.remove_token("prometheus").unwrap();
        assert!(!access.is_token(&token).unwrap());
        for name in ["", "Ana", "a b", &"a".repeat(41)] {
            assert!(access.set_token(name).is_err(), "{name}");
        }
    }
}
