//! What a file must be: its length and its hashes.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};

/// A file is read in pieces of this size: small beside a box's memory.
const PIECE_BYTES: usize = 256 << 10;

/// Hashes by algorithm, in hexadecimal, as they stand in the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashes(BTreeMap<String, String>);

/// Why bytes are not the file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Mismatch {
    /// Another length.
    #[error("{found} bytes instead of {said}")]
    Length {
        /// What the metadata says.
        said: u64,
        /// What came.
        found: u64,
    },
    /// Another hash.
    #[error("another {0} hash")]
    Hash(&'static str),
    /// Nothing to check by.
    #[error("no hash of a kind that this client knows (sha256, sha512)")]
    Unknown,
}

impl Hashes {
    /// The SHA-256 of these bytes.
    #[must_use]
    pub fn sha256(hash: &[u8; 32]) -> Self {
        Self(BTreeMap::from([("sha256".to_owned(), hex::encode(hash))]))
    }

    /// The hash that names the file in a repository with consistent snapshots: SHA-256, else SHA-512.
    #[must_use]
    pub fn naming(&self) -> Option<&str> {
        ["sha256", "sha512"]
            .iter()
            .find_map(|name| self.0.get(*name))
            .map(String::as_str)
    }

    /// A checker that is fed the file piece by piece.
    #[must_use]
    pub fn checker(&self) -> Checker<'_> {
        Checker {
            hashes: self,
            length: 0,
            sha256: Sha256::new(),
            sha512: self.0.contains_key("sha512").then(Sha512::new),
        }
    }

    /// Whether `bytes` are the file, all known hashes counted; at least one must be known.
    ///
    /// # Errors
    /// The first mismatch.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Mismatch> {
        let mut checker = self.checker();
        checker.feed(bytes);
        checker.finish(None)
    }
}

/// Why a file that was read is not taken.
#[derive(Debug)]
pub(crate) enum Untaken<E> {
    /// It could not be read.
    Read(std::io::Error),
    /// It was read to its end and is another.
    Other(Mismatch),
    /// Who takes the pieces did not.
    Taker(E),
}

/// Reads what should be the file of `length` bytes and these hashes, a byte past its length at most, and hands on each piece before
/// it is known whether the whole is right: the taker keeps it apart until then.
pub(crate) fn read<E>(
    from: impl Read,
    length: u64,
    hashes: &Hashes,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), Untaken<E>> {
    let mut from = from.take(length.saturating_add(1));
    let mut checker = hashes.checker();
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let count = from.read(&mut buffer).map_err(Untaken::Read)?;
        let piece = buffer.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        checker.feed(piece);
        take(piece).map_err(Untaken::Taker)?;
    }
    checker.finish(Some(length)).map_err(Untaken::Other)
}

/// Hashes of a file while it is read.
#[derive(Debug)]
pub struct Checker<'a> {
    hashes: &'a Hashes,
    length: u64,
    sha256: Sha256,
    sha512: Option<Sha512>,
}

impl Checker<'_> {
    /// The next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        self.sha256.update(piece);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(piece);
        }
    }

    /// The verdict; with the length, where the metadata says one.
    ///
    /// # Errors
    /// The first mismatch.
    pub fn finish(self, length: Option<u64>) -> Result<(), Mismatch> {
        if let Some(said) = length
            && said != self.length
        {
            return Err(Mismatch::Length {
                said,
                found: self.length,
            });
        }
        let mut known = false;
        if let Some(said) = self.hashes.0.get("sha256") {
            known = true;
            if !said.eq_ignore_ascii_case(&hex::encode(self.sha256.finalize())) {
                return Err(Mismatch::Hash("sha256"));
            }
        }
        if let (Some(said), Some(sha512)) = (self.hashes.0.get("sha512"), self.sha512) {
            known = true;
            if !said.eq_ignore_ascii_case(&hex::encode(sha512.finalize())) {
                return Err(Mismatch::Hash("sha512"));
            }
        }
        if known {
            Ok(())
        } else {
            Err(Mismatch::Unknown)
        }
    }
}
