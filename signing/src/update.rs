//! One update: the workflow's questions asked of a source, its answers kept.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::durable::{self, FileError, NewFile, failed};
use crate::hashes::{self, Mismatch, Untaken};
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
    let file = &found.file;
    let name = file.hashes.naming().ok_or_else(|| UpdateError::Target {
        path: found.path.clone(),
        why: Mismatch::Unknown,
    })?;
    let plain = TargetPath::new(&found.path, None)?;
    let place = folder.join(flat_name(&plain));
    // 5.7.1 asks for verified targets: that is what `found` is. What is there already may be it.
    if let Some(there) = durable::open(&place)?
        && read_all(found, Box::new(there), &place, |_| Ok(())).is_ok()
    {
        return Ok(place);
    }
    // 5.7.3. The name with the hash, where the repository is a consistent one.
    let path = TargetPath::new(&found.path, consistent.then_some(name))?;
    let reader = source.target(&path)?;
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
