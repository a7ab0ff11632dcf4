//! What to do with one message as it came off the network. Pure: the clock and the boxes are arguments.

use crate::health::ack::Verdict;
use crate::health::cose::KeyId;
use crate::health::frame::{FrameError, Unverified};
use crate::health::hello::{HELLO_LIMIT_BYTES, Hello};

use super::store::{Arrived, KnownBox, Standing};

/// No honest message is longer.
pub const LIMIT_BYTES: usize = HELLO_LIMIT_BYTES;

/// Why nothing is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// No message of ours: too long, torn, noise.
    Malformed,
    /// Of a version that this program does not read.
    Version,
    /// Not signed by whom it names.
    Forged,
    /// Of a box that an officer has refused, or whose place another one has.
    Refused,
}

/// What to do.
#[derive(Debug)]
pub enum Judged {
    /// Keep it, then answer.
    Keep(Arrived),
    /// Note what it says of itself, then answer.
    Note(Box<Hello>),
    /// Answer at once; nothing is kept.
    Answer {
        /// To whom.
        to: KeyId,
        /// What.
        verdict: Verdict,
        /// About which number; `None`: it was not read.
        sequence: Option<u32>,
    },
}

/// What the box's record says, as far as judging needs it.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// In the store.
    pub id: i64,
    /// Where it stands.
    pub standing: Standing,
    /// Its public key.
    pub key: ed25519_dalek::VerifyingKey,
    /// Frames up to this number were thinned.
    pub thinned_to: u32,
}

impl From<&KnownBox> for Known {
    fn from(known: &KnownBox) -> Self {
        Self {
            id: known.id,
            standing: known.standing,
            key: known.key,
            thinned_to: known.thinned_to,
        }
    }
}

/// Judges `bytes`, received at `now_s`. `find` gives the box behind a key's id.
///
/// # Errors
/// [`Dropped`]: nothing is to be done.
pub fn judge(
    bytes: &[u8],
    now_s: u64,
    find: impl FnOnce(KeyId) -> Option<Known>,
) -> Result<Judged, Dropped> {
    if bytes.len() > LIMIT_BYTES {
        return Err(Dropped::Malformed);
    }
    match Unverified::parse(bytes) {
        Ok(frame) => of_frame(bytes, now_s, frame, find),
        // Without a name it may be a hello, which brings its key along.
        Err(FrameError::Nameless) => of_hello(bytes),
        Err(_) if bytes.len() > crate::health::frame::READ_LIMIT_BYTES => of_hello(bytes),
        Err(_) => Err(Dropped::Malformed),
    }
}

fn of_frame(
    bytes: &[u8],
    now_s: u64,
    frame: Unverified<'_>,
    find: impl FnOnce(KeyId) -> Option<Known>,
) -> Result<Judged, Dropped> {
    let to = frame.signer();
    let answer = |verdict, sequence| {
        Ok(Judged::Answer {
            to,
            verdict,
            sequence,
        })
    };
    let Some(known) = find(to) else {
        return answer(Verdict::SayHello, None);
    };
    if matches!(known.standing, Standing::Refused | Standing::Superseded) {
        return Err(Dropped::Refused);
    }
    let frame = frame.verify(&known.key).map_err(dropped)?;
    if known.standing != Standing::Approved {
        return answer(Verdict::Waiting, Some(frame.sequence));
    }
    Ok(Judged::Keep(Arrived {
        box_id: known.id,
        key_id: to,
        thinned_to: known.thinned_to,
        frame: frame.into_inner(),
        bytes: bytes.into(),
        received_s: now_s,
    }))
}

fn of_hello(bytes: &[u8]) -> Result<Judged, Dropped> {
    let hello = Hello::verify(bytes).map_err(dropped)?;
    Ok(Judged::Note(Box::new(hello.into_inner())))
}

fn dropped(error: FrameError) -> Dropped {
    match error {
        FrameError::Cose(crate::health::cose::CoseError::Signature) => Dropped::Forged,
        FrameError::Version(_) => Dropped::Version,
        _ => Dropped::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::store::key_id;
    use crate::hub::tests::{hello, key, sealed, sealed_hello};
    use proptest::prelude::*;

    fn known(standing: Standing) -> Known {
        Known {
            id: 1,
            standing,
            key: key(1).verifying_key(),
            thinned_to: 0,
        }
    }

    fn judged(bytes: &[u8], known: Option<Known>) -> Result<Judged, Dropped> {
        judge(bytes, 1000, |_| known)
    }

    #[test]
    fn a_frame_is_kept_only_of_an_approved_box() {
        let bytes = sealed(1, 7, |_| {});
        let id = key_id(&key(1).verifying_key());
        assert!(matches!(judged(&bytes, Some(known(Standing::Approved))),
            Ok(Judged::Keep(arrived)) if arrived.frame.sequence == 7 && arrived.key_id == id));
        assert!(matches!(judged(&bytes, Some(known(Standing::Waiting))),
            Ok(Judged::Answer { verdict: Verdict::Waiting, sequence: Some(7), to }) if to == id));
        assert!(matches!(judged(&bytes, None),
            Ok(Judged::Answer { verdict: Verdict::SayHello, sequence: None, to }) if to == id));
        for standing in [Standing::Refused, Standing::Superseded] {
            assert!(matches!(
                judged(&bytes, Some(known(standing))),
                Err(Dropped::Refused)
            ));
        }
    }

    #[test]
    fn a_forged_torn_or_long_one_is_dropped_for_its_reason() {
        let approved = Some(known(Standing::Approved));
        let mut forged = sealed(1, 7, |_| {});
        *forged.last_mut().unwrap() ^= 1;
        assert!(matches!(judged(&forged, approved), Err(Dropped::Forged)));
        let whole = sealed(1, 7, |_| {});
        for length in 0..whole.len() {
            assert!(matches!(
                judged(&whole[..length], approved),
                Err(Dropped::Malformed)
            ));
        }
        assert!(matches!(
            judged(&[0; LIMIT_BYTES + 1], approved),
            Err(Dropped::Malformed)
        ));
        let mut changed = sealed_hello(&hello(1, "cs-a", 1));
        *changed.last_mut().unwrap() ^= 1;
        assert!(matches!(judged(&changed, None), Err(Dropped::Forged)));
    }

    #[test]
    fn a_hello_is_noted_whoever_sends_it() {
        let hello = hello(2, "cs-a", 3);
        let bytes = sealed_hello(&hello);
        assert!(matches!(judged(&bytes, None), Ok(Judged::Note(noted)) if *noted == hello));
    }

    proptest! {
        #[test]
        fn noise_is_dropped(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(judged(&bytes, Some(known(Standing::Approved))).is_err());
        }

        #[test]
        fn a_changed_byte_is_never_kept(at in 0usize..120, with in 1u8..) {
            let mut bytes = sealed(1, 7, |_| {});
            let at = at % bytes.len();
            bytes[at] ^= with;
            let judged = judged(&bytes, Some(known(Standing::Approved)));
            prop_assert!(!matches!(judged, Ok(Judged::Keep(_))));
        }
    }
}
