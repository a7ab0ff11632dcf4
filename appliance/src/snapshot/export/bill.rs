//! The bill of an export: `export.json`, signed in `export.sig`. It says what was carried, in which pieces, and by which box; it is
//! written last. The signature is over the file's bytes as they are, so stock tools can check it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::box_key::{BadSignature, BoxKey, PublicKey};
use crate::snapshot::left_out::LeftOut;
use crate::snapshot::manifest::{self, Manifest};

/// The bill's file.
pub const FILE: &str = "export.json";
/// Its signature: base64 of Ed25519 over the bytes of [`FILE`].
pub const SIGNATURE_FILE: &str = "export.sig";
/// The recovery identity behind the recovery code.
pub const RECOVERY_FILE: &str = "recovery.key";
/// What it is, inside the signature: one for another purpose is none for this.
pub const WHAT: &str = "posto-snapshot-export";
/// The form that this release writes.
pub const FORMAT: u32 = 1;
/// Of the names' four digits.
pub const PIECES_LIMIT: usize = 9999;
/// No honest bill is larger.
pub const LIMIT_BYTES: u64 = 4 << 20;
/// Nor any signature.
pub const SIGNATURE_LIMIT_BYTES: u64 = 256;
/// A piece of another release may be larger than ours, but FAT32 takes no more.
const PIECE_LIMIT_BYTES: u64 = 4 << 30;

/// The bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// [`WHAT`].
    pub what: String,
    /// [`FORMAT`].
    pub format: u32,
    /// The box that packed it.
    pub signer: PublicKey,
    /// The snapshot's manifest.
    pub manifest: Manifest,
    /// Sum of the files' lengths.
    pub content_bytes: u64,
    /// Files, directories, links.
    pub entries: u64,
    /// What of the snapshot is not in it.
    #[serde(default)]
    pub left_out: LeftOut,
    /// Of [`RECOVERY_FILE`].
    pub recovery_sha256: String,
    /// In order.
    pub pieces: Vec<Piece>,
}

/// One piece: an age file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// `0001.age`, ...
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Of the file as it lies there, in hexadecimal.
    pub sha256: String,
}

/// A bill and its signature as files' contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// [`FILE`].
    pub text: Vec<u8>,
    /// [`SIGNATURE_FILE`].
    pub signature: Vec<u8>,
}

/// Why a bill is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// No JSON of that form.
    #[error(
        "export.json is damaged ({0}); nothing was brought in; copy it once more from where it came"
    )]
    Damaged(String),
    /// Not what the signer signed.
    #[error(
        "export.json does not fit its signature in export.sig: one of them was changed; nothing was brought in"
    )]
    Signature(#[from] BadSignature),
    /// Of a later release.
    #[error(
        "this export is of a later release of Posto (format {0}); bring it in there; nothing was brought in"
    )]
    Later(u32),
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The name of the piece after `before` others.
#[must_use]
pub fn piece_name(before: usize) -> String {
    format!("{:04}.age", before.saturating_add(1))
}

impl Bill {
    /// The bill as files.
    #[must_use]
    pub fn signed(&self, key: &BoxKey) -> Signed {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        let signature = format!("{}\n", key.sign(&text)).into_bytes();
        Signed { text, signature }
    }

    /// Reads a bill that its own signer signed. Whether that signer is to be believed is another question.
    ///
    /// # Errors
    /// [`BillError`].
    pub fn read(text: &[u8], signature: &[u8]) -> Result<Self, BillError> {
        // Only who signed, first: the rest is looked at when it is known to be theirs.
        #[derive(Deserialize)]
        struct Head {
            what: String,
            format: u32,
            signer: PublicKey,
        }
        let damaged = |why: &dyn std::fmt::Display| BillError::Damaged(why.to_string());
        let head: Head = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
        head.signer
            .verify(text, &String::from_utf8_lossy(signature))?;
        if head.what != WHAT {
            return Err(damaged(&"it is another document"));
        }
        if head.format > FORMAT {
            return Err(BillError::Later(head.format));
        }
        let bill: Self = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
        if bill.manifest.format > manifest::FORMAT {
            return Err(BillError::Later(bill.manifest.format));
        }
        let named = bill
            .pieces
            .iter()
            .enumerate()
            .all(|(before, piece)| piece.name == piece_name(before));
        let sized = bill
            .pieces
            .iter()
            .all(|piece| (1..=PIECE_LIMIT_BYTES).contains(&piece.bytes));
        if !(1..=PIECES_LIMIT).contains(&bill.pieces.len()) || !named || !sized {
            return Err(damaged(&"its pieces cannot be"));
        }
        if !bill.left_out.can_be() {
            return Err(damaged(&"what it leaves out cannot be"));
        }
        Ok(bill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::box_key::tests::box_with_key;
    use crate::snapshot::shelf::tests::manifest;

    fn bill(key: &BoxKey) -> Bill {
        Bill {
            what: WHAT.into(),
            format: FORMAT,
            signer: key.public(),
            manifest: manifest(3),
            content_bytes: 1,
            entries: 1,
            left_out: LeftOut::default(),
            recovery_sha256: sha256(b""),
            pieces: vec![Piece {
                name: "0001.age".into(),
                bytes: 1,
                sha256: sha256(b"x"),
            }],
        }
    }

    #[test]
    fn a_bill_is_read_as_it_was_signed_and_every_changed_byte_is_seen() {
        let (_dir, places) = box_with_key();
        let key = BoxKey::read(&places).unwrap();
        let signed = bill(&key).signed(&key);
        assert_eq!(
            Bill::read(&signed.text, &signed.signature).unwrap(),
            bill(&key)
        );
        for position in 0..signed.text.len() {
            let mut changed = signed.text.clone();
            changed[position] ^= 1;
            assert!(
                Bill::read(&changed, &signed.signature).is_err(),
                "byte {position}"
            );
        }
        assert!(Bill::read(&signed.text, b"").is_err());
    }

    #[test]
    fn what_is_signed_but_cannot_be_is_refused() {
        let (_dir, places) = box_with_key();
        let key = BoxKey::read(&places).unwrap();
        let wrong = |change: &dyn Fn(&mut Bill)| {
            let mut bill = bill(&key);
            change(&mut bill);
            let signed = bill.signed(&key);
            Bill::read(&signed.text, &signed.signature).unwrap_err()
        };
        assert!(matches!(wrong(&|b| b.format = 2), BillError::Later(2)));
        assert!(matches!(
            wrong(&|b| b.manifest.format = 2),
            BillError::Later(2)
        ));
        for change in [
            (|b: &mut Bill| b.what = "ping".into()) as fn(&mut Bill),
            |b| b.pieces.clear(),
            |b| b.pieces[0].name = "../../etc/passwd".into(),
            |b| b.pieces[0].name = "0002.age".into(),
            |b| b.pieces[0].bytes = 0,
            |b| b.pieces[0].bytes = u64::MAX,
            |b| b.left_out.names.push("openmrs/x".into()),
        ] {
            assert!(matches!(wrong(&change), BillError::Damaged(_)));
        }
    }
}
