//! Where an export lies: in its directory, or in one tar file as `posto snapshot export --to -` writes it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tar::{Archive, EntryType};

use super::ImportError;
use crate::snapshot::export::{PARTIAL, WHOLE, bill};

/// Pieces and what goes along.
const ENTRIES_LIMIT: usize = bill::PIECES_LIMIT + 16;
const BUFFER_BYTES: usize = 1 << 20;

/// An export's files.
#[derive(Debug)]
pub enum Source {
    /// In a directory.
    Directory(PathBuf),
    /// In a tar file: offset and length of each.
    Tar(PathBuf, BTreeMap<String, (u64, u64)>),
}

impl Source {
    /// Finds the export at `path`: its directory, the directory that it alone lies in, its bill, or a tar file.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let failed = |source| ImportError::Read {
            path: path.to_path_buf(),
            source,
        };
        let found = std::fs::metadata(path).map_err(failed)?;
        if found.is_dir() {
            return directory(path).map(Self::Directory);
        }
        if path.file_name().is_some_and(|name| name == bill::FILE) {
            let beside = path.parent().unwrap_or(Path::new("."));
            return Ok(Self::Directory(beside.to_path_buf()));
        }
        let entries = entries(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::Other | std::io::ErrorKind::UnexpectedEof => {
                ImportError::NoExport(path.to_path_buf())
            }
            _ => failed(error),
        })?;
        if entries.contains_key(bill::FILE) {
            Ok(Self::Tar(path.to_path_buf(), entries))
        } else {
            Err(ImportError::NoExport(path.to_path_buf()))
        }
    }

    /// The file of this name (one of ours), from its beginning.
    pub(super) fn open_file(&self, name: &str) -> Result<BufReader<Box<dyn Read>>, ImportError> {
        let missing = || ImportError::Missing(name.to_string());
        let failed = |path: &Path, source: std::io::Error| {
            if source.kind() == std::io::ErrorKind::NotFound {
                return missing();
            }
            ImportError::Read {
                path: path.to_path_buf(),
                source,
            }
        };
        let reader: Box<dyn Read> = match self {
            Self::Directory(directory) => {
                let path = directory.join(name);
                Box::new(File::open(&path).map_err(|source| failed(&path, source))?)
            }
            Self::Tar(path, entries) => {
                let (offset, bytes) = *entries.get(name).ok_or_else(missing)?;
                let open = || {
                    let mut file = File::open(path)?;
                    file.seek(SeekFrom::Start(offset))?;
                    Ok(file.take(bytes))
                };
                Box::new(open().map_err(|source| failed(path, source))?)
            }
        };
        Ok(BufReader::with_capacity(BUFFER_BYTES, reader))
    }

    /// A small file's content.
    pub(super) fn small(&self, name: &str, limit_bytes: u64) -> Result<Vec<u8>, ImportError> {
        let mut content = Vec::new();
        let mut reader = self.open_file(name)?.take(limit_bytes + 1);
        reader
            .read_to_end(&mut content)
            .map_err(|source| ImportError::Read {
                path: name.into(),
                source,
            })?;
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > limit_bytes {
            return Err(ImportError::Piece(name.to_string()));
        }
        Ok(content)
    }
}

/// The export's own directory.
fn directory(path: &Path) -> Result<PathBuf, ImportError> {
    if path.join(bill::FILE).is_file() {
        return Ok(path.to_path_buf());
    }
    let entries = std::fs::read_dir(path).map_err(|source| ImportError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let (mut whole, mut unfinished) = (Vec::new(), None);
    for entry in entries.filter_map(Result::ok).take(ENTRIES_LIMIT) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(WHOLE) && entry.path().is_dir() {
            whole.push(entry.path());
        } else if name.ends_with(PARTIAL) {
            unfinished = Some(entry.path());
        }
    }
    if path.to_string_lossy().ends_with(PARTIAL) {
        unfinished = Some(path.to_path_buf());
    }
    match (whole.pop(), whole.is_empty(), unfinished) {
        (Some(one), true, _) if one.join(bill::FILE).is_file() => Ok(one),
        (Some(one), true, _) => Err(ImportError::NoExport(one)),
        (Some(_), false, _) => Err(ImportError::Several(path.to_path_buf())),
        (None, _, Some(unfinished)) => Err(ImportError::Unfinished(unfinished)),
        (None, _, None) => Err(ImportError::NoExport(path.to_path_buf())),
    }
}

/// Where each file lies in the tar file. Only plain names in one directory count.
fn entries(path: &Path) -> std::io::Result<BTreeMap<String, (u64, u64)>> {
    let mut archive = Archive::new(File::open(path)?);
    let mut entries = BTreeMap::new();
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let whole = entry.path_bytes();
        let name = whole
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default();
        let Ok(name) = std::str::from_utf8(name) else {
            continue;
        };
        if entry.header().entry_type() == EntryType::Regular {
            entries.insert(name.to_string(), (entry.raw_file_position(), entry.size()));
        }
        if entries.len() > ENTRIES_LIMIT {
            return Err(std::io::Error::other("too many files"));
        }
    }
    Ok(entries)
}
