//! The kernel's random numbers. getrandom waits until the kernel has gathered enough, also at a first boot.

/// One letter, each as likely as the others. The alphabet has 1 to 256 ASCII letters.
///
/// # Errors
/// When the kernel gives no random numbers.
pub fn one_of(alphabet: &[u8]) -> Result<char, getrandom::Error> {
    // Bytes past the last whole multiple would favour the first letters.
    let fair = 256 - 256 % alphabet.len();
    loop {
        let mut byte = [0u8];
        getrandom::fill(&mut byte)?;
        let number = usize::from(byte[0]);
        if let Some(letter) = (number < fair)
            .then(|| alphabet.get(number % alphabet.len()))
            .flatten()
        {
            return Ok(char::from(*letter));
        }
    }
}

/// Any number.
///
/// # Errors
/// When the kernel gives no random numbers.
pub fn number() -> Result<u64, getrandom::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_comes_and_no_other() {
        let all: std::collections::BTreeSet<char> =
            (0..2000).map(|_| one_of(b"0123456789").unwrap()).collect();
        assert_eq!(all, ('0'..='9').collect());
    }
}
