//! The pieces one after the other as one decrypted stream. Each piece is hashed against the bill before a byte of it is decrypted,
//! and once more while it is: a stick may answer differently the second time.

use std::cell::RefCell;
use std::io::{BufReader, Read};
use std::rc::Rc;

use age::stream::StreamReader;
use age::x25519::Identity;
use sha2::{Digest, Sha256};

use super::source::Source;
use super::{ImportError, Progress};
use crate::snapshot::export::bill::{Bill, Piece};

const BUFFER_BYTES: usize = 1 << 20;

/// A reader of everything.
pub(super) struct Chain<'a> {
    source: &'a Source,
    bill: &'a Bill,
    identities: &'a [Identity],
    say: &'a mut dyn FnMut(Progress),
    /// Pieces begun.
    begun: usize,
    /// Bytes of the pieces that are over.
    done: u64,
    open: Option<Open<'a>>,
}

struct Open<'a> {
    piece: &'a Piece,
    plain: StreamReader<BufReader<Watched>>,
    seen: Seen,
}

type Seen = Rc<RefCell<(Sha256, u64)>>;

/// Hashes what passes.
struct Watched {
    inner: Box<dyn Read>,
    seen: Seen,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut seen = self.seen.borrow_mut();
        seen.0.update(buffer.get(..read).unwrap_or_default());
        seen.1 += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}

impl<'a> Chain<'a> {
    pub(super) fn new(
        source: &'a Source,
        bill: &'a Bill,
        identities: &'a [Identity],
        say: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            source,
            bill,
            identities,
            say,
            begun: 0,
            done: 0,
            open: None,
        }
    }

    /// Whether the last piece was read to its end.
    pub(super) fn is_at_end(&self) -> bool {
        self.open.is_none() && self.begun == self.bill.pieces.len()
    }

    fn begin(&self, piece: &'a Piece) -> Result<Open<'a>, ImportError> {
        let damaged = || ImportError::Piece(piece.name.clone());
        let mut digest = Sha256::new();
        let mut bytes = 0u64;
        // One byte more than there should be, never all of an endless file.
        let mut whole = self
            .source
            .open_file(&piece.name)?
            .take(piece.bytes.saturating_add(1));
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = whole
                .read(&mut buffer)
                .map_err(|source| ImportError::Read {
                    path: piece.name.clone().into(),
                    source,
                })?;
            if read == 0 {
                break;
            }
            digest.update(buffer.get(..read).unwrap_or_default());
            bytes += u64::try_from(read).unwrap_or(0);
        }
        if (bytes, hex::encode(digest.finalize())) != (piece.bytes, piece.sha256.clone()) {
            return Err(damaged());
        }
        let seen = Seen::default();
        let watched = Watched {
            inner: Box::new(self.source.open_file(&piece.name)?.take(piece.bytes)),
            seen: Rc::clone(&seen),
        };
        let keys = self.identities.iter().map(|key| key as &dyn age::Identity);
        let plain = age::Decryptor::new_buffered(BufReader::with_capacity(BUFFER_BYTES, watched))
            .and_then(|head| head.decrypt(keys))
            .map_err(|error| match error {
                age::DecryptError::NoMatchingKeys => ImportError::NoKey,
                _ => damaged(),
            })?;
        Ok(Open { piece, plain, seen })
    }

    fn next(&mut self) -> Result<Option<Open<'a>>, ImportError> {
        let Some(piece) = self.bill.pieces.get(self.begun) else {
            return Ok(None);
        };
        self.begun += 1;
        self.tell(0);
        self.begin(piece).map(Some)
    }

    fn tell(&mut self, of_this: u64) {
        let sizes = self.bill.pieces.iter().map(|piece| piece.bytes);
        (self.say)(Progress {
            done: self.done.saturating_add(of_this),
            all: sizes.fold(0, u64::saturating_add),
            piece: self.begun,
        });
    }
}

impl Read for Chain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => match self.next().map_err(std::io::Error::other)? {
                    Some(open) => open,
                    None => return Ok(0),
                },
            };
            let damaged = |_| std::io::Error::other(ImportError::Piece(open.piece.name.clone()));
            let read = open.plain.read(buffer).map_err(damaged)?;
            if read > 0 {
                let so_far = open.seen.borrow().1;
                self.open = Some(open);
                self.tell(so_far);
                return Ok(read);
            }
            let (digest, bytes) = open.seen.take();
            let found = (bytes, hex::encode(digest.finalize()));
            if found != (open.piece.bytes, open.piece.sha256.clone()) {
                let name = open.piece.name.clone();
                return Err(std::io::Error::other(ImportError::Piece(name)));
            }
            self.done = self.done.saturating_add(bytes);
        }
    }
}
