//! Passwords of the hub's users: argon2id, a PHC string each.

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// Argon2id, OWASP's second choice: 19 MiB, twice.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const SALT_BYTES: usize = 16;
/// Fewer letters are guessed.
pub const LEAST_CHARS: usize = 10;
/// More are hashed for nothing.
pub const MOST_BYTES: usize = 200;

/// Why no hash could be made.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error(
        "a password has {LEAST_CHARS} letters at least and {MOST_BYTES} bytes at most; nothing was changed"
    )]
    Length,
    /// The kernel's random numbers.
    #[error("no random numbers: {0}; nothing was changed")]
    Random(#[from] getrandom::Error),
    /// Argon2.
    #[error("the password could not be hashed: {0}; nothing was changed")]
    Hash(String),
}

/// What is kept of `password`.
///
/// # Errors
/// [`PasswordError`].
pub fn hashed(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < LEAST_CHARS || password.len() > MOST_BYTES {
        return Err(PasswordError::Length);
    }
    let failed = |error: &dyn std::fmt::Display| PasswordError::Hash(error.to_string());
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| failed(&error))?;
    let mut salt = [0u8; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| failed(&error))
}

/// Whether `typed` is the password behind `hash`. Without a hash (no such user) the same work is done, so that the time does not tell
/// which names there are.
#[must_use]
pub fn is_right(typed: &str, hash: Option<&str>) -> bool {
    if typed.len() > MOST_BYTES {
        return false;
    }
    // Of a password that nobody has: the hash is not one that argon2 gives for any known input.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let fits = Argon2::default()
        .verify_password(typed.as_bytes(), hash.unwrap_or(NOBODY))
        .is_ok();
    fits && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_only_and_short_ones_are_refused() {
        let hash = hashed("mangueira-azul").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(is_right("mangueira-azul", Some(&hash)));
        assert!(!is_right("mangueira-azuL", Some(&hash)));
        assert!(!is_right("mangueira-azul", None));
        assert!(!is_right("", Some("garbage")));
        assert!(matches!(hashed("curta"), Err(PasswordError::Length)));
        assert!(hashed(&"x".repeat(201)).is_err());
    }
}
