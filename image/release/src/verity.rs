//! dm-verity: the hash tree behind a root image, checked or made without the kernel.
//!
//! Parameters as `veritysetup format --no-superblock --hash-offset=<data bytes>` makes them: sha256, 4096-byte data and hash
//! blocks, hash type 1 (the salt goes before the block), **no superblock**: everything the kernel needs stands on the kernel
//! line. The tree follows the data: topmost level first, the level that covers the data last. Source: Linux
//! Documentation/admin-guide/device-mapper/verity.rst and drivers/md/dm-verity-target.c.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Size of data and hash blocks, bytes.
pub const BLOCK_BYTES: usize = 4096;
const HASH_BYTES: usize = 32;
const HASHES_PER_BLOCK: u64 = (BLOCK_BYTES / HASH_BYTES) as u64;
/// Blocks of the largest root that a slot takes: data and tree fit 4 GiB.
pub const BLOCKS_LIMIT: u64 = crate::layout::ROOT_A.size_bytes() / BLOCK_BYTES as u64;
/// Longest salt that the kernel's target takes, bytes.
const SALT_LIMIT_BYTES: usize = 256;
const READ_BLOCKS: usize = 256;

/// How a root is verified: the four values of `posto.verity=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerityTarget {
    /// Number of data blocks.
    pub data_blocks: u64,
    /// Block number on the partition where the tree begins.
    pub hash_start: u64,
    /// Hash of the topmost block of the tree.
    #[serde(with = "hex::serde")]
    pub root_hash: [u8; HASH_BYTES],
    /// Salt.
    #[serde(with = "hex::serde")]
    pub salt: Vec<u8>,
}

impl VerityTarget {
    /// Reads `<data blocks>:<hash start block>:<root hash>:<salt>`; none when it is anything else, or would not fit a slot.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split(':').collect();
        let [data_blocks, hash_start, root_hash, salt] = fields.as_slice() else {
            return None;
        };
        let number = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| text.parse::<u64>().ok())
                .flatten()
        };
        let mut hash = [0_u8; HASH_BYTES];
        hex::decode_to_slice(root_hash, &mut hash).ok()?;
        let target = Self {
            data_blocks: number(data_blocks)?,
            hash_start: number(hash_start)?,
            root_hash: hash,
            salt: hex::decode(salt).ok()?,
        };
        target.is_possible().then_some(target)
    }

    fn is_possible(&self) -> bool {
        self.data_blocks >= 2
            && self.data_blocks <= BLOCKS_LIMIT
            && self.hash_start >= self.data_blocks
            && self
                .hash_start
                .saturating_add(tree_blocks(self.data_blocks))
                <= BLOCKS_LIMIT
            && self.salt.len() <= SALT_LIMIT_BYTES
    }

    /// Bytes of the partition that data and tree take.
    #[must_use]
    pub fn end_bytes(&self) -> u64 {
        (self.hash_start + tree_blocks(self.data_blocks)) * BLOCK_BYTES as u64
    }

    /// The device-mapper table line's parameters for the partition `device`. Any block that is wrong or cannot be read
    /// panics the kernel: a root that lies must not run on, and `panic=10` restarts the box.
    #[must_use]
    pub fn table(&self, device: &str) -> String {
        let salt = if self.salt.is_empty() {
            "-".to_owned()
        } else {
            hex::encode(&self.salt)
        };
        format!(
            "1 {device} {device} 4096 4096 {} {} sha256 {} {salt} 2 panic_on_corruption panic_on_error",
            self.data_blocks,
            self.hash_start,
            hex::encode(self.root_hash),
        )
    }
}

impl fmt::Display for VerityTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hash, salt) = (hex::encode(self.root_hash), hex::encode(&self.salt));
        write!(f, "{}:{}:{hash}:{salt}", self.data_blocks, self.hash_start)
    }
}

/// Why a root does not verify.
#[derive(Debug, Error)]
pub enum VerityError {
    /// Data or tree cannot be read.
    #[error("the root image cannot be read near block {block}: {source}")]
    Read {
        /// Block on the partition.
        block: u64,
        /// What the disk said.
        source: io::Error,
    },
    /// The data is not what the release was built with.
    #[error("the root image has the root hash {found}, not {expected}: it is damaged")]
    RootHash {
        /// As on the kernel line.
        expected: String,
        /// As computed.
        found: String,
    },
    /// The data is right, the stored tree is not: the kernel would refuse it all the same.
    #[error("the hash tree of the root image is damaged near block {block}")]
    Tree {
        /// Block on the partition.
        block: u64,
    },
}

/// A whole hash tree as it stands on disk, and its root hash.
#[derive(Debug)]
pub struct Tree {
    /// The blocks after the data.
    pub bytes: Vec<u8>,
    /// Hash of the first block of `bytes`.
    pub root_hash: [u8; HASH_BYTES],
}

/// Blocks that the tree over `data_blocks` takes.
#[must_use]
pub fn tree_blocks(data_blocks: u64) -> u64 {
    let mut total = 0;
    let mut level = data_blocks;
    while level > 1 {
        level = level.div_ceil(HASHES_PER_BLOCK);
        total += level;
    }
    total
}

fn hash_blocks(salted: &Sha256, blocks: &[u8], hashes: &mut Vec<u8>) {
    for block in blocks.chunks_exact(BLOCK_BYTES) {
        hashes.extend_from_slice(&salted.clone().chain_update(block).finalize());
    }
}

