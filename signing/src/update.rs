//! One update: the workflow's questions asked of a source, its answers kept.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::durable::{self, FileError, NewFile, failed};
use crate::fetch::{LIST_MAX_BYTES, ListError, Pieces};
use crate::hashes::{self, Mismatch, Untaken};
use crate::metadata::TargetFile;
use crate::rollout::Way;
use crate::source::{Source, SourceError, TargetPath, flat_name};
use crate::state::{StateError, TrustedState};
use crate::workflow::{Found, Refusal, Verified, Workflow};

/// Why an update ended early. What was kept before stays trusted.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// What came is not trusted.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// Nothing came.
    #[error("not fetched: {0}")]
    Source(#[from] SourceError),
    /// It could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// Nobody who may has signed such a target.
    #[error("{0}: no release of that name is signed")]
    Unknown(String),
    /// The fetched target is not what was signed.
    #[error("refused: {path}: {why}")]
    Target {
        /// Its path.
        path: String,
        /// What differs.
        why: Mismatch,
    },
    /// The target is longer than what belongs there.
    #[error("refused: {path} has {bytes} bytes, {max_bytes} at most belong there")]
    TooLong {
        /// Its path.
        path: String,
        /// Its signed length.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// The list of a patch's pieces is none, or another file's.
    #[error("refused: {path}: {why}")]
    Pieces {
        /// Its path.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The target could not be kept.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Brings the four roles up to date.
///
/// # Errors
/// When something is refused, cannot be fetched or cannot be kept.
pub fn refresh(
    workflow: &mut Workflow,
    source: &mut dyn Source,
    state: &mut dyn TrustedState,
) -> Result<(), UpdateError> {
    state.apply(&workflow.opening())?;
    while let Some(request) = workflow.request() {
        let answer = source.metadata(&request)?;
        let changes = workflow.answer(answer)?;
        state.apply(&changes)?;
    }
    Ok(())
}

/// Looks for a target, through delegations where needed, after a [`refresh`].
///
/// # Errors
/// As [`refresh`], and when there is none.
pub fn find(
    workflow: &mut Workflow,
    path: &str,
    source: &mut dyn Source,
    state: &mut dyn TrustedState,
) -> Result<Verified<Found>, UpdateError> {
    workflow.search(path)?;
    refresh(workflow, source, state)?;
    workflow
        .found()
        .cloned()
        .ok_or_else(|| UpdateError::Unknown(path.to_owned()))
}

/// 5.7. Fetches a target into a folder, under one flat name; what lies there and is right already is not fetched again.
///
/// # Errors
/// When it is not what was signed, cannot be fetched or cannot be kept. Nothing wrong is ever under its name.
pub fn download(
    found: &Verified<Found>,
    consistent: bool,
    source: &mut dyn Source,
    folder: &Path,
) -> Result<PathBuf, UpdateError> {
    let plain = TargetPath::new(&found.path, None)?;
    let place = folder.join(flat_name(&plain));
    // 5.7.1 asks for verified targets: that is what `found` is. What is there already may be it.
    if let Some(there) = durable::open(&place)?
        && read_all(found, Box::new(there), &place, |_| Ok(())).is_ok()
    {
        return Ok(place);
    }
    let reader = source.target(&target_path(found, consistent)?)?;
    durable::directory(folder)?;
    let mut new = NewFile::begin(&place, 0o644)?;
    // 5.7.2. No more bytes than signed, and the signed hashes, before it gets its name.
    match read_all(found, reader, &place, |piece| new.write(piece)) {
        Ok(()) => {
            new.finish()?;
            Ok(place)
        }
        Err(error) => {
            new.forget();
            Err(error)
        }
    }
}

/// 5.7.3. Where a found target lies: under the name with its hash, where the repository is a `consistent` one.
///
/// # Errors
/// When it has no hash that is known, or its path leaves the targets folder.
pub fn target_path(found: &Found, consistent: bool) -> Result<TargetPath, UpdateError> {
    let name = found
        .file
        .hashes
        .naming()
        .ok_or_else(|| UpdateError::Target {
            path: found.path.clone(),
            why: Mismatch::Unknown,
        })?;
    Ok(TargetPath::new(&found.path, consistent.then_some(name))?)
}

/// 5.7. Fetches a small target into memory. One that was signed longer than `max_bytes` is not asked for.
///
/// # Errors
/// When it is longer, not what was signed, or cannot be fetched.
pub fn target_bytes(
    found: &Verified<Found>,
    consistent: bool,
    source: &mut dyn Source,
    max_bytes: u64,
) -> Result<Vec<u8>, UpdateError> {
    let path = &found.path;
    let bytes = found.file.length;
    if bytes > max_bytes {
        return Err(UpdateError::TooLong {
            path: path.clone(),
            bytes,
            max_bytes,
        });
    }
    let reader = source.target(&target_path(found, consistent)?)?;
    let mut content = Vec::new();
    read_all(found, reader, Path::new(path), |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(content)
}

/// 5.7.2. Reads a target through without keeping it: is it there, whole, as signed? `say` is told the bytes as they go.
///
/// # Errors
/// When it is not what was signed, or cannot be read.
pub fn check(
    found: &Verified<Found>,
    consistent: bool,
    source: &mut dyn Source,
    say: &mut dyn FnMut(u64),
) -> Result<(), UpdateError> {
    let reader = source.target(&target_path(found, consistent)?)?;
    read_all(found, reader, Path::new(&found.path), |piece| {
        say(piece.len() as u64);
        Ok(())
    })
}

/// A patch that may be fetched piece by piece ([`crate::fetch::fetch`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetchable {
    /// Where its sources have it.
    pub path: TargetPath,
    /// Its signed pieces.
    pub pieces: Pieces,
    /// Its signed length and hashes. The pieces are signed by the same role: a file of the right pieces is the target.
    pub file: TargetFile,
}

/// Looks up a way's two targets and fetches its list of pieces, some kilobytes.
///
/// # Errors
/// As [`find`] and [`target_bytes`], and when the list is not one of such a file.
pub fn fetchable(
    workflow: &mut Workflow,
    way: &Way,
    source: &mut dyn Source,
    state: &mut dyn TrustedState,
) -> Result<Fetchable, UpdateError> {
    let consistent = workflow.root().consistent_snapshot;
    let patch = find(workflow, &way.patch, source, state)?;
    let list = find(workflow, &way.pieces, source, state)?;
    let refused = |why: String| UpdateError::Pieces {
        path: way.pieces.clone(),
        why,
    };
    let content = target_bytes(&list, consistent, source, LIST_MAX_BYTES)?;
    let pieces = Pieces::parse(&content).map_err(|why: ListError| refused(why.to_string()))?;
    if pieces.bytes() != patch.file.length {
        return Err(refused(format!(
            "its pieces come to {} bytes, the patch was signed with {}",
            pieces.bytes(),
            patch.file.length
        )));
    }
    Ok(Fetchable {
        path: target_path(&patch, consistent)?,
        pieces,
        file: patch.file.clone(),
    })
}

fn read_all(
    found: &Found,
    reader: Box<dyn Read>,
    path: &Path,
    take: impl FnMut(&[u8]) -> Result<(), FileError>,
) -> Result<(), UpdateError> {
    let file = &found.file;
    hashes::read(reader, file.length, &file.hashes, take).map_err(|why| match why {
        Untaken::Read(source) => failed("could not fetch", path)(source).into(),
        Untaken::Other(why) => UpdateError::Target {
            path: found.path.clone(),
            why,
        },
        Untaken::Taker(error) => error.into(),
    })
}
