//! What lies in a slot already: how far it was written before a cut, and whether the finished root is the release's.

use std::fs::File;

use posto_release::verity::{self, VerityError, VerityTarget};
use sha2::{Digest, Sha256};

use crate::apply::sha256;
use crate::index::{Hash, Image, Index};
use crate::storage::ReadAt;

/// Bytes read at a time when a whole image is hashed.
const PIECE_BYTES: usize = 1 << 20;

/// How many of the image's first frames are in `target` already, each by its hash; at most `at_most` are looked at (what the last
/// run's progress said, or `usize::MAX`). What cannot be read counts as not written.
pub fn frames(
    index: &Index,
    image: usize,
    target: &(impl ReadAt + ?Sized),
    at_most: usize,
) -> usize {
    let mut output = Vec::new();
    index
        .frames_of(image)
        .take(at_most)
        .take_while(|frame| {
            output.resize(frame.output_bytes as usize, 0);
            target.read_exact_at(&mut output, frame.output_at).is_ok()
                && sha256(&output) == frame.entry.output_sha256
        })
        .count()
}

/// Why a finished image is not the release's.
#[derive(Debug, thiserror::Error)]
pub enum WrittenError {
    /// It cannot be read.
    #[error(
        "the written {name} cannot be read: {source}; the running release is not touched, look at the disk"
    )]
    Read {
        /// The image.
        name: String,
        /// What the disk said.
        source: std::io::Error,
    },
    /// The disk gives back something else than was written.
    #[error(
        "the written {name} is not the release's: the disk gives back other bytes; the slot must not be started, write it again"
    )]
    Differs {
        /// The image.
        name: String,
    },
    /// The patch and the release's manifest speak of different roots.
    #[error(
        "the patch makes another {name} than the release's manifest names; the slot must not be started, take the whole release"
    )]
    OtherRelease {
        /// The image.
        name: String,
    },
    /// Reading the root back for its hash tree failed.
    #[error("{0}; the slot must not be started, write it again")]
    Verity(#[from] VerityError),
}

/// Reads a finished image back against the SHA-256 of all of it.
///
/// # Errors
/// When it cannot be read or differs.
pub fn whole(image: &Image, target: &(impl ReadAt + ?Sized)) -> Result<(), WrittenError> {
    let hash = hash(target, image.target.bytes).map_err(|source| WrittenError::Read {
        name: image.name.clone(),
        source,
    })?;
    if hash == image.target.sha256 {
        Ok(())
    } else {
        Err(WrittenError::Differs {
            name: image.name.clone(),
        })
    }
}

/// Reads a finished root back against its dm-verity root hash, and gives the hash tree, which belongs behind it. `verity` is the
/// signed manifest's.
///
/// # Errors
/// When the root cannot be read, differs, or is not the manifest's.
pub fn root(
    image: &Image,
    target: &File,
    verity: &VerityTarget,
) -> Result<verity::Tree, WrittenError> {
    let data_bytes = verity.data_blocks.checked_mul(verity::BLOCK_BYTES as u64);
    if image.target.root_hash != verity.root_hash || data_bytes != Some(image.target.bytes) {
        return Err(WrittenError::OtherRelease {
            name: image.name.clone(),
        });
    }
    verity::tree_of(target, verity).map_err(|error| match error {
        VerityError::RootHash { .. } => WrittenError::Differs {
            name: image.name.clone(),
        },
        error => error.into(),
    })
}

/// SHA-256 of the first `bytes` of something.
///
/// # Errors
/// When it cannot be read, or is shorter.
pub fn hash(from: &(impl ReadAt + ?Sized), bytes: u64) -> std::io::Result<Hash> {
    let mut sha = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    while at < bytes {
        let count = usize::try_from(bytes - at)
            .unwrap_or(PIECE_BYTES)
            .min(PIECE_BYTES);
        let part = piece.get_mut(..count).unwrap_or_default();
        from.read_exact_at(part, at)?;
        sha.update(&*part);
        at += count as u64;
    }
    Ok(sha.finalize().into())
}
