//! The root as an uncompressed erofs image, and its dm-verity tree.

use std::fs::File;
use std::path::Path;

use posto_release::verity::{BLOCK_BYTES, VerityTarget};
use sha2::{Digest, Sha256};

use crate::place::{self, PlaceError};
use crate::tools::{ToolError, ToolsRoot};

/// The image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ErofsError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// mkfs.erofs or veritysetup failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// veritysetup printed something else than a root hash.
    #[error("veritysetup's output is not understood: {0}")]
    Verity(String),
    /// The release is too large for its slot.
    #[error(
        "the release does not fit: root and hash tree take {taken_bytes} bytes, a root slot has {slot_bytes}. Look at sizes.txt of a \
         smaller build (posto-image sizes) for what to leave out; nothing was published"
    )]
    TooLarge {
        /// Root and tree.
        taken_bytes: u64,
        /// The slot.
        slot_bytes: u64,
    },
}

/// Makes `work/root.erofs` from `work/root`. Every file gets the build's time; owners and modes stay as they are.
///
/// # Errors
/// When mkfs.erofs fails.
pub fn make(tools: &ToolsRoot, work: &Path, release: &str) -> Result<(), ErofsError> {
    let epoch = tools.epoch().to_string();
    let uuid = uuid_of(&format!("posto root {release}"));
    tools.run(
        &[
            // With SOURCE_DATE_EPOCH set it would only clamp times, and what is older would keep the host's.
            "env",
            "-u",
            "SOURCE_DATE_EPOCH",
            "mkfs.erofs",
            "--quiet",
            "-T",
            &epoch,
            "--all-time",
            "-U",
            &uuid,
            "-x",
            "1",
            "/build/root.erofs",
            "/build/root",
        ],
        work,
    )?;
    Ok(())
}

/// Makes `work/root.verity` for `work/root.erofs`: the tree alone, for the blocks right after the data.
///
/// # Errors
/// When veritysetup fails or the two would not fit a slot of `slot_bytes`.
pub fn seal(
    tools: &ToolsRoot,
    work: &Path,
    release: &str,
    slot_bytes: u64,
) -> Result<VerityTarget, ErofsError> {
    let image = work.join("root.erofs");
    let block = BLOCK_BYTES as u64;
    let length_bytes = image
        .metadata()
        .map_err(place::at("cannot read", &image))?
        .len()
        .next_multiple_of(block);
    File::options()
        .write(true)
        .open(&image)
        .and_then(|file| file.set_len(length_bytes))
        .map_err(place::at("cannot write", &image))?;
    // The salt need not be secret; it must be the same for the same release.
    let salt = hex::encode(Sha256::digest(format!("posto verity salt {release}")));
    let uuid = uuid_of(&format!("posto verity {release}"));
    let said = tools.run(
        &[
            "veritysetup",
            "format",
            "--no-superblock",
            "--data-block-size=4096",
            "--hash-block-size=4096",
            "--hash=sha256",
            "--format=1",
            &format!("--salt={salt}"),
            &format!("--uuid={uuid}"),
            "/build/root.erofs",
            "/build/root.verity",
        ],
        work,
    )?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let root_hash = said
        .lines()
        .find_map(|line| line.strip_prefix("Root hash:"))
        .map(str::trim)
        .ok_or_else(|| ErofsError::Verity(said.clone()))?;
    let data_blocks = length_bytes / block;
    let tree = work.join("root.verity");
    let tree_bytes = tree
        .metadata()
        .map_err(place::at("cannot read", &tree))?
        .len();
    let taken_bytes = length_bytes + tree_bytes;
    if taken_bytes > slot_bytes {
        return Err(ErofsError::TooLarge {
            taken_bytes,
            slot_bytes,
        });
    }
    let line = format!("{data_blocks}:{data_blocks}:{root_hash}:{salt}");
    VerityTarget::parse(&line).ok_or(ErofsError::Verity(line))
}

/// A UUID (version 8: our own making) from a text.
pub fn uuid_of(text: &str) -> String {
    let mut bytes: Vec<u8> = Sha256::digest(text).to_vec();
    bytes.truncate(16);
    if let Some(byte) = bytes.get_mut(6) {
        *byte = (*byte & 0x0f) | 0x80;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = (*byte & 0x3f) | 0x80;
    }
    let hex = hex::encode(bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_of_version_8_and_follows_from_its_text() {
        let uuid = uuid_of("a");
        assert_eq!(uuid, uuid_of("a"));
        assert_ne!(uuid, uuid_of("b"));
        assert_eq!((uuid.len(), uuid.as_bytes()[14]), (36, b'8'));
    }
}
