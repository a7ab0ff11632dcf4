//! `manifest.json` of a release directory: what the release consists of and which box takes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::identity::ReleaseIdentity;
use crate::verity::VerityTarget;

/// Longest manifest read, bytes.
pub const SIZE_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// The root image's file name.
pub const ROOT: &str = "root.erofs";
/// Version of this format.
pub const FORMAT: u32 = 1;

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Same as inside the root.
    pub identity: ReleaseIdentity,
    /// Processor architecture, `x86_64`.
    pub architecture: String,
    /// The files by name (`root.img`, `vmlinuz`, `initrd.img`, `slot.env`, `disk.img`, ...).
    pub files: BTreeMap<String, FileEntry>,
    /// How the root is verified.
    pub verity: VerityTarget,
    /// Versions that people ask for: kernel, mariadb, java, tomcat, openmrs, ...
    pub versions: BTreeMap<String, String>,
    /// The smallest box that takes the release.
    pub minimum_box: MinimumBox,
}

/// One file of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// SHA-256.
    #[serde(with = "hex::serde")]
    pub sha256: [u8; 32],
    /// Size in bytes.
    pub bytes: u64,
}

/// The smallest box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinimumBox {
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Disk, bytes.
    pub disk_bytes: u64,
}

impl Default for MinimumBox {
    /// A Core i3 with 4 GB, of which firmware and graphics keep some.
    fn default() -> Self {
        Self {
            memory_mib: 3_500,
            disk_bytes: crate::layout::SMALLEST_DISK_BYTES,
        }
    }
}

/// Why a manifest is refused.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Longer than [`SIZE_LIMIT_BYTES`].
    #[error(
        "the manifest has {0} bytes, more than {SIZE_LIMIT_BYTES}; it is not a release's manifest"
    )]
    TooLong(usize),
    /// Not the JSON that is expected.
    #[error("the manifest is not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// Made by a later posto-image.
    #[error("the manifest has format {0}, this program reads {FORMAT}; take a newer program")]
    Format(u32),
    /// A name that would leave the release directory.
    #[error("the manifest names the file {0:?}, which is not a plain file name")]
    FileName(String),
}

impl Manifest {
    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// When it is too long, of another format, or names files outside its directory.
    pub fn from_json(text: &[u8]) -> Result<Self, ManifestError> {
        if text.len() > SIZE_LIMIT_BYTES {
            return Err(ManifestError::TooLong(text.len()));
        }
        let manifest: Self = serde_json::from_slice(text)?;
        if manifest.format != FORMAT {
            return Err(ManifestError::Format(manifest.format));
        }
        let plain = |name: &String| {
            !name.is_empty()
                && !name.starts_with('.')
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
        };
        match manifest.files.keys().find(|name| !plain(name)) {
            Some(name) => Err(ManifestError::FileName(name.clone())),
            None => Ok(manifest),
        }
    }

    /// The file's text, the same bytes for the same manifest.
    ///
    /// # Errors
    /// Never in practice: every field is plain text or a number.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Distro;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            identity: ReleaseIdentity {
                release: "1".into(),
                built: 1,
                distro: Distro {
                    name: "d".into(),
                    version: "1".into(),
                    stand_in: false,
                },
            },
            architecture: "x86_64".into(),
            files: BTreeMap::from([(
                "root.img".into(),
                FileEntry {
                    sha256: [1; 32],
                    bytes: 5,
                },
            )]),
            verity: VerityTarget {
                data_blocks: 2,
                hash_start: 2,
                root_hash: [2; 32],
                salt: vec![],
            },
            versions: BTreeMap::new(),
            minimum_box: MinimumBox::default(),
        }
    }

    #[test]
    fn a_manifest_reads_back_what_was_written() {
        assert_eq!(
            Manifest::from_json(&manifest().to_json().unwrap()).unwrap(),
            manifest()
        );
    }

    #[test]
    fn a_file_name_that_leaves_the_directory_is_refused() {
        for name in ["../x", "a/b", "", ".hidden"] {
            let mut bad = manifest();
            bad.files.insert(
                name.into(),
                FileEntry {
                    sha256: [0; 32],
                    bytes: 0,
                },
            );
            assert!(
                matches!(
                    Manifest::from_json(&bad.to_json().unwrap()),
                    Err(ManifestError::FileName(_))
                ),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(Manifest::from_json(&bytes));
        }
    }
}
