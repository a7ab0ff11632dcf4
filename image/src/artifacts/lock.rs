//! Artifact locks: `image/artifacts.lock` and a distro's `openmrs-distro.lock`. One line each: `<sha256> <bytes> <g:a:v:type>`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::coordinate::Coordinate;

/// What an artifact must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Length in bytes.
    pub length_bytes: u64,
}

/// Pins by coordinate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArtifactLock {
    /// The pins.
    pub pins: BTreeMap<Coordinate, Pin>,
}

/// The lock cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "line {0} is not `<sha256> <bytes> <group:artifact:version:type>`; take the file back from version control or remove it and build with --update-lock"
)]
pub struct ArtifactLockError(usize);

impl ArtifactLock {
    /// Reads a lock.
    ///
    /// # Errors
    /// When a line is not of the form; its number is in the error.
    pub fn parse(text: &str) -> Result<Self, ArtifactLockError> {
        let mut lock = Self::default();
        for (index, line) in text.lines().enumerate() {
            let wrong = || ArtifactLockError(index + 1);
            let fields: Vec<&str> = line.split_whitespace().collect();
            match fields.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                [sha256, length, coordinate] => {
                    if sha256.len() != 64
                        || !sha256
                            .bytes()
                            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                    {
                        return Err(wrong());
                    }
                    let coordinate = Coordinate::parse(coordinate).ok_or_else(wrong)?;
                    let pin = Pin {
                        sha256: (*sha256).to_owned(),
                        length_bytes: length.parse().map_err(|_| wrong())?,
                    };
                    lock.pins.insert(coordinate, pin);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(lock)
    }

    /// The lock's text.
    pub fn text(&self) -> String {
        let mut text =
            "# Written by posto-image: <sha256> <bytes> <group:artifact:version:type>\n".to_owned();
        for (coordinate, pin) in &self.pins {
            let _ = writeln!(text, "{} {} {coordinate}", pin.sha256, pin.length_bytes);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_reads_back_and_a_wrong_line_is_numbered() {
        let line = format!("{} 12 org.x:y:1.0:jar\n", "a".repeat(64));
        let lock = ArtifactLock::parse(&format!("# c\n{line}")).unwrap();
        assert_eq!(ArtifactLock::parse(&lock.text()).unwrap(), lock);
        assert!(
            ArtifactLock::parse(&format!("{line}x 12 a:b:1:jar"))
                .unwrap_err()
                .to_string()
                .contains("line 2")
        );
    }
}
