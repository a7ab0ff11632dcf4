//! The hub's own key (Ed25519, RFC 8032): acknowledgements are signed with it, boxes know its public half from the facility file.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;

use crate::box_key::PublicKey;
use crate::system::durable::{self, DurableError, Owner};

/// No honest key file is larger.
const LIMIT_BYTES: u64 = 256;

/// Why there is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum HubKeyError {
    /// The file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// The file holds something else. It is not replaced: all boxes know the old public half.
    #[error(
        "{0} is damaged: nothing can be acknowledged; put its copy back, or remove it and give all facility files the new key"
    )]
    Damaged(PathBuf),
    /// The kernel's random numbers.
    #[error("no random numbers: {0}; no key was made")]
    Random(#[from] getrandom::Error),
}

/// The key in `data`, made there at the first start.
///
/// # Errors
/// [`HubKeyError`]; a key that is there is never replaced.
pub fn ensure(data: &Path) -> Result<SigningKey, HubKeyError> {
    let path = data.join("hub-key");
    if let Some(bytes) = durable::read(&path, LIMIT_BYTES)? {
        return STANDARD
            .decode(bytes.trim_ascii())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|secret| SigningKey::from_bytes(&secret))
            .ok_or(HubKeyError::Damaged(path));
    }
    // Facility files need the public half before the hub runs for the first time.
    super::folder(data)?;
    let mut secret = [0u8; 32];
    getrandom::fill(&mut secret)?;
    let text = format!("{}\n", STANDARD.encode(secret));
    durable::write(&path, text.as_bytes(), Owner::mode(0o600))?;
    Ok(SigningKey::from_bytes(&secret))
}

/// As it stands in facility files: base64 of 32 bytes.
#[must_use]
pub fn public(key: &SigningKey) -> String {
    PublicKey::from(key.verifying_key()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_made_once_for_its_owner_alone_and_a_damaged_one_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("hub");
        let key = ensure(&data).unwrap();
        assert_eq!(public(&ensure(&data).unwrap()), public(&key));
        let path = data.join("hub-key");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&path)), (0o700, 0o600));
        durable::write(&path, b"AAAA", Owner::mode(0o600)).unwrap();
        assert!(matches!(ensure(&data), Err(HubKeyError::Damaged(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"AAAA");
    }
}
