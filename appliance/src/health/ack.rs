//! The hub's answer: which numbers of one box it has kept, signed by the hub (its public key is in facility.toml). Nothing
//! leaves the box's spool before such an answer proves that it arrived. 96 bytes at most for one ping, a few more for each further
//! row of numbers (`docs/ping.cddl`).

use ed25519_dalek::VerifyingKey;
use minicbor::decode::Decoder;
use sha2::{Digest, Sha256};

use super::cose::{self, CoseError, KeyId, Opened, Verified};

/// The answer to one datagram: about it alone 96, with those before it that went without an answer at most this.
pub const ACK_LIMIT_BYTES: usize = 133;
/// The answer to a batch.
pub const BATCH_ACK_LIMIT_BYTES: usize = 3072;
/// Frames and hellos in one batch; each could be a row of its own.
pub const BATCH_LIMIT: usize = 256;
/// The largest payload: head, and two numbers of 5 bytes for each row.
const PAYLOAD_LIMIT_BYTES: usize = 40 + BATCH_LIMIT * 10;

const VERSION: u8 = 1;

/// What the hub did with what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The numbers named are on the hub's disk, now or before.
    Taken,
    /// It does not know the key: it waits for a hello.
    SayHello,
    /// It knows the key, but nobody has approved it yet. It keeps nothing; the box keeps its pings.
    Waiting,
    /// It has other words under these numbers (a box that lost its memory, or a copy of its disk): the box goes on with larger
    /// numbers.
    OtherWords,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Taken, Self::SayHello, Self::Waiting, Self::OtherWords];
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// To this box.
    pub to: KeyId,
    /// What was done.
    pub verdict: Verdict,
    /// Of the messages named that were not answered one by one ([`check`]): the hub holds these words, not only these numbers.
    pub check: Option<u32>,
    /// About these numbers: rows from the first to the last, rising, apart from each other.
    rows: heapless::Vec<(u32, u32), BATCH_LIMIT>,
}

/// What stands for these messages, in the order of their numbers: the first four bytes of their SHA-256.
#[must_use]
pub fn check<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut digest = Sha256::new();
    for message in messages {
        digest.update(message);
    }
    let digest = digest.finalize();
    digest
        .iter()
        .take(4)
        .fold(0, |word, byte| (word << 8) | u32::from(*byte))
}

/// Why an answer does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// Not signed, or not by this hub.
    #[error("the hub's answer: {0}")]
    Cose(#[from] CoseError),
    /// Signed, but not what `docs/ping.cddl` says.
    #[error("the hub's answer is not understood")]
    Content,
}

impl Ack {
    /// About these numbers, in any order; more than [`BATCH_LIMIT`] rows are left out (the box sends the rest again).
    #[must_use]
    pub fn new(to: KeyId, verdict: Verdict, sequences: &[u32]) -> Self {
        let mut sorted = sequences.to_vec();
        sorted.sort_unstable();
        let mut rows: heapless::Vec<(u32, u32), BATCH_LIMIT> = heapless::Vec::new();
        for sequence in sorted {
            match rows.last_mut() {
                Some((_, last)) if sequence <= last.saturating_add(1) => *last = sequence,
                _ => {
                    if rows.push((sequence, sequence)).is_err() {
                        break;
                    }
                }
            }
        }
        Self {
            to,
            verdict,
            check: None,
            rows,
        }
    }

    /// The same, which vouches for the words of what was not answered one by one.
    #[must_use]
    pub fn vouching(self, check: Option<u32>) -> Self {
        Self { check, ..self }
    }

    /// Whether it speaks of this number.
    #[must_use]
    pub fn names(&self, sequence: u32) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|(first, last)| (*first..=*last).contains(&sequence))
    }

    /// The numbers that it speaks of: first and last of each row.
    #[must_use]
    pub fn rows(&self) -> &[(u32, u32)] {
        &self.rows
    }

    /// Signs it with the hub's key. `sign`: Ed25519 over the bytes that it is given.
    ///
    /// # Errors
    /// Never in practice: the largest answer fits.
    pub fn seal(
        &self,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<heapless::Vec<u8, BATCH_ACK_LIMIT_BYTES>, CoseError> {
        let payload: heapless::Vec<u8, PAYLOAD_LIMIT_BYTES> = cose::written(|to| {
            to.map(4 + u64::from(self.check.is_some()))?
                .u8(0)?
                .u8(VERSION)?;
            to.u8(1)?.bytes(&self.to)?;
            to.u8(2)?.u8(self.verdict as u8)?;
            to.u8(3)?.array(2 * self.rows.len() as u64)?;
            for (first, last) in &self.rows {
                to.u32(*first)?.u32(last.saturating_sub(*first))?;
            }
            if let Some(check) = self.check {
                to.u8(4)?.u32(check)?;
            }
            to.ok()
        })?;
        cose::seal(&payload, None, sign)
    }

    /// Reads an answer, if this hub signed it.
    ///
    /// # Errors
    /// [`AckError`].
    pub fn verify(bytes: &[u8], hub: &VerifyingKey) -> Result<Verified<Self>, AckError> {
        if bytes.len() > BATCH_ACK_LIMIT_BYTES {
            return Err(CoseError::TooLong.into());
        }
        let opened = Opened::parse(bytes)?;
        opened
            .check(hub)?
            .read(|payload| read(payload).ok_or(AckError::Content))
    }
}

