//! Which release this root is: `/usr/lib/posto/release.json`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the root carries its identity.
pub const PATH: &str = "/usr/lib/posto/release.json";

/// Longest identity file read, bytes: a real one has about 200.
pub const SIZE_LIMIT_BYTES: usize = 64 * 1024;

/// The identity of one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseIdentity {
    /// Release name, for example `2026.11-1`; the same word as `posto.release=` on the kernel line.
    pub release: String,
    /// When it was built (the build's SOURCE_DATE_EPOCH), seconds since 1970 UTC. The clock's floor on a box with a dead RTC.
    pub built: u64,
    /// The distro inside.
    pub distro: Distro,
}

/// The OpenMRS distro that the release carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distro {
    /// Name, for example `openmrs-platform`.
    pub name: String,
    /// Version, for example `2.8.9`.
    pub version: String,
    /// True where the web application is the project's stand-in and not OpenMRS.
    pub stand_in: bool,
}

/// Why an identity could not be read.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// Longer than [`SIZE_LIMIT_BYTES`].
    #[error(
        "the release identity has {0} bytes, more than the {SIZE_LIMIT_BYTES} that are read; this root was not made by posto-image"
    )]
    TooLong(usize),
    /// Not the JSON that is expected.
    #[error("the release identity is not readable: {0}; this root was not made by posto-image")]
    Json(#[from] serde_json::Error),
    /// The release's name cannot stand on the kernel line.
    #[error("the release name is not usable: {0}")]
    Name(#[from] crate::kernel_line::KernelLineError),
}

impl ReleaseIdentity {
    /// Reads the JSON text of [`PATH`].
    ///
    /// # Errors
    /// When it is too long, is not that JSON, or its name cannot stand on the kernel line.
    pub fn from_json(text: &[u8]) -> Result<Self, IdentityError> {
        if text.len() > SIZE_LIMIT_BYTES {
            return Err(IdentityError::TooLong(text.len()));
        }
        let identity: Self = serde_json::from_slice(text)?;
        crate::kernel_line::ReleaseName::parse(&identity.release)?;
        Ok(identity)
    }

    /// The JSON text of [`PATH`], the same bytes for the same identity.
    ///
    /// # Errors
    /// Never in practice: every field is plain text or a number.
    pub fn to_json(&self) -> Result<Vec<u8>, IdentityError> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_reads_back_what_was_written() {
        let identity = ReleaseIdentity {
            release: "2026.11-1".into(),
            built: 1_795_305_600,
            distro: Distro {
                name: "stand-in".into(),
                version: "1".into(),
                stand_in: true,
            },
        };
        let text = identity.to_json().unwrap();
        assert_eq!(ReleaseIdentity::from_json(&text).unwrap(), identity);
    }

    #[test]
    fn a_release_name_with_a_space_is_refused() {
        let text =
            br#"{"release":"a b","built":1,"distro":{"name":"x","version":"1","stand_in":false}}"#;
        assert!(matches!(
            ReleaseIdentity::from_json(text),
            Err(IdentityError::Name(_))
        ));
    }
}
