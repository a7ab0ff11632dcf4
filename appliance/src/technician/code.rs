//! The code itself: twelve digits in three groups. Digits are on every keyboard where they are expected and are said over
//! the phone in any language; 40 bits, against five attempts and then waits.

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::system::random::one_of;

const DIGITS: usize = 12;
const GROUP: usize = 4;
/// Argon2id, OWASP's second choice: 19 MiB, twice. The screen's unit has 64 MiB.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const SALT_BYTES: usize = 16;

/// Why no code or no hash could be made.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The kernel's random numbers.
    #[error("no random numbers: {0}; no code was made")]
    Random(#[from] getrandom::Error),
    /// Argon2.
    #[error("the code could not be hashed: {0}; the code before stands")]
    Hash(String),
}

/// A new code, `1234-5678-9012`.
pub(super) fn make() -> Result<String, CodeError> {
    let mut code = String::new();
    for position in 0..DIGITS {
        if position > 0 && position % GROUP == 0 {
            code.push('-');
        }
        code.push(one_of(b"0123456789")?);
    }
    Ok(code)
}

/// What is kept of `code`: a PHC string.
pub(super) fn hashed(code: &str) -> Result<String, CodeError> {
    let failed = |error: &dyn std::fmt::Display| CodeError::Hash(error.to_string());
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| failed(&error))?;
    let mut salt = [0u8; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(digits(code).as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| failed(&error))
}

/// Whether `typed`, however grouped, is the code behind `hash`. A hash that cannot be read fits nothing.
pub(super) fn is_right(typed: &str, hash: &str) -> bool {
    let typed = digits(typed);
    typed.len() == DIGITS
        && Argon2::default()
            .verify_password(typed.as_bytes(), hash)
            .is_ok()
}

fn digits(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_digit)
        .take(DIGITS + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_twelve_digits_in_groups_and_never_the_same() {
        let all: std::collections::BTreeSet<String> = (0..200).map(|_| make().unwrap()).collect();
        assert_eq!(all.len(), 200);
        for code in &all {
            let groups: Vec<&str> = code.split('-').collect();
            assert_eq!(groups.len(), 3, "{code}");
            for group in groups {
                assert!(group.len() == 4 && group.bytes().all(|b| b.is_ascii_digit()));
            }
        }
        for digit in '0'..='9' {
            assert!(all.iter().any(|code| code.contains(digit)));
        }
    }

    #[test]
    fn a_hash_is_salted_and_fits_one_code_only() {
        let hash = hashed("1234-5678-9012").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_ne!(hash, hashed("1234-5678-9012").unwrap());
        assert!(is_right("1234 5678 9012", &hash));
        for wrong in ["1234-5678-9013", "", "1234-5678-90129", "12345678901"] {
            assert!(!is_right(wrong, &hash), "{wrong}");
        }
        assert!(!is_right("1234-5678-9012", "$argon2id$garbage"));
    }
}