/// Computes the tree over the first `data_blocks` blocks of `image`. Holds 32 bytes of memory for each block.
///
/// # Errors
/// When the image cannot be read, or is shorter.
pub fn tree(image: &File, data_blocks: u64, salt: &[u8]) -> Result<Tree, VerityError> {
    let salted = Sha256::new().chain_update(salt);
    let mut lowest = Vec::new();
    let mut buffer = vec![0_u8; READ_BLOCKS * BLOCK_BYTES];
    let mut block = 0;
    while block < data_blocks {
        let count = usize::try_from(data_blocks - block)
            .unwrap_or(READ_BLOCKS)
            .min(READ_BLOCKS);
        let part = buffer.get_mut(..count * BLOCK_BYTES).unwrap_or_default();
        image
            .read_exact_at(part, block * BLOCK_BYTES as u64)
            .map_err(|source| VerityError::Read { block, source })?;
        hash_blocks(&salted, part, &mut lowest);
        block += count as u64;
    }
    let mut levels = Vec::new();
    let mut hashes = lowest;
    loop {
        hashes.resize(hashes.len().next_multiple_of(BLOCK_BYTES), 0);
        let mut above = Vec::new();
        hash_blocks(&salted, &hashes, &mut above);
        levels.push(hashes);
        if above.len() <= HASH_BYTES {
            let mut root_hash = [0_u8; HASH_BYTES];
            root_hash
                .iter_mut()
                .zip(&above)
                .for_each(|(to, from)| *to = *from);
            return Ok(Tree {
                bytes: levels.into_iter().rev().flatten().collect(),
                root_hash,
            });
        }
        hashes = above;
    }
}

/// Checks a root image, data and stored tree, by reading all of it.
///
/// # Errors
/// When something differs from `target` or cannot be read.
pub fn verify(image: &File, target: &VerityTarget) -> Result<(), VerityError> {
    let tree = tree_of(image, target)?;
    verify_stored(image, target, &tree)
}

/// Checks a root image's data by reading all of it, and gives the tree that belongs behind it.
///
/// # Errors
/// When the data differ from `target` or cannot be read.
pub fn tree_of(image: &File, target: &VerityTarget) -> Result<Tree, VerityError> {
    let tree = tree(image, target.data_blocks, &target.salt)?;
    if tree.root_hash == target.root_hash {
        Ok(tree)
    } else {
        Err(VerityError::RootHash {
            expected: hex::encode(target.root_hash),
            found: hex::encode(tree.root_hash),
        })
    }
}

/// Checks the stored tree of a root image by reading it; `tree` is what [`tree_of`] gave.
///
/// # Errors
/// When it differs or cannot be read.
pub fn verify_stored(image: &File, target: &VerityTarget, tree: &Tree) -> Result<(), VerityError> {
    let mut stored = vec![0_u8; READ_BLOCKS * BLOCK_BYTES];
    let mut block = target.hash_start;
    for expected in tree.bytes.chunks(READ_BLOCKS * BLOCK_BYTES) {
        let part = stored.get_mut(..expected.len()).unwrap_or_default();
        image
            .read_exact_at(part, block * BLOCK_BYTES as u64)
            .map_err(|source| VerityError::Read { block, source })?;
        if part != expected {
            return Err(VerityError::Tree { block });
        }
        block += READ_BLOCKS as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Made once by veritysetup 2.7.5: 300 blocks, block n filled with the byte n mod 251,
    /// `veritysetup format --no-superblock --hash-offset=1228800 --salt=00ff`.
    const VERITYSETUP_ROOT_HASH: &str =
        "5d0b59a32e51bcb333199d6af48159582288cb0d7c46bfeae1017a9265e04ce6";

    fn image() -> File {
        let mut file = tempfile::tempfile().unwrap();
        for block in 0..300_u32 {
            file.write_all(&[u8::try_from(block % 251).unwrap(); BLOCK_BYTES])
                .unwrap();
        }
        file
    }

    fn sealed() -> (File, VerityTarget) {
        let mut file = image();
        let tree = tree(&file, 300, &[0, 0xff]).unwrap();
        file.write_all(&tree.bytes).unwrap();
        (
            file,
            VerityTarget {
                data_blocks: 300,
                hash_start: 300,
                root_hash: tree.root_hash,
                salt: vec![0, 0xff],
            },
        )
    }

    #[test]
    fn the_tree_is_the_one_that_veritysetup_makes() {
        let (_file, target) = sealed();
        assert_eq!(hex::encode(target.root_hash), VERITYSETUP_ROOT_HASH);
    }

    #[test]
    fn an_untouched_image_verifies_and_its_size_is_as_computed() {
        let (file, target) = sealed();
        assert_eq!(file.metadata().unwrap().len(), target.end_bytes());
        verify(&file, &target).unwrap();
    }

    #[test]
    fn a_truncated_image_does_not_verify() {
        let (file, target) = sealed();
        file.set_len(target.end_bytes() - 1).unwrap();
        assert!(matches!(
            verify(&file, &target),
            Err(VerityError::Read { .. })
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn one_flipped_bit_anywhere_is_found(at in 0_u64..(304 * 4096), bit in 0_u8..8) {
            let (file, target) = sealed();
            let at = at % target.end_bytes();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
            prop_assert!(verify(&file, &target).is_err());
        }

        #[test]
        fn any_text_is_read_without_panic_and_what_is_read_is_written_again(text in "[0-9a-f:]{0,200}") {
            if let Some(target) = VerityTarget::parse(&text) {
                prop_assert_eq!(VerityTarget::parse(&target.to_string()), Some(target));
            }
        }
    }
}
