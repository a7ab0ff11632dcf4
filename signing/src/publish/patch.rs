//! A patch that is going to be published: read to its end, compared with the release that it makes, cut into pieces.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use posto_delta::index::{Image, Index, IndexError, Side};
use posto_release::manifest::{Manifest, ROOT};
use posto_release::slot_env::{INITRD, KERNEL};
use sha2::{Digest, Sha256};

use super::release::{self, Content};
use crate::durable::{self, FileError, failed};
use crate::fetch::{Piece, Pieces, PiecesError};
use crate::metadata::TargetFile;

/// Length of a piece. A dead link costs nothing, the file grows to the byte; a power cut or a lying mirror costs a piece at most:
/// 512 KiB are 4 s at 1 Mbit/s. Each piece is flushed: for 240 MB of whole frames from a stick 460 times, some 5 s of a disk whose
/// heads move. The list of them is 17 KB then, 1.5 KB for a month's 21 MB.
const PIECE_BYTES: usize = 512 << 10;

/// Images of a release, in the order in which a box writes them.
const IMAGES: [&str; 3] = [ROOT, KERNEL, INITRD];

/// Why a patch is not published.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// Its head.
    #[error("{path}: {source}")]
    Head {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: IndexError,
    },
    /// Its bytes.
    #[error("{path}: {why}; make the patch again, nothing was published")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It makes another release.
    #[error(
        "{path} does not make this release's {image}; it was made for another build, nothing was published"
    )]
    OtherTarget {
        /// Which.
        path: PathBuf,
        /// The image.
        image: &'static str,
    },
    /// Some of its images have a base and others have none.
    #[error("{0} has a base for some images only; nothing was published")]
    HalfBase(PathBuf),
    /// There is no such file.
    #[error("{0}: there is no such file")]
    Missing(PathBuf),
    /// Its pieces.
    #[error("{path}: {source}")]
    Pieces {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: PiecesError,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The images that a patch begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base([Side; IMAGES.len()]);

impl Base {
    /// Whether they are the images of this release.
    #[must_use]
    pub fn is_of(&self, manifest: &Manifest) -> bool {
        IMAGES
            .iter()
            .zip(&self.0)
            .all(|(name, side)| names(manifest, name, side))
    }
}

/// A patch, checked.
#[derive(Debug, Clone)]
pub struct Patch {
    /// What it begins with; nothing where its frames are whole.
    pub base: Option<Base>,
    /// Its length and hash.
    pub file: TargetFile,
    /// Its pieces.
    pub pieces: Pieces,
    /// Its bytes.
    pub content: Content,
}

impl Patch {
    /// Reads a patch file and compares it with the release that it should make.
    ///
    /// # Errors
    /// When it is damaged or makes something else.
    pub fn read(path: &Path, manifest: &Manifest) -> Result<Self, PatchError> {
        let file = durable::open(path)?.ok_or_else(|| PatchError::Missing(path.to_path_buf()))?;
        let content = Content::File(path.to_path_buf());
        check(std::io::BufReader::new(file), path, manifest, content)
    }

    /// The same with a patch that was made just now; `path` names it in messages.
    ///
    /// # Errors
    /// As [`Patch::read`].
    pub fn made(bytes: Vec<u8>, path: &Path, manifest: &Manifest) -> Result<Self, PatchError> {
        let bytes: Arc<[u8]> = bytes.into();
        check(
            bytes.as_ref(),
            path,
            manifest,
            Content::Bytes(bytes.clone()),
        )
    }
}

/// Whether the manifest names this image.
fn names(manifest: &Manifest, name: &str, side: &Side) -> bool {
    let entry = manifest.files.get(name);
    entry.is_some_and(|entry| entry.bytes == side.bytes && entry.sha256 == side.sha256)
        && (name != ROOT || side.root_hash == manifest.verity.root_hash)
}

fn check(
    reader: impl Read,
    path: &Path,
    manifest: &Manifest,
    content: Content,
) -> Result<Patch, PatchError> {
    let damaged = |why: &str| PatchError::Damaged {
        path: path.to_path_buf(),
        why: why.to_owned(),
    };
    let mut reader = Measured::new(reader);
    let index = Index::read(&mut reader).map_err(|source| PatchError::Head {
        path: path.to_path_buf(),
        source,
    })?;
    let base = base(&index, path, manifest)?;
    let mut frame = Vec::new();
    for entry in index.frames().iter().map(|frame| &frame.entry) {
        frame.clear();
        (&mut reader)
            .take(u64::from(entry.encoded_bytes))
            .read_to_end(&mut frame)
            .map_err(failed("could not read", path))?;
        if frame.len() != entry.encoded_bytes as usize {
            return Err(damaged("it ends before its last frame does"));
        }
        if <[u8; 32]>::from(Sha256::digest(&frame)) != entry.encoded_sha256 {
            return Err(damaged("a frame is not the one that its head names"));
        }
    }
    let more = reader
        .read(&mut [0])
        .map_err(failed("could not read", path))?;
    if more > 0 {
        return Err(damaged("there is something after its last frame"));
    }
    let (hash, length, pieces) = reader.measured();
    Ok(Patch {
        base,
        file: release::of_hash(length, &hash),
        pieces: Pieces::new(pieces).map_err(|source| PatchError::Pieces {
            path: path.to_path_buf(),
            source,
        })?,
        content,
    })
}

/// What the patch begins with, if it makes this release and nothing else.
fn base(index: &Index, path: &Path, manifest: &Manifest) -> Result<Option<Base>, PatchError> {
    let mut sides = [Side::default(); IMAGES.len()];
    for (name, side) in IMAGES.into_iter().zip(&mut sides) {
        let made = |image: &&Image| image.name == name && names(manifest, name, &image.target);
        let image = index.images().iter().find(made);
        let other = || PatchError::OtherTarget {
            path: path.to_path_buf(),
            image: name,
        };
        *side = image.ok_or_else(other)?.base;
    }
    if index.images().len() != IMAGES.len() {
        return Err(PatchError::Damaged {
            path: path.to_path_buf(),
            why: "it makes more than a release's images".to_owned(),
        });
    }
    match sides.iter().filter(|side| side.bytes == 0).count() {
        0 => Ok(Some(Base(sides))),
        count if count == sides.len() => Ok(None),
        _ => Err(PatchError::HalfBase(path.to_path_buf())),
    }
}

/// Measures what is read through it.
struct Measured<R> {
    reader: R,
    all: Sha256,
    length: u64,
    pieces: Vec<Piece>,
    piece: Sha256,
    piece_bytes: usize,
}

impl<R: Read> Measured<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            all: Sha256::new(),
            length: 0,
            pieces: Vec::new(),
            piece: Sha256::new(),
            piece_bytes: 0,
        }
    }

    fn end_piece(&mut self) {
        if self.piece_bytes > 0 {
            self.pieces.push(Piece {
                bytes: self.piece_bytes as u64,
                sha256: self.piece.finalize_reset().into(),
            });
            self.piece_bytes = 0;
        }
    }

    /// SHA-256, length and pieces of all that was read.
    fn measured(mut self) -> ([u8; 32], u64, Vec<Piece>) {
        self.end_piece();
        (self.all.finalize().into(), self.length, self.pieces)
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // Never over a piece's end, so that each hash ends where its piece does.
        let most = buffer.len().min(PIECE_BYTES - self.piece_bytes);
        let count = self
            .reader
            .read(buffer.get_mut(..most).unwrap_or_default())?;
        let came = buffer.get(..count).unwrap_or_default();
        self.all.update(came);
        self.piece.update(came);
        self.length += came.len() as u64;
        self.piece_bytes += came.len();
        if self.piece_bytes == PIECE_BYTES {
            self.end_piece();
        }
        Ok(count)
    }
}
