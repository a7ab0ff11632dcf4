//! COSE_Sign1 (RFC 9052, section 4.2) with Ed25519 (RFC 9053, section 2.2), as far as pings need it, without a heap: untagged,
//! nothing detached, the algorithm and (from boxes) the key's id in the protected header, nothing in the unprotected one.
//!
//! What was opened is not believed: only [`Opened::check`] makes a [`Verified`].

use core::ops::Deref;

use ed25519_dalek::{Signature, VerifyingKey};
use heapless::Vec;
use minicbor::decode::Decoder;
use minicbor::encode::Encoder;
use minicbor::encode::write::Cursor;

/// Which key signed: the first 8 bytes of the SHA-256 of the public key, as its fingerprint begins. A hint for the search,
/// never a proof: the signature is.
pub type KeyId = [u8; 8];

/// Bytes of a signature (RFC 8032).
const SIGNATURE_BYTES: usize = 64;
/// The header `{1: -8}` (alg: EdDSA).
const ALGORITHM_ONLY: [u8; 3] = [0xa1, 0x01, 0x27];
/// The same with the key's id: `{1: -8, 4: h'...'}`.
const HEADER_BYTES: usize = 13;
/// Nothing larger is opened: a hub's answer to a batch.
pub const LIMIT_BYTES: usize = 4096;
/// What the signature covers besides the payload: array, `"Signature1"`, headers, empty external data, the payload's length.
const COVERED_OVERHEAD: usize = 1 + 11 + 1 + HEADER_BYTES + 1 + 3;
/// Around a payload whose signer is named.
pub const OVERHEAD_BYTES: usize = 1 + 1 + HEADER_BYTES + 1 + 2 + 2 + SIGNATURE_BYTES;

/// Why bytes are no signed message, or not the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Longer than what is read, or than what may be sent.
    #[error("it is too long")]
    TooLong,
    /// No COSE_Sign1, or one with other headers than ours.
    #[error("it is no signed message of the kind that is expected")]
    Form,
    /// Changed since, or signed by another key.
    #[error("the signature does not fit")]
    Signature,
}

/// A signed message as it came. Nothing in it is to be believed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'a> {
    protected: &'a [u8],
    /// Who says to have signed.
    pub signer: Option<KeyId>,
    payload: &'a [u8],
    signature: [u8; SIGNATURE_BYTES],
}

/// What a key has signed. Made by checks of signatures only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// What was signed.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The same, read further; the proof stays with it.
    ///
    /// # Errors
    /// The reader's own.
    pub(super) fn read<U, E>(self, read: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        read(self.0).map(Verified)
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Writes with an encoder into `N` bytes at most.
pub(super) fn written<const N: usize>(
    write: impl FnOnce(
        &mut Encoder<Cursor<[u8; N]>>,
    ) -> Result<(), minicbor::encode::Error<minicbor::encode::write::EndOfArray>>,
) -> Result<Vec<u8, N>, CoseError> {
    let mut encoder = Encoder::new(Cursor::new([0; N]));
    write(&mut encoder).map_err(|_| CoseError::TooLong)?;
    let cursor = encoder.into_writer();
    let end = cursor.position();
    let bytes = cursor.into_inner();
    bytes
        .get(..end)
        .and_then(|bytes| Vec::from_slice(bytes).ok())
        .ok_or(CoseError::TooLong)
}

/// Sig_structure (RFC 9052, section 4.4), without external data.
fn covered<const N: usize>(protected: &[u8], payload: &[u8]) -> Result<Vec<u8, N>, CoseError> {
    written(|to| {
        to.array(4)?
            .str("Signature1")?
            .bytes(protected)?
            .bytes(&[])?
            .bytes(payload)?
            .ok()
    })
}

/// Signs a payload, `N` bytes at most in all. `sign`: Ed25519 over the bytes that it is given.
///
/// # Errors
/// [`CoseError::TooLong`].
pub fn seal<const N: usize>(
    payload: &[u8],
    signer: Option<KeyId>,
    sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE_BYTES],
) -> Result<Vec<u8, N>, CoseError> {
    let protected: Vec<u8, HEADER_BYTES> = written(|to| {
        to.map(1 + u64::from(signer.is_some()))?.u8(1)?.i8(-8)?;
        if let Some(signer) = signer {
            to.u8(4)?.bytes(&signer)?;
        }
        to.ok()
    })?;
    let covered: Vec<u8, { LIMIT_BYTES + COVERED_OVERHEAD }> = covered(&protected, payload)?;
    let signature = sign(&covered);
    written(|to| {
        to.array(4)?
            .bytes(&protected)?
            .map(0)?
            .bytes(payload)?
            .bytes(&signature)?
            .ok()
    })
}

