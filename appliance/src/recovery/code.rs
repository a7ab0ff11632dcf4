//! The recovery code: twenty digits in five groups, 66 bits, and the identity behind it as an age file. A stick is lost where
//! nobody counts attempts: the technician's twelve digits (40 bits) would be found in weeks of rented machines, these in none.

use age::secrecy::{ExposeSecret, SecretString};
use age::x25519::Identity;

use super::RecoveryError;
use crate::system::random::one_of;

const DIGITS: usize = 20;
const GROUP: usize = 4;
/// Sealed identities and identity files are a few hundred bytes.
pub const SEALED_LIMIT_BYTES: u64 = 16 * 1024;
/// More work than this is not done for a file from elsewhere: 22 are 4 GiB of memory.
const WORK_LIMIT: u8 = 18;

/// A new code, `1234-5678-9012-3456-7890`.
pub(super) fn make() -> Result<String, getrandom::Error> {
    let mut code = String::new();
    for position in 0..DIGITS {
        if position > 0 && position % GROUP == 0 {
            code.push('-');
        }
        code.push(one_of(b"0123456789")?);
    }
    Ok(code)
}

/// As the code is typed for the stock tool: digits in groups of four, dashes between them.
fn canonical(typed: &str) -> SecretString {
    let digits: Vec<char> = typed
        .chars()
        .filter(char::is_ascii_digit)
        .take(DIGITS + 1)
        .collect();
    let groups: Vec<String> = digits
        .chunks(GROUP)
        .map(|group| group.iter().collect())
        .collect();
    SecretString::from(groups.join("-"))
}

/// The identity behind the code, armoured: `age -d recovery.key` asks for the code and gives it.
pub(super) fn seal(
    identity: &Identity,
    code: &str,
    work_factor: u8,
) -> Result<String, age::EncryptError> {
    let mut recipient = age::scrypt::Recipient::new(canonical(code));
    recipient.set_work_factor(work_factor);
    let text = format!("{}\n", identity.to_string().expose_secret());
    age::encrypt_and_armor(&recipient, text.as_bytes())
}

pub(super) fn open(sealed: &[u8], typed: &str) -> Result<Identity, RecoveryError> {
    let not_sealed = |why: &dyn std::fmt::Display| RecoveryError::NotSealed(why.to_string());
    let mut key = age::scrypt::Identity::new(canonical(typed));
    key.set_max_work_factor(WORK_LIMIT);
    let text = age::decrypt(&key, sealed).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            RecoveryError::WrongCode
        }
        // Said here: the crate's own words subtract what this machine could do from what is asked for, and panic on a fast one.
        age::DecryptError::ExcessiveWork { required, .. } => not_sealed(&format!(
            "it asks for 2^{required} rounds of work, more than 2^{WORK_LIMIT}"
        )),
        other => not_sealed(&other),
    })?;
    String::from_utf8_lossy(&text)
        .trim()
        .parse()
        .map_err(|error: &'static str| not_sealed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_twenty_digits_in_groups_and_taken_however_they_are_typed() {
        let code = make().unwrap();
        assert_eq!(code.len(), 24);
        assert_eq!(code.split('-').filter(|group| group.len() == 4).count(), 5);
        for typed in [
            code.replace('-', ""),
            code.replace('-', " "),
            format!(" {code}\n"),
        ] {
            assert_eq!(canonical(&typed).expose_secret(), code);
        }
        assert_ne!(canonical(&format!("{code}1")).expose_secret(), code);
    }

    #[test]
    fn a_file_that_asks_for_gigabytes_of_work_is_refused() {
        let mut greedy = age::scrypt::Recipient::new(canonical("1"));
        greedy.set_work_factor(19);
        let sealed = age::encrypt_and_armor(&greedy, b"x").unwrap();
        assert!(matches!(
            open(sealed.as_bytes(), "1"),
            Err(RecoveryError::NotSealed(_))
        ));
    }
}
