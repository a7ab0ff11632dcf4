//! The signed list of a file's pieces, itself a small target beside the file.
//!
//! Little-endian: `postopcs`, version u32 = 1, number of pieces u32, then for each piece its length u32 and its SHA-256.

use super::pieces::{PIECES_MAX, Piece, Pieces, PiecesError};

/// First bytes of a list.
const MAGIC: [u8; 8] = *b"postopcs";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 16;
const ENTRY_BYTES: usize = 4 + 32;

/// Longest list, bytes.
pub const LIST_MAX_BYTES: u64 = (HEAD_BYTES + PIECES_MAX * ENTRY_BYTES) as u64;

/// Why something is no list of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Another kind of file.
    #[error("this is not a list of a file's pieces")]
    Magic,
    /// Made by a later program.
    #[error("the list of pieces has format {0}, this program reads {VERSION}")]
    Version(u32),
    /// It says one number and holds another.
    #[error("the list of pieces is not as long as it says")]
    Length,
    /// What it says cannot be.
    #[error(transparent)]
    Pieces(#[from] PiecesError),
}

impl Pieces {
    /// Reads a list.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(list: &[u8]) -> Result<Self, ListError> {
        let (magic, rest) = list.split_first_chunk().ok_or(ListError::Magic)?;
        if *magic != MAGIC {
            return Err(ListError::Magic);
        }
        let (version, rest) = number(rest)?;
        if version != VERSION {
            return Err(ListError::Version(version));
        }
        let (count, rest) = number(rest)?;
        let count = count as usize;
        // Compared before memory is taken: the list is as long as what is here.
        if count > PIECES_MAX || rest.len() != count * ENTRY_BYTES {
            return Err(ListError::Length);
        }
        let pieces: Result<Vec<Piece>, ListError> =
            rest.chunks_exact(ENTRY_BYTES).map(piece).collect();
        Ok(Self::new(pieces?)?)
    }

    /// The list's bytes.
    #[must_use]
    pub fn to_list(&self) -> Vec<u8> {
        let mut list = MAGIC.to_vec();
        list.extend(VERSION.to_le_bytes());
        // Both numbers were bounded when the row was made: 2^16 pieces of 2^24 bytes at most.
        list.extend((self.all().len() as u32).to_le_bytes());
        for piece in self.all() {
            list.extend((piece.bytes as u32).to_le_bytes());
            list.extend(piece.sha256);
        }
        list
    }
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8]), ListError> {
    let (number, rest) = bytes.split_first_chunk().ok_or(ListError::Length)?;
    Ok((u32::from_le_bytes(*number), rest))
}

fn piece(entry: &[u8]) -> Result<Piece, ListError> {
    let (bytes, hash) = number(entry)?;
    Ok(Piece {
        bytes: u64::from(bytes),
        sha256: hash.try_into().map_err(|_| ListError::Length)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fetch::PIECE_MAX_BYTES;

    #[test]
    fn what_is_no_list_is_refused() {
        let row = Pieces::new(vec![
            Piece {
                bytes: 5,
                sha256: [1; 32],
            };
            2
        ])
        .unwrap();
        let list = row.to_list();
        assert_eq!(list.len(), HEAD_BYTES + 2 * ENTRY_BYTES);
        for length in 0..list.len() {
            assert!(Pieces::parse(&list[..length]).is_err(), "{length}");
        }
        let changed = |at: usize, byte: u8| {
            let mut list = list.clone();
            list[at] = byte;
            Pieces::parse(&list)
        };
        assert_eq!(changed(0, 0), Err(ListError::Magic));
        assert_eq!(changed(8, 2), Err(ListError::Version(2)));
        assert_eq!(changed(12, 3), Err(ListError::Length));
        assert_eq!(changed(15, 255), Err(ListError::Length));
        let long = 5 + (2 << 24);
        assert_eq!(
            changed(19, 2),
            Err(ListError::Pieces(PiecesError::Length(long)))
        );
        let longer = [list.as_slice(), b"x"].concat();
        assert_eq!(Pieces::parse(&longer), Err(ListError::Length));
        let none = [&list[..12], &[0; 4]].concat();
        assert_eq!(
            Pieces::parse(&none),
            Err(ListError::Pieces(PiecesError::Count(0)))
        );
    }

    proptest! {
        #[test]
        fn a_list_reads_back_as_the_pieces_that_were_written(
            pieces in proptest::collection::vec((1..=PIECE_MAX_BYTES, any::<[u8; 32]>()), 1..40)
        ) {
            let pieces = pieces.into_iter().map(|(bytes, sha256)| Piece { bytes, sha256 });
            let row = Pieces::new(pieces.collect()).unwrap();
            prop_assert_eq!(Pieces::parse(&row.to_list()), Ok(row));
        }
    }
}
