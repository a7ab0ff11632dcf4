//! A patch between two release directories.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use posto_release::manifest::{self, Manifest, ManifestError, ROOT};
use posto_release::slot_env::{INITRD, KERNEL};

use super::{MakeError, Options, Pair, Patch, Source, patch as patch_of};
use crate::index::Hash;

const MANIFEST: &str = "manifest.json";

/// Why there is no patch between two releases.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A file of a release directory cannot be read.
    #[error("the file {path} of the release cannot be read: {source}; no patch was made")]
    Read {
        /// Which.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
    /// Its manifest is none.
    #[error("{path}: {source}; no patch was made")]
    Manifest {
        /// Which.
        path: String,
        /// What is wrong.
        source: ManifestError,
    },
    /// A file is not what the manifest says.
    #[error(
        "the file {path} is not the one that the release's manifest names; build the release again, no patch was made"
    )]
    Other {
        /// Which.
        path: String,
    },
    /// Making it failed.
    #[error(transparent)]
    Make(#[from] MakeError),
}

struct Opened {
    file: File,
    bytes: u64,
    sha256: Hash,
    root_hash: Hash,
    path: String,
}

/// The patch that brings a box from the release in the directory `old` to the one in `new`; without `old`, the same format with
/// nothing but new bytes.
///
/// # Errors
/// When a release directory is incomplete or not what its manifest says, or making fails.
pub fn patch(old: Option<&Path>, new: &Path, options: &Options) -> Result<Patch, ReleaseError> {
    let old = old.map(open).transpose()?;
    let new = open(new)?;
    let pairs: Vec<Pair<'_, File>> = new
        .iter()
        .enumerate()
        .map(|(number, (name, new))| Pair {
            name,
            old: old
                .as_ref()
                .and_then(|old| old.get(number))
                .map(|(_, old)| source(old)),
            new: source(new),
        })
        .collect();
    let patch = patch_of(&pairs, options)?;
    for (number, image) in patch.index.images().iter().enumerate() {
        let sides = [
            (old.as_ref().and_then(|old| old.get(number)), &image.base),
            (new.get(number), &image.target),
        ];
        for (opened, side) in sides {
            if let Some((_, opened)) = opened
                && opened.sha256 != side.sha256
            {
                return Err(ReleaseError::Other {
                    path: opened.path.clone(),
                });
            }
        }
    }
    Ok(patch)
}

fn source(opened: &Opened) -> Source<'_, File> {
    Source {
        data: &opened.file,
        bytes: opened.bytes,
        root_hash: opened.root_hash,
    }
}

fn open(release: &Path) -> Result<Vec<(&'static str, Opened)>, ReleaseError> {
    let path = release.join(MANIFEST);
    let mut text = Vec::new();
    File::open(&path)
        .and_then(|file| {
            file.take(manifest::SIZE_LIMIT_BYTES as u64 + 1)
                .read_to_end(&mut text)
        })
        .map_err(|source| ReleaseError::Read {
            path: path.display().to_string(),
            source,
        })?;
    let manifest = Manifest::from_json(&text).map_err(|source| ReleaseError::Manifest {
        path: path.display().to_string(),
        source,
    })?;
    let mut images = Vec::new();
    // The root's hash tree is not sent: the box computes it from the root.
    for name in [ROOT, KERNEL, INITRD] {
        let path = release.join(name);
        let read = |source| ReleaseError::Read {
            path: path.display().to_string(),
            source,
        };
        let Some(entry) = manifest.files.get(name) else {
            return Err(ReleaseError::Other {
                path: path.display().to_string(),
            });
        };
        let file = File::open(&path).map_err(read)?;
        let bytes = file.metadata().map_err(read)?.len();
        images.push((
            name,
            Opened {
                file,
                bytes,
                sha256: entry.sha256,
                root_hash: if name == ROOT {
                    manifest.verity.root_hash
                } else {
                    Hash::default()
                },
                path: path.display().to_string(),
            },
        ));
    }
    Ok(images)
}
