//! Messages over HTTPS: the body of one POST is a CBOR sequence (RFC 8742) of byte strings, each one message; the answer is a CBOR
//! sequence of signed answers, one a key (`docs/ping.cddl`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use minicbor::decode::Decoder;
use tokio::sync::oneshot;

use super::Hub;
use super::answer;
use super::counts::Fate;
use super::judge::{Judged, LIMIT_BYTES};
use super::receive;
use super::store::{Outcome, key_id};
use super::writer::{Work, hello_verdict, verdict};
use crate::health::ack::{BATCH_LIMIT, Verdict};
use crate::health::cose::KeyId;

/// The largest body: so many of the longest messages.
pub const BODY_LIMIT_BYTES: usize = BATCH_LIMIT * (LIMIT_BYTES + 3);

/// Why a body is no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a batch is a CBOR sequence of 1 to {BATCH_LIMIT} byte strings of at most {LIMIT_BYTES} bytes"
)]
pub struct NotABatch;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The body.
    #[error("{0}")]
    Form(#[from] NotABatch),
    /// More came than could be written, or the disk did not take it: send it again.
    #[error("not kept; send it again later")]
    Busy,
    /// The source has sent too much rubbish.
    #[error("too much of it was forged; come again later")]
    Limited,
}

/// The messages of a body.
///
/// # Errors
/// [`NotABatch`].
pub fn messages(body: &[u8]) -> Result<Vec<&[u8]>, NotABatch> {
    let mut from = Decoder::new(body);
    let mut messages = Vec::new();
    while from.position() < body.len() {
        let message = from.bytes().map_err(|_| NotABatch)?;
        if messages.len() >= BATCH_LIMIT || message.len() > LIMIT_BYTES {
            return Err(NotABatch);
        }
        messages.push(message);
    }
    if messages.is_empty() {
        return Err(NotABatch);
    }
    Ok(messages)
}

/// What each key's answer may say: numbers by verdict, the most important one first.
type Said = BTreeMap<KeyId, BTreeMap<u8, (Verdict, Vec<u32>)>>;

fn say(said: &mut Said, to: KeyId, verdict: Verdict, sequence: Option<u32>) {
    // What was kept leaves the box's spool; the rest comes again and is then answered. A hello in the batch makes asking for one idle.
    let rank = match verdict {
        Verdict::Taken => 0,
        Verdict::OtherWords => 1,
        Verdict::Waiting => 2,
        Verdict::SayHello => 3,
    };
    let verdicts = said.entry(to).or_default();
    let (_, numbers) = verdicts
        .entry(rank)
        .or_insert_with(|| (verdict, Vec::new()));
    numbers.extend(sequence);
}

/// One signed answer a key.
fn answers(key: &ed25519_dalek::SigningKey, said: Said) -> Vec<u8> {
    said.into_iter()
        .filter_map(|(to, verdicts)| {
            let (_, (verdict, numbers)) = verdicts.into_iter().next()?;
            answer::signed(key, to, verdict, &numbers)
        })
        .flatten()
        .collect()
}

/// Takes a batch: everything in it that can be kept is on the disk when this returns the answer.
///
/// # Errors
/// [`BatchError`].
pub async fn take(
    hub: &Arc<Hub>,
    body: &[u8],
    source: IpAddr,
    now_s: u64,
) -> Result<Vec<u8>, BatchError> {
    let came = Instant::now();
    let mut said = Said::new();
    let (mut frames, mut hellos) = (Vec::new(), Vec::new());
    for message in messages(body)? {
        if !hub.sources.is_open(source, now_s) {
            hub.counts.count(Fate::Limited);
            return Err(BatchError::Limited);
        }
        match receive::admit(hub, message, source, now_s) {
            Some(Judged::Keep(arrived)) => frames.push(arrived),
            Some(Judged::Note(hello)) => hellos.push(hello),
            Some(Judged::Answer {
                to,
                verdict,
                sequence,
            }) => say(&mut said, to, verdict, sequence),
            None => {}
        }
    }
    for hello in hellos {
        let (to, sequence) = (key_id(&hello.key), hello.sequence);
        let heard = ask(hub, |done| Work::Hello(hello, None, Some(done))).await?;
        if let Some(verdict) = hello_verdict(heard) {
            say(&mut said, to, verdict, Some(sequence));
        }
    }
    if !frames.is_empty() {
        let names: Vec<(KeyId, u32)> = frames
            .iter()
            .map(|arrived| (arrived.key_id, arrived.frame.sequence))
            .collect();
        let outcomes = ask(hub, |done| Work::Batch(frames, came, done)).await?;
        for ((to, sequence), outcome) in names.into_iter().zip(outcomes) {
            if outcome != Outcome::New {
                hub.sources.wasted(source, now_s);
            }
            say(&mut said, to, verdict(outcome), Some(sequence));
        }
    }
    Ok(answers(&hub.key, said))
}

/// Hands work in and waits for what became of it.
async fn ask<T>(hub: &Hub, work: impl FnOnce(oneshot::Sender<T>) -> Work) -> Result<T, BatchError> {
    let (done, answer) = oneshot::channel();
    if hub.work.try_send(work(done)).is_err() {
        hub.counts.count(Fate::Busy);
        return Err(BatchError::Busy);
    }
    answer.await.map_err(|_| BatchError::Busy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Byte strings with lengths of two bytes (RFC 8949, section 3.1).
    fn sequence(messages: &[&[u8]]) -> Vec<u8> {
        let mut body = Vec::new();
        for message in messages {
            let length = u16::try_from(message.len()).unwrap();
            body.push(0x59);
            body.extend(length.to_be_bytes());
            body.extend(*message);
        }
        body
    }

    #[test]
    fn a_batch_is_read_and_one_that_is_too_much_or_torn_is_not() {
        let body = sequence(&[b"one", b"two"]);
        assert_eq!(messages(&body).unwrap(), [b"one", b"two"]);
        assert_eq!(messages(&body[..body.len() - 1]), Err(NotABatch));
        assert_eq!(messages(b""), Err(NotABatch));
        assert_eq!(
            messages(&sequence(&[&[0; LIMIT_BYTES + 1]])),
            Err(NotABatch)
        );
        assert!(messages(&sequence(&[&b"x"[..]; BATCH_LIMIT])).is_ok());
        assert_eq!(
            messages(&sequence(&[&b"x"[..]; BATCH_LIMIT + 1])),
            Err(NotABatch)
        );
        let largest = sequence(&[&[0u8; LIMIT_BYTES][..]; BATCH_LIMIT]);
        assert_eq!(largest.len(), BODY_LIMIT_BYTES);
    }

    #[test]
    fn each_key_has_one_answer_and_what_was_kept_comes_first() {
        use crate::health::ack::Ack;
        let key = crate::hub::tests::key(9);
        let mut said = Said::new();
        say(&mut said, [1; 8], Verdict::OtherWords, Some(5));
        say(&mut said, [1; 8], Verdict::Taken, Some(6));
        let one = answers(&key, said);
        let ack = Ack::verify(&one, &key.verifying_key()).unwrap();
        assert_eq!(ack.verdict, Verdict::Taken);
        assert!(ack.names(6) && !ack.names(5));
        let mut said = Said::new();
        say(&mut said, [1; 8], Verdict::SayHello, None);
        say(&mut said, [1; 8], Verdict::Waiting, Some(7));
        let one = answers(&key, said);
        let ack = Ack::verify(&one, &key.verifying_key()).unwrap();
        assert_eq!(ack.verdict, Verdict::Waiting);
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_reader(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = messages(&body);
        }
    }
}
