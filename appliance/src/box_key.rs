//! The box's own key (Ed25519, RFC 8032): what leaves the box is signed with it. Made at the first boot, or at the next one where
//! there is none; the secret half never leaves `/data/secrets`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::health::cose::KeyId;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// No honest key file is larger.
const LIMIT_BYTES: u64 = 256;
/// Of the SHA-256 of the public half: 80 bits, five groups of four digits, short enough to be compared over the phone.
const FINGERPRINT_BYTES: usize = 10;
const GROUP: usize = 4;

/// Why there is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum BoxKeyError {
    /// The file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// There is none.
    #[error("this box has no key of its own yet; it is made at the next start of the box")]
    Missing,
    /// The file holds something else. It is not replaced: other boxes know the old public half.
    #[error(
        "{0} is damaged: nothing can be signed; remove it and restart the box for a new key, then tell the facility files of the other boxes"
    )]
    Damaged(std::path::PathBuf),
    /// The kernel's random numbers.
    #[error("no random numbers: {0}; no key was made")]
    Random(#[from] getrandom::Error),
}

/// Both halves. The secret one is wiped from memory when this is dropped, and never printed.
pub struct BoxKey(SigningKey);

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxKey({})", self.public().fingerprint())
    }
}

/// Makes the key where the box has none. The directory of secrets must be there.
///
/// # Errors
/// [`BoxKeyError`]; a key that is there is never replaced.
pub fn ensure(places: &Places) -> Result<(), BoxKeyError> {
    match BoxKey::read(places) {
        Err(BoxKeyError::Missing) => {}
        other => return other.map(drop),
    }
    let mut secret = [0u8; 32];
    getrandom::fill(&mut secret)?;
    let text = format!("{}\n", STANDARD.encode(secret));
    durable::write(&places.box_key(), text.as_bytes(), Owner::mode(0o600))?;
    Ok(())
}

impl BoxKey {
    /// Reads it. Needs root.
    ///
    /// # Errors
    /// [`BoxKeyError`].
    pub fn read(places: &Places) -> Result<Self, BoxKeyError> {
        let path = places.box_key();
        let bytes = durable::read(&path, LIMIT_BYTES)?.ok_or(BoxKeyError::Missing)?;
        let secret = STANDARD
            .decode(bytes.trim_ascii())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or(BoxKeyError::Damaged(path))?;
        Ok(Self(SigningKey::from_bytes(&secret)))
    }

    /// The half that others may know.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `bytes`; the signature in base64.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> String {
        STANDARD.encode(self.signature(bytes))
    }

    /// Signs `bytes`; the signature as it is.
    #[must_use]
    pub fn signature(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

/// The public half of a box's key, written in base64 (32 bytes).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

/// Not a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no box's key ('posto box-key' on that box prints it)")]
pub struct NotAKey(String);

/// Not signed by that key, or changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct BadSignature;

impl PublicKey {
    /// Whether `signature` (base64) is this key's over `bytes`, by RFC 8032's strict rules: one message, one signature.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, bytes: &[u8], signature: &str) -> Result<(), BadSignature> {
        let signature = STANDARD
            .decode(signature.trim())
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or(BadSignature)?;
        let strict = self.0.verify_strict(bytes, &signature);
        strict.map_err(|_| BadSignature)
    }

    /// The key itself.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.0
    }

    /// What pings name it by: its fingerprint begins so.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        let mut id = KeyId::default();
        for (to, from) in id.iter_mut().zip(self.fingerprint().0) {
            *to = from;
        }
        id
    }

    /// What people compare.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0.as_bytes()))
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self(key)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = STANDARD.decode(text.trim()).ok();
        bytes
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
            // A key of small order fits signatures that nobody made.
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or_else(|| NotAKey(text.chars().take(60).collect()))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = NotAKey;

    fn try_from(text: String) -> Result<Self, NotAKey> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

/// A public key as people compare it: `1f3a-09bc-...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

/// Not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no fingerprint: five groups of four digits and letters a to f, e.g. 1f3a-09bc-..."
)]
pub struct NotAFingerprint(String);

impl Fingerprint {
    /// Of a public key.
    #[must_use]
    pub fn of(key: &VerifyingKey) -> Self {
        let digest = Sha256::digest(key.as_bytes());
        let mut bytes = [0; FINGERPRINT_BYTES];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        Self(bytes)
    }

    /// The first group: tells boxes apart in names of files.
    #[must_use]
    pub fn short(self) -> String {
        let [first, second, ..] = self.0;
        format!("{first:02x}{second:02x}")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, digit) in hex::encode(self.0).chars().enumerate() {
            if position > 0 && position % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let digits: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | ' '))
            .take(2 * FINGERPRINT_BYTES + 1)
            .collect();
        let mut bytes = [0; FINGERPRINT_BYTES];
        hex::decode_to_slice(digits.to_lowercase(), &mut bytes)
            .map_err(|_| NotAFingerprint(text.chars().take(60).collect()))?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A box with a key.
    pub(crate) fn box_with_key() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        for path in [places.secrets(), places.posto(), places.run()] {
            std::fs::create_dir_all(path).unwrap();
        }
        ensure(&places).unwrap();
        (dir, places)
    }

    #[test]
    fn the_key_is_made_once_for_root_alone_and_no_two_boxes_have_the_same() {
        let (_one, places) = box_with_key();
        let key = BoxKey::read(&places).unwrap().public();
        ensure(&places).unwrap();
        assert_eq!(BoxKey::read(&places).unwrap().public(), key);
        let mode = places.box_key().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let (_other, places) = box_with_key();
        assert_ne!(BoxKey::read(&places).unwrap().public(), key);
    }

    #[test]
    fn a_signature_fits_its_bytes_and_its_key_and_nothing_else() {
        let (_one, places) = box_with_key();
        let (_two, others) = box_with_key();
        let key = BoxKey::read(&places).unwrap();
        let signature = key.sign(b"what was copied");
        assert_eq!(key.public().verify(b"what was copied", &signature), Ok(()));
        for (bytes, signature, by) in [
            (&b"what was Copied"[..], signature.as_str(), key.public()),
            (b"what was copied", "", key.public()),
            (b"what was copied", "AAAA", key.public()),
            (
                b"what was copied",
                &signature,
                BoxKey::read(&others).unwrap().public(),
            ),
        ] {
            assert_eq!(by.verify(bytes, signature), Err(BadSignature));
        }
    }

    #[test]
    fn a_damaged_key_is_told_of_and_never_replaced() {
        let (_dir, places) = box_with_key();
        durable::write(&places.box_key(), b"AAAA\n", Owner::mode(0o600)).unwrap();
        assert!(matches!(ensure(&places), Err(BoxKeyError::Damaged(_))));
        assert_eq!(std::fs::read(places.box_key()).unwrap(), b"AAAA\n");
    }

    #[test]
    fn keys_and_fingerprints_are_read_as_they_are_written_and_weak_ones_refused() {
        let (_dir, places) = box_with_key();
        let key = BoxKey::read(&places).unwrap().public();
        assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
        let fingerprint = key.fingerprint();
        assert_eq!(fingerprint.to_string().len(), 24);
        let spoken = fingerprint.to_string().replace('-', " ").to_uppercase();
        assert_eq!(spoken.parse::<Fingerprint>().unwrap(), fingerprint);
        assert!(fingerprint.to_string().starts_with(&fingerprint.short()));
        // The neutral element of the curve: y = 1.
        let neutral = format!("AQ{}=", "A".repeat(41));
        for wrong in ["", "AAAA", &neutral] {
            assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
        }
        for wrong in ["", "1f3a", &format!("{fingerprint}0")] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
