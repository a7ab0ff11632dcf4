//! The compressed stream cut into pieces, each encrypted, flushed, named and read back before the next one begins.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::rc::Rc;

use age::stream::StreamWriter;
use age::x25519::Recipient;
use rustix::fs::{Advice, fadvise};
use sha2::{Digest, Sha256};

use super::ExportError;
use super::bill::{self, Piece};
use super::kept::Kept;
use super::sink::Sink;
use crate::system::durable::Growing;

const BUFFER_BYTES: usize = 1 << 20;

/// A writer that makes pieces of what it gets.
pub(super) struct Pieces<'a> {
    sink: &'a mut Sink,
    recipients: &'a [Recipient],
    piece_bytes: u64,
    /// Of an earlier attempt, the first still to come first.
    kept: std::vec::IntoIter<Kept>,
    done: Vec<Piece>,
    whole: Rc<Cell<usize>>,
    open: Option<Open>,
}

/// The piece that is being filled.
struct Open {
    taken: u64,
    to: To,
}

enum To {
    /// It is there already: is it the same?
    Compare(Box<Sha256>, Box<Kept>),
    Write(Box<StreamWriter<Hashing>>),
}

impl<'a> Pieces<'a> {
    pub(super) fn new(
        sink: &'a mut Sink,
        recipients: &'a [Recipient],
        piece_bytes: u64,
        kept: Vec<Kept>,
    ) -> Self {
        Self {
            sink,
            recipients,
            piece_bytes,
            kept: kept.into_iter(),
            done: Vec::new(),
            whole: Rc::default(),
            open: None,
        }
    }

    /// Follows how many pieces are whole, while the packers hold this.
    pub(super) fn counter(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.whole)
    }

    /// Ends the last piece.
    pub(super) fn finish(mut self) -> std::io::Result<Vec<Piece>> {
        self.end_piece().map_err(std::io::Error::other)?;
        if self.kept.next().is_some() {
            return Err(std::io::Error::other(ExportError::Changed));
        }
        Ok(self.done)
    }

    fn begin_piece(&mut self) -> Result<Open, ExportError> {
        if self.done.len() >= bill::PIECES_LIMIT {
            return Err(ExportError::TooLarge);
        }
        let to = match self.kept.next() {
            Some(kept) => To::Compare(Box::default(), Box::new(kept)),
            None => To::Write(Box::new(self.encrypted()?)),
        };
        Ok(Open { taken: 0, to })
    }

    fn encrypted(&self) -> Result<StreamWriter<Hashing>, ExportError> {
        let path = self.sink.path(&bill::piece_name(self.done.len()));
        let hashing = Hashing {
            file: BufWriter::with_capacity(BUFFER_BYTES, Growing::begin(&path)?),
            digest: Sha256::new(),
            bytes: 0,
        };
        let keys = self.recipients.iter().map(|key| key as &dyn age::Recipient);
        age::Encryptor::with_recipients(keys)?
            .wrap_output(hashing)
            .map_err(|source| ExportError::Target { path, source })
    }

    fn end_piece(&mut self) -> Result<(), ExportError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let name = bill::piece_name(self.done.len());
        let path = self.sink.path(&name);
        let failed = |source| ExportError::Target {
            path: path.clone(),
            source,
        };
        let piece = match open.to {
            To::Compare(digest, kept) => {
                if digest.finalize() != kept.plain {
                    return Err(ExportError::Changed);
                }
                kept.piece
            }
            To::Write(stream) => {
                let hashing = stream.finish().map_err(failed)?;
                let piece = Piece {
                    name,
                    bytes: hashing.bytes,
                    sha256: hex::encode(hashing.digest.finalize()),
                };
                let file = hashing
                    .file
                    .into_inner()
                    .map_err(|e| failed(e.into_error()))?;
                file.finish()?;
                read_back(&path, &piece)?;
                piece
            }
        };
        self.sink.pass_on(&piece.name)?;
        self.done.push(piece);
        self.whole.set(self.done.len());
        Ok(())
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin_piece().map_err(std::io::Error::other)?,
        };
        let room = usize::try_from(self.piece_bytes - open.taken).unwrap_or(usize::MAX);
        let part = bytes.get(..room.min(bytes.len())).unwrap_or(bytes);
        match &mut open.to {
            To::Compare(digest, _) => digest.update(part),
            To::Write(stream) => stream.write_all(part).map_err(|source| {
                let path = self.sink.path(&bill::piece_name(self.done.len()));
                std::io::Error::other(ExportError::Target { path, source })
            })?,
        }
        open.taken += u64::try_from(part.len()).unwrap_or(0);
        let full = open.taken >= self.piece_bytes;
        self.open = Some(open);
        if full {
            self.end_piece().map_err(std::io::Error::other)?;
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        // A piece is flushed when it is whole.
        Ok(())
    }
}

/// Hashes what goes to the file.
struct Hashing {
    file: BufWriter<Growing>,
    digest: Sha256,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        self.bytes += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Reads the piece from the medium, not from memory: it was flushed, so its pages can be let go before.
fn read_back(path: &Path, piece: &Piece) -> Result<(), ExportError> {
    let (bytes, sha256) = digest_on_medium(path)?;
    if bytes == piece.bytes && sha256 == piece.sha256 {
        return Ok(());
    }
    Err(ExportError::ReadBack(path.to_path_buf()))
}

/// Length and SHA-256 of a file as the medium gives it.
pub(super) fn digest_on_medium(path: &Path) -> Result<(u64, String), ExportError> {
    let digest = || {
        let mut file = File::open(path)?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
        let (mut digest, mut bytes) = (Sha256::new(), 0u64);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok((bytes, hex::encode(digest.finalize())));
            }
            digest.update(buffer.get(..read).unwrap_or_default());
            bytes += u64::try_from(read).unwrap_or(0);
        }
    };
    digest().map_err(|source| ExportError::Target {
        path: path.to_path_buf(),
        source,
    })
}