impl<'a> Opened<'a> {
    /// Takes a message apart.
    ///
    /// # Errors
    /// [`CoseError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CoseError> {
        if bytes.len() > LIMIT_BYTES {
            return Err(CoseError::TooLong);
        }
        let mut from = Decoder::new(bytes);
        let opened = Self::read(&mut from).ok_or(CoseError::Form)?;
        if from.position() == bytes.len() {
            Ok(opened)
        } else {
            Err(CoseError::Form)
        }
    }

    fn read(from: &mut Decoder<'a>) -> Option<Self> {
        if from.array().ok()? != Some(4) {
            return None;
        }
        let protected = from.bytes().ok()?;
        let signer = signer(protected)?;
        if from.map().ok()? != Some(0) {
            return None;
        }
        Some(Self {
            protected,
            signer,
            payload: from.bytes().ok()?,
            signature: from.bytes().ok()?.try_into().ok()?,
        })
    }

    /// What somebody says: only for finding out whose key would be needed.
    #[must_use]
    pub fn unverified_payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The payload, if this key signed it, by RFC 8032's strict rules: one message, one signature.
    ///
    /// # Errors
    /// [`CoseError::Signature`].
    pub fn check(&self, key: &VerifyingKey) -> Result<Verified<&'a [u8]>, CoseError> {
        let covered: Vec<u8, { LIMIT_BYTES + COVERED_OVERHEAD }> =
            covered(self.protected, self.payload)?;
        key.verify_strict(&covered, &Signature::from_bytes(&self.signature))
            .map(|()| Verified(self.payload))
            .map_err(|_| CoseError::Signature)
    }
}

/// Who signed, out of one of the two headers that exist; `None`: another header.
fn signer(protected: &[u8]) -> Option<Option<KeyId>> {
    if protected == ALGORITHM_ONLY {
        return Some(None);
    }
    let [0xa2, 0x01, 0x27, 0x04, 0x48, id @ ..] = protected else {
        return None;
    };
    Some(Some(id.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use coset::CborSerializable;
    use ed25519_dalek::{Signer, SigningKey};
    use proptest::prelude::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn sealed(payload: &[u8], signer: Option<KeyId>) -> Vec<u8, 512> {
        seal(payload, signer, |bytes| key(1).sign(bytes).to_bytes()).unwrap()
    }

    #[test]
    fn what_others_wrote_for_cose_reads_it_and_finds_the_signature_right() {
        for signer in [None, Some(*b"abcdefgh")] {
            let bytes = sealed(b"how the box is", signer);
            let message = coset::CoseSign1::from_slice(&bytes).unwrap();
            assert_eq!(message.payload.as_deref(), Some(&b"how the box is"[..]));
            assert_eq!(
                message.protected.header.key_id,
                signer.map_or(std::vec::Vec::new(), |id| id.to_vec())
            );
            message
                .verify_signature(b"", |signature, covered| {
                    let signature = Signature::from_slice(signature).unwrap();
                    key(1).verifying_key().verify_strict(covered, &signature)
                })
                .unwrap();
        }
    }

    #[test]
    fn only_what_the_key_signed_is_verified() {
        let bytes = sealed(b"payload", Some([7; 8]));
        assert_eq!(bytes.len(), OVERHEAD_BYTES - 1 + b"payload".len());
        let opened = Opened::parse(&bytes).unwrap();
        assert_eq!(opened.signer, Some([7; 8]));
        let verified = opened.check(&key(1).verifying_key()).unwrap();
        assert_eq!(*verified, b"payload");
        assert_eq!(
            opened.check(&key(2).verifying_key()),
            Err(CoseError::Signature)
        );
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let believed = Opened::parse(&changed)
                .and_then(|opened| opened.check(&key(1).verifying_key()).map(drop));
            assert!(believed.is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_payload_that_does_not_fit_is_not_cut() {
        let sealed = seal::<100>(&[0; 100], None, |_| [0; 64]);
        assert_eq!(sealed, Err(CoseError::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(opened) = Opened::parse(&bytes) {
                prop_assert!(opened.check(&key(1).verifying_key()).is_err());
            }
        }
    }
}
