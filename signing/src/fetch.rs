//! A large target in pieces whose hashes were signed: what a dead link, a power cut or another mirror left behind is gone on with,
//! to the byte, from whichever source answers.
//!
//! The file grows in its place (`Partial`); nobody uses it before it is whole. A piece that is complete and wrong is cut off again.
//! What is asked of whom after a failure is decided in `turns`, without I/O.

mod list;
mod partial;
mod pieces;
mod turns;

use std::collections::BTreeSet;
use std::io::Read;
use std::time::Duration;

pub use list::{LIST_MAX_BYTES, ListError};
pub use partial::Partial;
pub use pieces::{PIECE_MAX_BYTES, PIECES_MAX, Piece, Pieces, PiecesError};

use self::partial::Taken;
use self::turns::{Next, Turns};
use crate::durable::FileError;
use crate::source::{Source, TargetPath};

/// Asked for at once at least, where as much is missing: a question and its answer cost some 600 bytes.
pub(crate) const ASKED_BYTES: u64 = 4 << 20;
/// An answer that brings less is as good as none: who sends a byte at a time ends as who sends nothing.
const WORTH_A_QUESTION_BYTES: u64 = 16 << 10;
const BUFFER_BYTES: usize = 16 << 10;

/// Why a fetch ended before the file was whole. What came is kept, and the next fetch goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody brought any more of it.
    #[error(
        "{have_bytes} of {all_bytes} bytes are here and kept; no source brings more: {last}; the next try goes on from there"
    )]
    NobodyAnswers {
        /// What is here.
        have_bytes: u64,
        /// Of how much.
        all_bytes: u64,
        /// What the last one said.
        last: String,
    },
    /// Every source sent something else than what was signed.
    #[error(
        "{have_bytes} of {all_bytes} bytes are here and kept; every source sends something else than what was signed"
    )]
    NobodyHonest {
        /// What is here.
        have_bytes: u64,
        /// Of how much.
        all_bytes: u64,
    },
    /// It would cost more than what is left.
    #[error(
        "{have_bytes} of {all_bytes} bytes are here and kept; the rest is more than the budget has left; it goes on when there is more, or from a stick"
    )]
    OverBudget {
        /// What is here.
        have_bytes: u64,
        /// Of how much.
        all_bytes: u64,
    },
    /// The disk.
    #[error(transparent)]
    File(#[from] FileError),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are here.
    pub have_bytes: u64,
    /// Of how many.
    pub all_bytes: u64,
    /// Bytes that were read from sources that cost, wrong ones included.
    pub paid_bytes: u64,
}

/// A source and what it costs.
pub struct Offer<'a> {
    /// Where the file may be.
    pub source: &'a mut dyn Source,
    /// Whether its bytes count against the budget: a stick's do not.
    pub costs: bool,
}

/// What a fetch asks of the box around it.
pub struct Around<'a> {
    /// Waits.
    pub pause: &'a mut dyn FnMut(Duration),
    /// Any number: so that boxes that lost one link do not come back in one moment.
    pub random: &'a mut dyn FnMut() -> u32,
    /// Whether so many more bytes may be paid for. Asked before each question that costs.
    pub may: &'a mut dyn FnMut(u64) -> bool,
    /// Told after each piece of what came.
    pub say: &'a mut dyn FnMut(Progress),
}