fn read(payload: &[u8]) -> Option<Ack> {
    let mut from = Decoder::new(payload);
    let pairs = from.map().ok()??;
    let key = |from: &mut Decoder<'_>, wanted: u8| (from.u8().ok()? == wanted).then_some(());
    key(&mut from, 0)?;
    if from.u8().ok()? != VERSION {
        return None;
    }
    key(&mut from, 1)?;
    let to = from.bytes().ok()?.try_into().ok()?;
    key(&mut from, 2)?;
    let verdict = *Verdict::ALL.get(usize::from(from.u8().ok()?))?;
    key(&mut from, 3)?;
    let numbers = from.array().ok()??;
    let mut rows: heapless::Vec<(u32, u32), BATCH_LIMIT> = heapless::Vec::new();
    for _ in 0..numbers / 2 {
        let first = from.u32().ok()?;
        let last = first.checked_add(from.u32().ok()?)?;
        rows.push((first, last)).ok()?;
    }
    let mut check = None;
    for _ in 4..pairs {
        if from.u8().ok()? == 4 {
            check = Some(from.u32().ok()?);
        } else {
            // What a newer hub says besides.
            from.skip().ok()?;
        }
    }
    (numbers % 2 == 0 && from.position() == payload.len()).then_some(Ack {
        to,
        verdict,
        check,
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::datagram::QUIET_LIMIT;
    use ed25519_dalek::{Signer, SigningKey};
    use proptest::prelude::*;

    fn hub() -> SigningKey {
        SigningKey::from_bytes(&[9; 32])
    }

    fn sealed(ack: &Ack) -> heapless::Vec<u8, BATCH_ACK_LIMIT_BYTES> {
        ack.seal(|bytes| hub().sign(bytes).to_bytes()).unwrap()
    }

    #[test]
    fn the_largest_answer_to_one_ping_has_96_bytes() {
        let ack = Ack::new([0xff; 8], Verdict::OtherWords, &[u32::MAX]);
        assert_eq!(sealed(&ack).len(), 96);
    }

    #[test]
    fn the_largest_answer_to_a_datagram_is_within_its_limit() {
        let apart: std::vec::Vec<u32> =
            (0..=QUIET_LIMIT as u32).map(|n| u32::MAX - 2 * n).collect();
        let ack = Ack::new([0xff; 8], Verdict::Taken, &apart).vouching(Some(u32::MAX));
        assert_eq!(sealed(&ack).len(), ACK_LIMIT_BYTES);
    }

    #[test]
    fn an_answer_counts_only_from_the_hub_and_for_the_numbers_it_names() {
        let bytes = sealed(&Ack::new([1; 8], Verdict::Taken, &[7, 3, 4, 5, 4]));
        let ack = Ack::verify(&bytes, &hub().verifying_key()).unwrap();
        let named: std::vec::Vec<u32> = (0..10).filter(|number| ack.names(*number)).collect();
        assert_eq!(named, [3, 4, 5, 7]);
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(
            Ack::verify(&bytes, &other),
            Err(AckError::Cose(CoseError::Signature))
        );
    }

    #[test]
    fn a_batch_of_numbers_that_lie_apart_fits() {
        let apart: std::vec::Vec<u32> = (0..BATCH_LIMIT as u32).map(|n| u32::MAX - 2 * n).collect();
        let bytes = sealed(&Ack::new([1; 8], Verdict::Taken, &apart));
        let ack = Ack::verify(&bytes, &hub().verifying_key()).unwrap();
        assert!(apart.iter().all(|number| ack.names(*number)));
        assert!(!ack.names(u32::MAX - 1));
    }

    proptest! {
        #[test]
        fn what_is_signed_is_read_the_same(numbers in proptest::collection::vec(any::<u32>(), 0..60), verdict in 0usize..4, check: Option<u32>) {
            let ack = Ack::new([4; 8], Verdict::ALL[verdict], &numbers).vouching(check);
            prop_assert!(numbers.iter().all(|number| ack.names(*number)));
            let read = Ack::verify(&sealed(&ack), &hub().verifying_key()).unwrap();
            prop_assert_eq!(read.into_inner(), ack);
        }

        #[test]
        fn signed_nonsense_is_no_answer(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bytes: heapless::Vec<u8, 400> = cose::seal(&payload, None, |bytes| hub().sign(bytes).to_bytes()).unwrap();
            let _ = Ack::verify(&bytes, &hub().verifying_key());
        }
    }
}
