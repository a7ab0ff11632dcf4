//! A disk that writes down what it was told, in the order in which it was told: every write with its bytes, every flush.
//!
//! Two files in one folder: `writes` has the bytes one after the other, `index` 16 bytes an entry (place on the disk and
//! length, little-endian; a flush has length 0). An entry is there before the machine hears that it was accepted, so the
//! length of `index` is a position that anybody may ask for: what was acknowledged by then was caused by entries before it.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use super::drive::Disk;
use super::pending::{SECTOR_BYTES, Write};

const INDEX: &str = "index";
const WRITES: &str = "writes";
const ENTRY_BYTES: usize = 16;

/// The disk; its medium has everything at once.
#[derive(Debug)]
pub struct Recorder {
    files: Mutex<Files>,
    length: u64,
}

#[derive(Debug)]
struct Files {
    medium: File,
    writes: File,
    index: File,
}

impl Files {
    fn note(&mut self, at: u64, bytes: &[u8]) -> std::io::Result<()> {
        let mut entry = [0; ENTRY_BYTES];
        let (place, length) = entry.split_at_mut(8);
        place.copy_from_slice(&at.to_le_bytes());
        length.copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        // The bytes first: what the index has is there.
        self.writes.write_all(bytes)?;
        self.index.write_all(&entry)
    }
}

impl Recorder {
    /// A disk whose medium is the file `medium`; what it is told is written down in `folder`.
    ///
    /// # Errors
    /// When the files cannot be opened or made.
    pub fn open(medium: &Path, folder: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).open(medium);
        let medium = file.with_context(|| format!("cannot open the disk {}", medium.display()))?;
        Ok(Self {
            length: medium.metadata()?.len(),
            files: Mutex::new(Files {
                medium,
                writes: File::create(folder.join(WRITES))?,
                index: File::create(folder.join(INDEX))?,
            }),
        })
    }

    fn files(&self) -> std::sync::MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Recorder {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&self, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        self.files().medium.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> std::io::Result<()> {
        let sectors =
            bytes.len().is_multiple_of(SECTOR_BYTES) && at.is_multiple_of(SECTOR_BYTES as u64);
        if !sectors || at.saturating_add(bytes.len() as u64) > self.length {
            return Err(std::io::Error::other(
                "not whole sectors, or beyond the disk's end",
            ));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let mut files = self.files();
        files.note(at, bytes)?;
        files.medium.write_all_at(bytes, at)
    }

    fn flush(&self) -> std::io::Result<()> {
        self.files().note(0, &[])
    }
}

/// What the machine told its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Bytes for a place.
    Write {
        /// Bytes from the disk's start.
        at: u64,
        /// How many.
        length: usize,
        /// Where they are in the record.
        from: u64,
    },
    /// Everything before is durable.
    Flush,
}

/// What a [`Recorder`] wrote down, for whoever reads it, also while it goes on.
#[derive(Debug, Clone)]
pub struct Record {
    folder: PathBuf,
}

impl Record {
    /// The one in `folder`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
    }

    /// How many entries there are now.
    ///
    /// # Errors
    /// When nobody records there.
    pub fn position(&self) -> Result<u64> {
        let index = self.folder.join(INDEX);
        let found = index
            .metadata()
            .with_context(|| format!("no record at {}", index.display()))?;
        Ok(found.len() / ENTRY_BYTES as u64)
    }

    /// All entries.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let index = std::fs::read(self.folder.join(INDEX))?;
        let number = |bytes: &[u8]| {
            let bytes: [u8; 8] = bytes.try_into().unwrap_or_default();
            u64::from_le_bytes(bytes)
        };
        let mut from = 0;
        let mut all = Vec::with_capacity(index.len() / ENTRY_BYTES);
        for entry in index.chunks_exact(ENTRY_BYTES) {
            let (at, length) = entry.split_at(8);
            let (at, length) = (number(at), number(length));
            all.push(match usize::try_from(length)? {
                0 => Entry::Flush,
                length => Entry::Write { at, length, from },
            });
            from += length;
        }
        Ok(all)
    }

    /// The bytes of writes.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub fn bytes(&self) -> Result<Bytes> {
        Ok(Bytes {
            file: File::open(self.folder.join(WRITES))?,
        })
    }
}

/// The bytes of recorded writes.
#[derive(Debug)]
pub struct Bytes {
    file: File,
}

impl Bytes {
    /// A recorded write with its bytes; `None`: it is a flush.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of(&self, entry: Entry) -> Result<Option<Write>> {
        let Entry::Write { at, length, from } = entry else {
            return Ok(None);
        };
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, from)?;
        Ok(Some(Write { at, bytes }))
    }
}
