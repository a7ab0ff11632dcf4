//! Passwords from the kernel's random numbers: two boxes flashed from one image must not share a secret.

use crate::system::random::one_of;

/// Letters and digits that cannot be mistaken for one another on a screen or over the phone: no 0 o, 1 l i, 5 s, 8 b.
const CLEAR: &[u8] = b"acdefghjkmnpqrtuvwxyz234679";
const CLEAR_LETTERS: &[u8] = b"acdefghjkmnpqrtuvwxyz";
const CLEAR_DIGITS: &[u8] = b"234679";
const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// 32 letters and digits (190 bits): nobody types it.
pub(super) fn password_for_programs() -> Result<String, getrandom::Error> {
    (0..32).map(|_| one_of(ALL)).collect()
}

/// `Xxxx-xxxx-xxx9`: 54 bits, readable over the phone, with the capital, small letter and digit that OpenMRS asks for.
///
/// # Errors
/// When the kernel gives no random numbers.
pub fn password_for_people() -> Result<String, getrandom::Error> {
    let mut password = String::from(one_of(CLEAR_LETTERS)?.to_ascii_uppercase());
    for position in 1..12 {
        if position % 4 == 0 {
            password.push('-');
        }
        password.push(match position {
            1 => one_of(CLEAR_LETTERS)?,
            11 => one_of(CLEAR_DIGITS)?,
            _ => one_of(CLEAR)?,
        });
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_for_people_pleases_openmrs_and_is_never_the_same() {
        let all: std::collections::BTreeSet<String> =
            (0..200).map(|_| password_for_people().unwrap()).collect();
        assert_eq!(all.len(), 200);
        for password in all {
            assert_eq!(password.len(), 14, "{password}");
            assert!(password.chars().any(|c| c.is_ascii_uppercase()));
            assert!(password.chars().any(|c| c.is_ascii_lowercase()));
            assert!(password.ends_with(|c: char| c.is_ascii_digit()));
            assert!(!password.contains(['0', 'o', '1', 'l', 'i', '5', 's', '8', 'b', ' ', '\\']));
        }
    }

    #[test]
    fn a_password_for_programs_needs_no_quoting_anywhere() {
        let password = password_for_programs().unwrap();
        assert!(password.len() == 32 && password.bytes().all(|b| b.is_ascii_alphanumeric()));
    }
}
