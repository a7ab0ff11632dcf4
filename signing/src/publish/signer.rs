//! Secret keys, and what they sign.

use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding,
};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bounds::Bounds;
use crate::canonical::canonical;

/// Which kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheme {
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256: what PIV tokens have.
    EcdsaP256,
}

/// Why a key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The kernel gave no random bytes.
    #[error("no random bytes from the kernel: {0}")]
    Random(String),
    /// Not a secret key of a kind that is known.
    #[error("it holds no Ed25519 or P-256 key in PKCS#8")]
    NotAKey,
    /// The token that has it.
    #[cfg(feature = "token")]
    #[error(transparent)]
    Token(#[from] super::token::TokenError),
    /// It could not be written down.
    #[error("the key has no PKCS#8 form: {0}")]
    Form(String),
}

/// A secret key. Its own bytes are erased when it goes; the text that it was read from is not.
pub struct Signer(Kind);

enum Kind {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    EcdsaP256(p256::ecdsa::SigningKey),
    #[cfg(feature = "token")]
    Token(super::token::TokenKey),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Signer")
    }
}

impl Signer {
    /// A new key from the kernel's random bytes.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn generate(scheme: Scheme) -> Result<Self, SignerError> {
        loop {
            let mut seed = [0_u8; 32];
            getrandom::fill(&mut seed).map_err(|error| SignerError::Random(error.to_string()))?;
            match scheme {
                Scheme::Ed25519 => {
                    return Ok(Self(Kind::Ed25519(Box::new(
                        ed25519_dalek::SigningKey::from_bytes(&seed),
                    ))));
                }
                // About one in 2^32 of the seeds is no scalar of the curve.
                Scheme::EcdsaP256 => {
                    if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&seed) {
                        return Ok(Self(Kind::EcdsaP256(key)));
                    }
                }
            }
        }
    }

    /// A key on a token.
    #[cfg(feature = "token")]
    #[must_use]
    pub fn on_token(key: super::token::TokenKey) -> Self {
        Self(Kind::Token(key))
    }

    /// Reads a PKCS#8 PEM.
    ///
    /// # Errors
    /// When it holds no key that is known.
    pub fn from_pem(pem: &str) -> Result<Self, SignerError> {
        if let Ok(key) = ed25519_dalek::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self(Kind::Ed25519(Box::new(key))));
        }
        p256::SecretKey::from_pkcs8_pem(pem)
            .map(|key| Self(Kind::EcdsaP256(key.into())))
            .map_err(|_| SignerError::NotAKey)
    }

    /// The key as PKCS#8 PEM: other programs read that, too.
    ///
    /// # Errors
    /// When it has no such form.
    pub fn to_pem(&self) -> Result<String, SignerError> {
        let pem = match &self.0 {
            Kind::Ed25519(key) => key.to_pkcs8_pem(LineEnding::LF),
            Kind::EcdsaP256(key) => key.to_pkcs8_pem(LineEnding::LF),
            #[cfg(feature = "token")]
            Kind::Token(_) => {
                return Err(SignerError::Form("it never leaves its token".to_owned()));
            }
        };
        pem.map(|pem| pem.to_string())
            .map_err(|error| SignerError::Form(error.to_string()))
    }

    /// The public half.
    ///
    /// # Errors
    /// When it has no form.
    pub fn public(&self) -> Result<PublicKey, SignerError> {
        let object = match &self.0 {
            #[cfg(feature = "token")]
            Kind::Token(key) => return Ok(key.public().clone()),
            Kind::Ed25519(key) => json!({
                "keytype": "ed25519", "scheme": "ed25519",
                "keyval": {"public": hex::encode(key.verifying_key().as_bytes())},
            }),
            Kind::EcdsaP256(key) => {
                let public = key
                    .verifying_key()
                    .to_public_key_pem(LineEnding::LF)
                    .map_err(|error| SignerError::Form(error.to_string()))?;
                json!({
                    "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256",
                    "keyval": {"public": public},
                })
            }
        };
        Ok(PublicKey::new(object))
    }

    /// The signature over `message`, as the metadata carries it (before hexadecimal).
    ///
    /// # Errors
    /// When a token does not sign.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(match &self.0 {
            #[cfg(feature = "token")]
            Kind::Token(key) => key.sign(message)?,
            Kind::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Kind::EcdsaP256(key) => {
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::signature::Signer::sign(key, message);
                signature.to_der().as_bytes().to_vec()
            }
        })
    }
}

/// A public key as it stands in the metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicKey {
    /// Its id: the SHA-256 of its canonical form (specification 4.2).
    pub id: String,
    /// The key.
    pub object: Value,
}

impl PublicKey {
    /// The key with its id.
    #[must_use]
    pub fn new(object: Value) -> Self {
        let bytes = canonical(&object, Bounds::default().json_depth).unwrap_or_default();
        Self {
            id: hex::encode(Sha256::digest(bytes)),
            object,
        }
    }
}
