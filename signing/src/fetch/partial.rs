//! The file while it grows in its place.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::pieces::Pieces;
use crate::durable::{self, FileError};

const BUFFER_BYTES: usize = 256 << 10;

/// A file that grows. What its complete pieces hold was compared with what was signed; the rest is not known yet.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    bytes: u64,
    /// Of the piece that is not complete yet.
    hash: Sha256,
}

/// What became of bytes that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// They are kept.
    Kept,
    /// With them a piece was complete and not what was signed; the file ends before it again.
    Wrong,
}

impl Partial {
    /// Opens the file at `path`, or makes an empty one. All that is in it is read and compared: it ends before the first piece that
    /// is wrong (a power cut may leave zeros where something was written). What is no regular file is refused.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open(path: &Path, pieces: &Pieces) -> Result<Self, FileError> {
        let refused = failed(path, "could not open");
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(path)
            .map_err(&refused)?;
        let found = file.metadata().map_err(&refused)?;
        if !found.is_file() {
            return Err(refused(std::io::Error::other("it is not a regular file")));
        }
        // Its name has to outlive a power cut as its content does.
        durable::sync_parent(path).map_err(&refused)?;
        let mut partial = Self {
            file,
            path: path.to_path_buf(),
            bytes: 0,
            hash: Sha256::new(),
        };
        partial.look(found.len(), pieces)?;
        Ok(partial)
    }

    /// How long it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_whole(&self, pieces: &Pieces) -> bool {
        self.bytes == pieces.bytes()
    }

    /// Where the piece begins that is not complete; the end, where all are.
    pub(super) fn piece_began(&self, pieces: &Pieces) -> u64 {
        pieces
            .around(self.bytes)
            .map_or(self.bytes, |(began, _)| began)
    }

    /// Throws away what there is of the piece that is not complete.
    pub(super) fn begin_piece_again(&mut self, pieces: &Pieces) -> Result<(), FileError> {
        self.cut(self.piece_began(pieces))
    }

    /// Flushes it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn flush(&self) -> Result<(), FileError> {
        let refused = failed(&self.path, "could not flush");
        self.file.sync_all().map_err(refused)
    }

    /// Keeps bytes that came behind those that are there. Past the last piece nothing is kept.
    pub(super) fn take(&mut self, came: &[u8], pieces: &Pieces) -> Result<Taken, FileError> {
        let mut left = came;
        while let Some((began, piece)) = pieces.around(self.bytes)
            && !left.is_empty()
        {
            let missing = began + piece.bytes - self.bytes;
            let length = usize::try_from(missing).map_or(left.len(), |most| left.len().min(most));
            let (now, later) = left.split_at_checked(length).unwrap_or((left, &[]));
            let refused = failed(&self.path, "could not write");
            self.file.write_all_at(now, self.bytes).map_err(&refused)?;
            self.hash.update(now);
            self.bytes += now.len() as u64;
            left = later;
            if self.bytes == began + piece.bytes {
                if <[u8; 32]>::from(self.hash.finalize_reset()) != piece.sha256 {
                    self.cut(began)?;
                    return Ok(Taken::Wrong);
                }
                self.file.sync_data().map_err(&refused)?;
            }
        }
        Ok(Taken::Kept)
    }

    fn look(&mut self, length: u64, pieces: &Pieces) -> Result<(), FileError> {
        let refused = failed(&self.path, "could not read");
        let length = length.min(pieces.bytes());
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut wrong = None;
        let mut reader = (&self.file).take(length);
        while wrong.is_none() {
            let count = reader.read(&mut buffer).map_err(&refused)?;
            let mut left = buffer.get(..count).unwrap_or_default();
            if left.is_empty() {
                break;
            }
            while let Some((began, piece)) = pieces.around(self.bytes)
                && !left.is_empty()
            {
                let missing = began + piece.bytes - self.bytes;
                let most = usize::try_from(missing).unwrap_or(usize::MAX);
                let (now, later) = left.split_at_checked(most).unwrap_or((left, &[]));
                self.hash.update(now);
                self.bytes += now.len() as u64;
                left = later;
                if self.bytes == began + piece.bytes
                    && <[u8; 32]>::from(self.hash.finalize_reset()) != piece.sha256
                {
                    wrong = Some(began);
                    break;
                }
            }
        }
        self.cut(wrong.unwrap_or(self.bytes))
    }

    /// Ends the file here.
    fn cut(&mut self, at: u64) -> Result<(), FileError> {
        let refused = failed(&self.path, "could not shorten");
        self.file.set_len(at).map_err(&refused)?;
        if at < self.bytes {
            // Only a piece's beginning is ever cut to.
            self.hash = Sha256::new();
        }
        self.bytes = at;
        Ok(())
    }
}

fn failed(path: &Path, doing: &'static str) -> impl Fn(std::io::Error) -> FileError + use<> {
    let path = path.to_path_buf();
    move |source| FileError {
        path: path.clone(),
        doing,
        source,
    }
}
