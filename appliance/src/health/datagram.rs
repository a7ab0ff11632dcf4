//! One datagram to the hub: a CBOR sequence (RFC 8742) of the signed message and, after it, what answer is wanted
//! (`docs/ping.cddl`). Answers to every routine ping would take two fifths of a month's bytes: most go without one, and one answer
//! then speaks for all of them. The wish is not signed: who changes it on the way can lose an answer, as who loses
//! packets can, or get a true one about the same box.

use minicbor::decode::Decoder;
use serde::{Deserialize, Serialize};

use super::cose;
use super::hello::HELLO_LIMIT_BYTES;

/// A message of the largest kind, and a wish.
pub const DATAGRAM_LIMIT_BYTES: usize = HELLO_LIMIT_BYTES + WISH_LIMIT_BYTES;
/// A number of 32 bits (RFC 8949, section 3.1).
const WISH_LIMIT_BYTES: usize = 5;
/// Pings that may go without an answer before one is wanted.
pub const QUIET_LIMIT: usize = 5;

/// The answer that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// About this message.
    Own,
    /// None.
    Quiet,
    /// About every number from this one up to the message's own.
    Since(u32),
}

/// The datagram's bytes.
#[must_use]
pub fn written(message: &[u8], wish: Wish) -> Vec<u8> {
    let wish = cose::written::<WISH_LIMIT_BYTES>(|to| {
        match wish {
            Wish::Own => to,
            Wish::Quiet => to.bool(false)?,
            Wish::Since(first) => to.u32(first)?,
        }
        .ok()
    });
    // Each fits; without it an answer comes too many.
    [message, wish.as_deref().unwrap_or_default()].concat()
}

/// The message and the wish. What is neither stays with the message, which is then none.
#[must_use]
pub fn read(bytes: &[u8]) -> (&[u8], Wish) {
    let mut from = Decoder::new(bytes);
    if from.skip().is_err() {
        return (bytes, Wish::Own);
    }
    let Some((message, rest)) = bytes.split_at_checked(from.position()) else {
        return (bytes, Wish::Own);
    };
    let mut from = Decoder::new(rest);
    match rest {
        [] => (message, Wish::Own),
        [0xf4] => (message, Wish::Quiet),
        _ => match from.u32() {
            Ok(first) if from.position() == rest.len() => (message, Wish::Since(first)),
            _ => (bytes, Wish::Own),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::tests::sealed;
    use proptest::prelude::*;

    #[test]
    fn a_wish_costs_one_byte_or_at_most_five() {
        let message = sealed(1, 7, |_| {});
        let length = |wish| written(&message, wish).len() - message.len();
        assert_eq!(length(Wish::Own), 0);
        assert_eq!(length(Wish::Quiet), 1);
        assert_eq!(length(Wish::Since(1)), 1);
        assert_eq!(length(Wish::Since(u32::MAX)), 5);
    }

    #[test]
    fn what_is_no_wish_makes_the_whole_no_message() {
        let message = sealed(1, 7, |_| {});
        for rest in [
            &b"\xf5"[..],
            b"\xf4\xf4",
            b"\x01\x02",
            b"\x61x",
            b"\x1b",
            &message,
        ] {
            let bytes = [&message, rest].concat();
            assert_eq!(read(&bytes), (&bytes[..], Wish::Own), "{rest:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(sequence: u32, kind in 0..3, first: u32) {
            let message = sealed(1, sequence, |_| {});
            let wish = match kind { 0 => Wish::Own, 1 => Wish::Quiet, _ => Wish::Since(first) };
            let bytes = written(&message, wish);
            prop_assert_eq!(read(&bytes), (&message[..], wish));
        }

        #[test]
        fn any_bytes_are_taken_and_none_are_lost(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (message, wish) = read(&bytes);
            prop_assert!(bytes.starts_with(message));
            if wish == Wish::Own {
                prop_assert_eq!(message, &bytes[..]);
            }
        }
    }
}
