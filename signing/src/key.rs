//! Public keys: Ed25519 and ECDSA P-256. Others are carried along and verify nothing.

use ed25519_dalek::pkcs8::DecodePublicKey as _;
use p256::ecdsa::signature::Verifier as _;
use serde_json::Value;

/// A key of a root or of a delegation.
#[derive(Debug, Clone)]
pub struct Key(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Ed25519(ed25519_dalek::VerifyingKey),
    EcdsaP256(p256::ecdsa::VerifyingKey),
    /// Of a type or scheme that this client does not know, or not a key at all.
    Unknown,
}

impl Key {
    /// Reads a key object of the metadata (specification 4.2). What is not understood becomes a key that verifies
    /// nothing: another program's key beside ours must not make the root unreadable.
    #[must_use]
    pub fn read(object: &Value) -> Self {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let public = object
            .pointer("/keyval/public")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Self(match (text("keytype"), text("scheme")) {
            ("ed25519", "ed25519") => ed25519(public).map_or(Kind::Unknown, Kind::Ed25519),
            // securesystemslib once wrote the scheme's name as the type, too.
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => {
                p256::ecdsa::VerifyingKey::from_public_key_pem(public)
                    .map_or(Kind::Unknown, Kind::EcdsaP256)
            }
            _ => Kind::Unknown,
        })
    }

    /// Whether `signature` is this key's over `message`. Ed25519 by RFC 8032's strict rules; ECDSA as DER.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Kind::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Kind::EcdsaP256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Kind::Unknown => false,
        }
    }

    /// What the key is, whatever its id: two ids of one key count once. `None` for one that verifies nothing.
    #[must_use]
    pub fn identity(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Kind::Ed25519(key) => Some(key.as_bytes().to_vec()),
            Kind::EcdsaP256(key) => Some(key.to_sec1_point(true).as_bytes().to_vec()),
            Kind::Unknown => None,
        }
    }
}

fn ed25519(public: &str) -> Option<ed25519_dalek::VerifyingKey> {
    let bytes: [u8; 32] = hex::decode(public).ok()?.try_into().ok()?;
    ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok()
}
