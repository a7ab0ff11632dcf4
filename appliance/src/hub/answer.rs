//! Answers to datagrams, signed on a thread of their own while the disk flushes the next frames.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender};

use ed25519_dalek::{Signer, SigningKey};

use crate::health::ack::{Ack, Verdict};
use crate::health::cose::KeyId;

/// Answers that wait; more are not given, and the boxes send again.
pub const QUEUE: usize = 8_192;

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Where to.
    pub to: SocketAddr,
    /// To whose box.
    pub key_id: KeyId,
    /// What.
    pub verdict: Verdict,
    /// About which numbers.
    pub sequences: Vec<u32>,
    /// What vouches for the words of those that were not answered one by one.
    pub check: Option<u32>,
}

/// Where answers are handed in.
#[derive(Debug, Clone)]
pub struct Answers(SyncSender<Answer>);

impl Answers {
    /// Made of a queue's end.
    #[must_use]
    pub fn new(queue: SyncSender<Answer>) -> Self {
        Self(queue)
    }

    /// Hands one in. One that finds no room is lost as a datagram may be.
    pub fn send(&self, answer: Answer) {
        self.0.try_send(answer).ok();
    }
}

/// Signs and sends until nobody can hand in any more.
pub fn run(socket: &UdpSocket, key: &SigningKey, answers: &Receiver<Answer>) {
    for answer in answers {
        let ack = Ack::new(answer.key_id, answer.verdict, &answer.sequences);
        if let Some(bytes) = sealed(key, &ack.vouching(answer.check)) {
            // A host that is away: its box asks again.
            socket.send_to(&bytes, answer.to).ok();
        }
    }
}

/// An answer's bytes.
#[must_use]
pub fn signed(key: &SigningKey, to: KeyId, verdict: Verdict, sequences: &[u32]) -> Option<Vec<u8>> {
    sealed(key, &Ack::new(to, verdict, sequences))
}

fn sealed(key: &SigningKey, ack: &Ack) -> Option<Vec<u8>> {
    ack.seal(|bytes| key.sign(bytes).to_bytes())
        .ok()
        .map(|bytes| bytes.to_vec())
}