/// Brings the rest of the file at `path` (of the targets folder), and says what it cost.
///
/// # Errors
/// [`FetchError`]; what came is kept.
pub fn fetch(
    path: &TargetPath,
    pieces: &Pieces,
    partial: &mut Partial,
    offers: &mut [Offer<'_>],
    around: &mut Around<'_>,
) -> Result<Progress, FetchError> {
    let mut turns = Turns::new(offers.len());
    let mut run = Run {
        pieces,
        partial,
        givers: Givers::default(),
        paid_bytes: 0,
    };
    let mut last = "there is no source".to_owned();
    while !run.partial.is_whole(pieces) {
        let (have_bytes, all_bytes) = (run.partial.bytes(), pieces.bytes());
        let index = match turns.next() {
            Next::Ask(index) => index,
            Next::Pause(length) => {
                (around.pause)(turns::jittered(length, (around.random)()));
                continue;
            }
            Next::End if turns.all_were_wrong() => {
                return Err(FetchError::NobodyHonest {
                    have_bytes,
                    all_bytes,
                });
            }
            Next::End => {
                return Err(FetchError::NobodyAnswers {
                    have_bytes,
                    all_bytes,
                    last,
                });
            }
        };
        let Some(offer) = offers.get_mut(index) else {
            turns.failed(index);
            continue;
        };
        run.begin_turn(index)?;
        let from = run.partial.bytes();
        let asked = pieces.rest(from, ASKED_BYTES);
        if offer.costs && !(around.may)(asked) {
            return Err(FetchError::OverBudget {
                have_bytes: from,
                all_bytes,
            });
        }
        let ended = match offer.source.part(path, from, asked) {
            Ok(reader) => run.read(reader, asked, offer.costs, around.say)?,
            Err(error) => Ended::Broken(error.to_string()),
        };
        match ended {
            Ended::Whole => turns.came(index),
            Ended::Broken(why) => {
                last = why;
                // A link that dies again and again in the middle of an answer still brings the file nearer.
                if run.partial.bytes() - from >= WORTH_A_QUESTION_BYTES {
                    turns.came(index);
                } else {
                    turns.failed(index);
                }
            }
            Ended::Wrong if run.partial.bytes() >= from || run.givers.only(index) => {
                turns.wrong(index);
            }
            // Whose bytes were wrong is not known; from now on it will be.
            Ended::Wrong => run.givers.one_a_piece = true,
        }
        run.end_turn(index, from);
    }
    run.partial.flush()?;
    Ok(run.progress())
}

/// How an answer ended.
enum Ended {
    /// All that was asked for came.
    Whole,
    /// Less, and why.
    Broken(String),
    /// A piece was complete and not what was signed.
    Wrong,
}

/// Who gave bytes of the piece that is not complete yet.
#[derive(Default)]
struct Givers {
    of_this_piece: BTreeSet<Giver>,
    /// After a wrong piece of several: each piece comes from one, so that it is known who lies.
    one_a_piece: bool,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Giver {
    /// What lay there before: an earlier fetch, or what a power cut made of it.
    Earlier,
    Source(usize),
}

impl Givers {
    fn only(&self, index: usize) -> bool {
        self.of_this_piece.len() == 1 && self.of_this_piece.contains(&Giver::Source(index))
    }
}

struct Run<'a> {
    pieces: &'a Pieces,
    partial: &'a mut Partial,
    givers: Givers,
    paid_bytes: u64,
}

impl Run<'_> {
    fn begin_turn(&mut self, index: usize) -> Result<(), FileError> {
        let in_the_middle = self.partial.piece_began(self.pieces) < self.partial.bytes();
        let givers = &mut self.givers;
        if in_the_middle && givers.of_this_piece.is_empty() {
            givers.of_this_piece.insert(Giver::Earlier);
        }
        givers.of_this_piece.insert(Giver::Source(index));
        if givers.one_a_piece && in_the_middle && !givers.only(index) {
            givers.of_this_piece = BTreeSet::from([Giver::Source(index)]);
            self.partial.begin_piece_again(self.pieces)?;
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress {
            have_bytes: self.partial.bytes(),
            all_bytes: self.pieces.bytes(),
            paid_bytes: self.paid_bytes,
        }
    }

    /// After an answer that began at `from`.
    fn end_turn(&mut self, index: usize, from: u64) {
        let began = self.partial.piece_began(self.pieces);
        if began == self.partial.bytes() {
            self.givers.of_this_piece.clear();
        } else if began >= from {
            self.givers.of_this_piece = BTreeSet::from([Giver::Source(index)]);
        }
    }

    fn read(
        &mut self,
        reader: impl Read,
        asked: u64,
        costs: bool,
        say: &mut dyn FnMut(Progress),
    ) -> Result<Ended, FileError> {
        let mut reader = reader.take(asked);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut came_bytes = 0;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) if came_bytes == asked => return Ok(Ended::Whole),
                Ok(0) => return Ok(Ended::Broken("its answer broke off".to_owned())),
                Ok(count) => count,
                Err(error) => return Ok(Ended::Broken(error.to_string())),
            };
            let came = buffer.get(..count).unwrap_or_default();
            came_bytes += came.len() as u64;
            if costs {
                self.paid_bytes += came.len() as u64;
            }
            let taken = self.partial.take(came, self.pieces)?;
            say(self.progress());
            if taken == Taken::Wrong {
                return Ok(Ended::Wrong);
            }
        }
    }
}
