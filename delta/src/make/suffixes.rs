//! The longest place in an old file that begins like a given text: a suffix array and a table of its first two bytes.

use libsais::SuffixArrayConstruction;

/// All suffixes of a text in their order. Takes 4 bytes a byte of text and 256 KiB.
#[derive(Debug)]
pub struct Suffixes<'a> {
    text: &'a [u8],
    sorted: Vec<i32>,
    /// Where the suffixes that begin with a pair of bytes begin, and one more.
    pairs: Vec<u32>,
}

/// The text cannot be sorted.
#[derive(Debug, thiserror::Error)]
pub enum SuffixError {
    /// Longer than 2 GiB.
    #[error("a file of {0} bytes is too long to be compared (the limit is 2 GiB)")]
    TooLong(usize),
    /// The sorter failed, for want of memory.
    #[error("sorting {0} bytes failed: is there memory for five times as much?")]
    Sort(usize),
}

/// Where a text was found, and how much of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Place in the old text.
    pub at: usize,
    /// Bytes that are equal from there on.
    pub bytes: usize,
}

const PAIRS: usize = 1 << 16;

impl<'a> Suffixes<'a> {
    /// Sorts.
    ///
    /// # Errors
    /// When the text is too long, or there is no memory.
    pub fn of(text: &'a [u8]) -> Result<Self, SuffixError> {
        if i32::try_from(text.len()).is_err() {
            return Err(SuffixError::TooLong(text.len()));
        }
        let sorted = if text.is_empty() {
            Vec::new()
        } else {
            SuffixArrayConstruction::for_text(text)
                .in_owned_buffer32()
                .single_threaded()
                .run()
                .map_err(|_| SuffixError::Sort(text.len()))?
                .into_vec()
        };
        Ok(Self {
            text,
            sorted,
            pairs: pairs(text),
        })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The longest beginning of `wanted` that is in the text; nothing shorter than two bytes is found.
    #[must_use]
    pub fn longest(&self, wanted: &[u8]) -> Found {
        let mut best = Found::default();
        let Some(pair) = wanted.first_chunk::<2>() else {
            return best;
        };
        let pair = usize::from(u16::from_be_bytes(*pair));
        let bound = |number: usize| self.pairs.get(number).map_or(0, |at| *at as usize);
        let (mut low, mut high) = (bound(pair), bound(pair + 1));
        // Every suffix between two that share n bytes with the text shares them too: they are not compared again.
        let (mut low_shared, mut high_shared) = (2, 2);
        while low < high {
            let middle = low + (high - low) / 2;
            let at = self.sorted.get(middle).map_or(0, |at| *at as usize);
            let known = low_shared.min(high_shared);
            let (suffix, rest) = (
                self.text.get(at + known..).unwrap_or_default(),
                wanted.get(known..).unwrap_or_default(),
            );
            let more = shared(suffix, rest);
            let bytes = known + more;
            if bytes > best.bytes {
                best = Found { at, bytes };
            }
            if suffix.get(more) < rest.get(more) {
                (low, low_shared) = (middle + 1, bytes);
            } else {
                (high, high_shared) = (middle, bytes);
            }
            if more == rest.len() {
                break;
            }
        }
        best
    }
}

/// How many suffixes come before those that begin with each pair of bytes.
fn pairs(text: &[u8]) -> Vec<u32> {
    let mut counts = vec![0_u32; PAIRS + 1];
    for pair in text.windows(2) {
        if let [first, second] = pair
            && let Some(count) = counts.get_mut(usize::from(*first) << 8 | usize::from(*second))
        {
            *count += 1;
        }
    }
    let mut before = 0;
    for (number, count) in counts.iter_mut().enumerate() {
        // The last byte alone is a suffix too, the first among those that begin with it.
        if text
            .last()
            .is_some_and(|last| usize::from(*last) << 8 == number)
        {
            before += 1;
        }
        let here = *count;
        *count = before;
        before += here;
    }
    counts
}

/// How many bytes two texts have in common at their beginning.
#[must_use]
pub fn shared(one: &[u8], other: &[u8]) -> usize {
    const STEP: usize = 16;
    let (ones, others) = (one.as_chunks::<STEP>().0, other.as_chunks::<STEP>().0);
    let steps = ones.iter().zip(others).take_while(|(a, b)| a == b).count() * STEP;
    let rest = |text: &'_ [u8]| text.len().min(steps);
    let (one, other) = (
        one.get(rest(one)..).unwrap_or_default(),
        other.get(rest(other)..).unwrap_or_default(),
    );
    steps + one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_longest_place_is_found(
            text in proptest::collection::vec(0_u8..4, 0..200),
            wanted in proptest::collection::vec(0_u8..4, 0..40),
        ) {
            let suffixes = Suffixes::of(&text).unwrap();
            let found = suffixes.longest(&wanted);
            let best = (0..text.len()).map(|at| shared(&text[at..], &wanted)).max().unwrap_or(0);
            prop_assert_eq!(found.bytes, if best < 2 { 0 } else { best });
            prop_assert_eq!(&text[found.at..found.at + found.bytes], &wanted[..found.bytes]);
        }
    }
}
