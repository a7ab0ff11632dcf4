//! A release directory, as targets.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use posto_release::manifest::{Manifest, ManifestError, SIZE_LIMIT_BYTES};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::durable::{self, FileError, NewFile, failed};
use crate::hashes::{self, Hashes, Mismatch, Untaken};
use crate::metadata::TargetFile;
use crate::rollout::{self, Rollout};
use crate::source::{SourceError, TargetPath};

/// What an update does not need: the image for flashing is hundreds of megabytes that only sticks for new boxes carry.
const NOT_FOR_UPDATES: &str = "disk.img";

/// Why a release cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// No manifest.
    #[error("{0} has no manifest.json: it is not a release directory")]
    NoManifest(PathBuf),
    /// Its manifest.
    #[error("{path}: {source}")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
    /// A file that is not what the manifest says.
    #[error("{path}: {why}; the release is not published")]
    Content {
        /// Which.
        path: PathBuf,
        /// What differs.
        why: Mismatch,
    },
    /// A file of the manifest that is not there.
    #[error("{0} is named in the manifest and is not there")]
    Missing(PathBuf),
    /// A number that cannot be.
    #[error("the release says that it was built at {0}")]
    Built(u64),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name.
    #[error(transparent)]
    Path(#[from] SourceError),
}

/// A file to be copied into the repository.
#[derive(Debug, Clone)]
pub struct Copy {
    /// From here.
    pub from: PathBuf,
    /// To here, in the targets folder.
    pub to: TargetPath,
    /// What it must be.
    pub file: TargetFile,
}

/// A release, read and measured; its files are hashed when they are copied.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its terms, before the publisher changes them.
    pub terms: Rollout,
    /// Its targets by path; the manifest's without terms.
    pub targets: BTreeMap<String, TargetFile>,
    /// The files to copy.
    pub copies: Vec<Copy>,
}

impl Release {
    /// Reads a release directory. `channel` is who follows it.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(folder: &Path, channel: &str) -> Result<Self, ReleaseError> {
        let path = folder.join("manifest.json");
        let text = durable::read(&path, SIZE_LIMIT_BYTES as u64)?
            .ok_or_else(|| ReleaseError::NoManifest(folder.to_path_buf()))?;
        let manifest = Manifest::from_json(&text).map_err(|source| ReleaseError::Manifest {
            path: path.clone(),
            source,
        })?;
        let built = manifest.identity.built;
        let terms = Rollout {
            release: manifest.identity.release.clone(),
            built_s: i64::try_from(built).map_err(|_| ReleaseError::Built(built))?,
            channel: channel.to_owned(),
            not_before: None,
            percent: rollout::RINGS,
            minimum_memory_mib: manifest.minimum_box.memory_mib,
            minimum_disk_bytes: manifest.minimum_box.disk_bytes,
            standing: rollout::Standing::Offered,
        };
        let mut release = Self {
            terms,
            targets: BTreeMap::new(),
            copies: Vec::new(),
        };
        let hash: [u8; 32] = Sha256::digest(&text).into();
        release.add(path, "manifest.json", text.len() as u64, &hash)?;
        for (name, entry) in &manifest.files {
            if !name.starts_with(NOT_FOR_UPDATES) && name != "manifest.json" {
                release.add(folder.join(name), name, entry.bytes, &entry.sha256)?;
            }
        }
        Ok(release)
    }

    fn add(
        &mut self,
        from: PathBuf,
        name: &str,
        length: u64,
        hash: &[u8; 32],
    ) -> Result<(), ReleaseError> {
        let path = format!("releases/{}/{name}", self.terms.release);
        let file = TargetFile {
            length,
            hashes: Hashes::sha256(hash),
            custom: Value::Null,
        };
        self.copies.push(Copy {
            from,
            to: TargetPath::new(&path, file.hashes.naming())?,
            file: file.clone(),
        });
        self.targets.insert(path, file);
        Ok(())
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.copies.iter().map(|copy| copy.file.length).sum()
    }
}

/// The terms as a target's `custom`.
#[must_use]
pub fn custom(terms: &Rollout) -> Value {
    json!({ rollout::CUSTOM: terms })
}

impl Copy {
    /// Copies the file below `targets`, and checks it on the way; one that is there and right stays.
    /// `progress` is told the bytes as they go.
    ///
    /// # Errors
    /// When it is not what it must be, or the disk refuses.
    pub fn execute(
        &self,
        targets: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), ReleaseError> {
        let to = targets.join(self.to.as_str());
        if let Some(there) = durable::open(&to)?
            && self.check(there, &to, |_| Ok(())).is_ok()
        {
            progress(self.file.length);
            return Ok(());
        }
        let from =
            durable::open(&self.from)?.ok_or_else(|| ReleaseError::Missing(self.from.clone()))?;
        if let Some(parent) = to.parent() {
            durable::directory(parent)?;
        }
        let mut new = NewFile::begin(&to, 0o644)?;
        let copied = self.check(from, &self.from, |piece| {
            progress(piece.len() as u64);
            new.write(piece)
        });
        match copied {
            Ok(()) => Ok(new.finish()?),
            Err(error) => {
                new.forget();
                Err(error)
            }
        }
    }

    fn check(
        &self,
        from: impl Read,
        path: &Path,
        take: impl FnMut(&[u8]) -> Result<(), FileError>,
    ) -> Result<(), ReleaseError> {
        hashes::read(from, self.file.length, &self.file.hashes, take).map_err(|why| match why {
            Untaken::Read(source) => failed("could not read", path)(source).into(),
            Untaken::Other(why) => ReleaseError::Content {
                path: path.to_path_buf(),
                why,
            },
            Untaken::Taker(error) => error.into(),
        })
    }
}
