//! The file while it grows in its place.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::pieces::Pieces;
use crate::durable::{self, FileError, failed};

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

/// What bytes made of their piece.
enum Compared {
    /// It is not complete yet.
    Inside,
    /// It is what was signed.
    Right,
    /// It is not.
    Wrong {
        /// Where it began, bytes.
        began: u64,
    },
}

impl Partial {
    /// Opens the file at `path`, or makes an empty one. All that is in it is read and compared: it ends before the first piece that
    /// is wrong (a power cut may leave zeros where something was written). What is no regular file is refused.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open(path: &Path, pieces: &Pieces) -> Result<Self, FileError> {
        let refused = failed("could not open", path);
        let mut options = File::options();
        options.read(true).write(true).create(true).mode(0o600);
        let file = durable::open_regular(path, &mut options).map_err(&refused)?;
        let length = file.metadata().map_err(&refused)?.len();
        // Its name has to outlive a power cut as its content does.
        durable::sync_parent(path).map_err(&refused)?;
        let mut partial = Self {
            file,
            path: path.to_path_buf(),
            bytes: 0,
            hash: Sha256::new(),
        };
        partial.look(length, pieces)?;
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
        let refused = failed("could not flush", &self.path);
        self.file.sync_all().map_err(refused)
    }

    /// Keeps bytes that came behind those that are there. Past the last piece nothing is kept.
    pub(super) fn take(&mut self, came: &[u8], pieces: &Pieces) -> Result<Taken, FileError> {
        let mut left = came;
        while let Some((now, later)) = self.of_this_piece(left, pieces) {
            let refused = failed("could not write", &self.path);
            self.file.write_all_at(now, self.bytes).map_err(&refused)?;
            match self.compare(now, pieces) {
                Compared::Inside => {}
                Compared::Right => self.file.sync_data().map_err(&refused)?,
                Compared::Wrong { began } => {
                    self.cut(began)?;
                    return Ok(Taken::Wrong);
                }
            }
            left = later;
        }
        Ok(Taken::Kept)
    }

    /// Compares what the first `length` bytes of the file hold, and ends the file where it is wrong.
    fn look(&mut self, length: u64, pieces: &Pieces) -> Result<(), FileError> {
        let refused = failed("could not read", &self.path);
        let file = self.file.try_clone().map_err(&refused)?;
        let mut reader = file.take(length.min(pieces.bytes()));
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = reader.read(&mut buffer).map_err(&refused)?;
            let mut left = buffer.get(..count).unwrap_or_default();
            if left.is_empty() {
                return self.cut(self.bytes);
            }
            while let Some((now, later)) = self.of_this_piece(left, pieces) {
                if let Compared::Wrong { began } = self.compare(now, pieces) {
                    return self.cut(began);
                }
                left = later;
            }
        }
    }

    /// Of bytes that follow: those that belong to the piece that is not complete, and the rest. `None`: there are none.
    fn of_this_piece<'a>(&self, bytes: &'a [u8], pieces: &Pieces) -> Option<(&'a [u8], &'a [u8])> {
        let (began, piece) = pieces.around(self.bytes)?;
        let missing = began + piece.bytes - self.bytes;
        let length = usize::try_from(missing).map_or(bytes.len(), |most| bytes.len().min(most));
        bytes
            .split_at_checked(length)
            .filter(|(now, _)| !now.is_empty())
    }

    /// Counts bytes of one piece that are in the file now.
    fn compare(&mut self, now: &[u8], pieces: &Pieces) -> Compared {
        let Some((began, piece)) = pieces.around(self.bytes) else {
            return Compared::Inside;
        };
        self.hash.update(now);
        self.bytes += now.len() as u64;
        if self.bytes < began + piece.bytes {
            Compared::Inside
        } else if <[u8; 32]>::from(self.hash.finalize_reset()) == piece.sha256 {
            Compared::Right
        } else {
            Compared::Wrong { began }
        }
    }

    /// Ends the file here.
    fn cut(&mut self, at: u64) -> Result<(), FileError> {
        let refused = failed("could not shorten", &self.path);
        self.file.set_len(at).map_err(&refused)?;
        if at < self.bytes {
            // Only a piece's beginning is ever cut to.
            self.hash = Sha256::new();
        }
        self.bytes = at;
        Ok(())
    }
}
