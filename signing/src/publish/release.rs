//! A release directory, as targets: its manifest, its records, and the patches that make it. Its images are not published:
//! a patch without a base is a third of them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use posto_release::kernel_line::ReleaseName;
use posto_release::manifest::{FileEntry, Manifest, ManifestError, SIZE_LIMIT_BYTES};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::patch::Patch;
use crate::durable::{self, FileError, NewFile, failed};
use crate::hashes::{self, Hashes, Mismatch, Untaken};
use crate::metadata::TargetFile;
use crate::rollout::{self, Rollout};
use crate::source::{SourceError, TargetPath};

const MANIFEST: &str = "manifest.json";
/// What is published besides: what people ask for who look into a release. A box needs the manifest and a patch.
const RECORDS: [&str; 2] = ["release.json", "sbom.cdx.json"];

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
    /// A name that stands for something else, or that no box would run.
    #[error("a release cannot be named {0:?}")]
    Name(String),
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
    pub from: Content,
    /// To here, in the targets folder.
    pub to: TargetPath,
    /// What it must be.
    pub file: TargetFile,
}

/// Where bytes are that are going to be published.
#[derive(Debug, Clone)]
pub enum Content {
    /// In a file.
    File(PathBuf),
    /// At hand.
    Bytes(Arc<[u8]>),
}

/// A release, read and measured; its files are hashed when they are copied.
#[derive(Debug, Clone)]
pub struct Release {
    /// What it consists of.
    pub manifest: Manifest,
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
        let path = folder.join(MANIFEST);
        let (text, manifest) = read_manifest(folder)?;
        let built = manifest.identity.built;
        let name = &manifest.identity.release;
        if ReleaseName::parse(name).is_err() || name.starts_with('.') || name == rollout::WHOLE {
            return Err(ReleaseError::Name(name.clone()));
        }
        let terms = Rollout {
            release: name.clone(),
            built_s: i64::try_from(built).map_err(|_| ReleaseError::Built(built))?,
            channel: channel.to_owned(),
            not_before: None,
            percent: rollout::RINGS,
            minimum_memory_mib: manifest.minimum_box.memory_mib,
            minimum_disk_bytes: manifest.minimum_box.disk_bytes,
            standing: rollout::Standing::Offered,
        };
        let records: Vec<(&str, FileEntry)> = RECORDS
            .iter()
            .filter_map(|name| Some((*name, manifest.files.get(*name)?.clone())))
            .collect();
        let mut release = Self {
            manifest,
            terms,
            targets: BTreeMap::new(),
            copies: Vec::new(),
        };
        let path_of = |name: &str| format!("releases/{}/{name}", release.terms.release);
        let mut files = vec![(path_of(MANIFEST), Content::File(path), of_bytes(&text))];
        for (name, entry) in records {
            let file = of_hash(entry.bytes, &entry.sha256);
            files.push((path_of(name), Content::File(folder.join(name)), file));
        }
        for (path, from, file) in files {
            release.add(path, from, file)?;
        }
        Ok(release)
    }

    /// Adds a patch that makes the release, and the list of its pieces.
    ///
    /// # Errors
    /// When the base's name is no part of a path.
    pub fn add_patch(&mut self, from: &str, patch: &Patch) -> Result<(), ReleaseError> {
        let release = &self.terms.release;
        let (path, list_path) = (
            rollout::patch_path(release, from),
            rollout::pieces_path(release, from),
        );
        let list: Arc<[u8]> = patch.pieces.to_list().into();
        let list_file = of_bytes(&list);
        self.add(path, patch.content.clone(), patch.file.clone())?;
        self.add(list_path, Content::Bytes(list), list_file)
    }

    fn add(&mut self, path: String, from: Content, file: TargetFile) -> Result<(), ReleaseError> {
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

/// The manifest of a release directory, and its text.
///
/// # Errors
/// When it is none.
pub fn read_manifest(folder: &Path) -> Result<(Vec<u8>, Manifest), ReleaseError> {
    let path = folder.join(MANIFEST);
    let text = durable::read(&path, SIZE_LIMIT_BYTES as u64)?
        .ok_or_else(|| ReleaseError::NoManifest(folder.to_path_buf()))?;
    match Manifest::from_json(&text) {
        Ok(manifest) => Ok((text, manifest)),
        Err(source) => Err(ReleaseError::Manifest { path, source }),
    }
}

/// A target of this length and SHA-256.
pub(super) fn of_hash(length: u64, hash: &[u8; 32]) -> TargetFile {
    TargetFile {
        length,
        hashes: Hashes::sha256(hash),
        custom: Value::Null,
    }
}

fn of_bytes(bytes: &[u8]) -> TargetFile {
    of_hash(bytes.len() as u64, &Sha256::digest(bytes).into())
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
        let (from, path): (Box<dyn Read + '_>, &Path) = match &self.from {
            Content::Bytes(bytes) => (Box::new(bytes.as_ref()), &to),
            Content::File(path) => match durable::open(path)? {
                Some(file) => (Box::new(file), path),
                None => return Err(ReleaseError::Missing(path.clone())),
            },
        };
        if let Some(parent) = to.parent() {
            durable::directory(parent)?;
        }
        let mut new = NewFile::begin(&to, 0o644)?;
        let copied = self.check(from, path, |piece| {
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
