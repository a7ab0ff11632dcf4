//! The signed pieces of a file.

/// Most pieces of one file.
pub const PIECES_MAX: usize = 1 << 16;
/// Longest piece, bytes: a wrong one is fetched again, and is read in whole by who checks it.
pub const PIECE_MAX_BYTES: u64 = 16 << 20;

/// One piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// How long, bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// A file as a row of pieces without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    pieces: Vec<Piece>,
    /// Where each ends, bytes.
    ends: Vec<u64>,
}

/// Why a list of pieces is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PiecesError {
    /// None, or more than [`PIECES_MAX`].
    #[error("a file of {0} pieces; 1 to {PIECES_MAX} are taken")]
    Count(usize),
    /// Empty, or longer than [`PIECE_MAX_BYTES`].
    #[error("a piece of {0} bytes; 1 to {PIECE_MAX_BYTES} are taken")]
    Length(u64),
}

impl Pieces {
    /// A row of pieces.
    ///
    /// # Errors
    /// [`PiecesError`].
    pub fn new(pieces: Vec<Piece>) -> Result<Self, PiecesError> {
        if pieces.is_empty() || pieces.len() > PIECES_MAX {
            return Err(PiecesError::Count(pieces.len()));
        }
        let mut ends = Vec::with_capacity(pieces.len());
        let mut end = 0;
        for piece in &pieces {
            if !(1..=PIECE_MAX_BYTES).contains(&piece.bytes) {
                return Err(PiecesError::Length(piece.bytes));
            }
            // At most 2^16 times 2^24.
            end += piece.bytes;
            ends.push(end);
        }
        Ok(Self { pieces, ends })
    }

    /// All of them, in their order.
    #[must_use]
    pub fn all(&self) -> &[Piece] {
        &self.pieces
    }

    /// The file's length.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// The piece that the byte at `at` belongs to: (where it begins, the piece). `None` past the end.
    #[must_use]
    pub fn around(&self, at: u64) -> Option<(u64, Piece)> {
        let index = self.ends.partition_point(|end| *end <= at);
        let piece = *self.pieces.get(index)?;
        Some((self.ends.get(index)? - piece.bytes, piece))
    }

    /// How many bytes from `from` on are worth asking for at once: to a piece's end, `least` or more where there are as many.
    #[must_use]
    pub fn rest(&self, from: u64, least: u64) -> u64 {
        let index = self
            .ends
            .partition_point(|end| *end < from.saturating_add(least));
        let end = self.ends.get(index).copied().unwrap_or(self.bytes());
        end.saturating_sub(from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(lengths: &[u64]) -> Pieces {
        let piece = |bytes: &u64| Piece {
            bytes: *bytes,
            sha256: [0; 32],
        };
        Pieces::new(lengths.iter().map(piece).collect()).unwrap()
    }

    #[test]
    fn empty_endless_and_too_many_pieces_are_refused() {
        let of = |bytes| Piece {
            bytes,
            sha256: [0; 32],
        };
        assert_eq!(Pieces::new(vec![]), Err(PiecesError::Count(0)));
        assert_eq!(Pieces::new(vec![of(0)]), Err(PiecesError::Length(0)));
        assert_eq!(
            Pieces::new(vec![of(u64::MAX)]),
            Err(PiecesError::Length(u64::MAX))
        );
        let many = vec![of(1); PIECES_MAX + 1];
        assert_eq!(Pieces::new(many), Err(PiecesError::Count(PIECES_MAX + 1)));
    }

    proptest! {
        #[test]
        fn every_byte_belongs_to_one_piece_and_a_question_ends_with_a_piece(
            lengths in proptest::collection::vec(1..50_u64, 1..20), least in 0..100_u64
        ) {
            let row = pieces(&lengths);
            prop_assert_eq!(row.bytes(), lengths.iter().sum::<u64>());
            let mut ends = vec![];
            for at in 0..row.bytes() {
                let (began, piece) = row.around(at).unwrap();
                prop_assert!(began <= at && at < began + piece.bytes);
                ends.push(began + piece.bytes);
                let rest = row.rest(at, least);
                prop_assert!(rest >= least.min(row.bytes() - at));
                prop_assert!(at + rest <= row.bytes());
            }
            for at in 0..row.bytes() {
                prop_assert!(ends.contains(&(at + row.rest(at, least.max(1)))));
            }
            prop_assert_eq!(row.around(row.bytes()), None);
            prop_assert_eq!(row.rest(row.bytes(), least), 0);
        }
    }
}
