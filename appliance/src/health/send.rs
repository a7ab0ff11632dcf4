//! The sender (`posto-ping.service`: no rights, network): brings an outbox to the hub and the hub's signed answers back. UDP
//! first, a packet a ping; where that is not answered, or many wait, one HTTPS post for all. A quiet outbox goes by UDP, once, and
//! nothing is waited for. It counts what it costs on the wire.

mod https;
mod udp;

pub(crate) use https::authorities;

use std::time::Duration;

use super::ack::{Ack, Verdict};
use super::outbox::{Answers, Bytes, Outbox, Spent};

/// From so many on, a handshake costs less than an answer to each.
const MANY: usize = 48;

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the answer to a packet, a row of tries: 2G has round trips of a second and more.
    pub udp: [Duration; 3],
    /// For a whole post.
    pub https: Duration,
    /// By UDP in all: a link that loses much must not hold the answers back until the unit is ended.
    pub whole_udp: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            udp: [2, 4, 8].map(Duration::from_secs),
            https: Duration::from_secs(60),
            whole_udp: Duration::from_secs(85),
        }
    }
}

/// What was heard so far.
#[derive(Debug, Default)]
struct Heard {
    acks: Vec<Ack>,
    answers: Answers,
}

impl Heard {
    /// Whether the hub has answered to this number.
    fn answered(&self, sequence: u32) -> bool {
        self.acks.iter().any(|ack| ack.names(sequence))
    }

    /// The hub does not keep pings now: more of them would be lost effort.
    fn is_turned_away(&self) -> bool {
        self.acks.iter().any(|ack| ack.verdict != Verdict::Taken)
    }

    /// Notes an answer, if it is the hub's.
    fn note(&mut self, bytes: &[u8], outbox: &Outbox) -> bool {
        let Ok(ack) = Ack::verify(bytes, outbox.hub.verifying_key()) else {
            return false;
        };
        self.acks.push(ack.into_inner());
        self.answers.acks.push(Bytes(bytes.to_vec()));
        true
    }

    fn spent(&mut self) -> &mut Spent {
        &mut self.answers.spent
    }

    fn may_spend(&self, bytes: u64, outbox: &Outbox) -> bool {
        self.answers.spent.bytes().saturating_add(bytes) <= outbox.allowance_bytes
    }
}

/// Brings it there. What could not be brought is simply not answered.
#[must_use]
pub fn carry(outbox: &Outbox, patience: Patience) -> Answers {
    let mut heard = Heard::default();
    heard.answers.number = outbox.number;
    if outbox.is_quiet() {
        if let Some(hub) = outbox.udp {
            udp::carry(outbox, hub, patience, &mut heard);
        }
        return heard.answers;
    }
    let many = outbox.letters.len() >= MANY && outbox.https.is_some();
    if let (Some(hub), false) = (outbox.udp, many) {
        udp::carry(outbox, hub, patience, &mut heard);
    }
    let left = outbox
        .letters
        .iter()
        .any(|letter| !heard.answered(letter.sequence));
    if let (Some(address), true, false) = (&outbox.https, left, heard.is_turned_away()) {
        https::carry(outbox, address, patience, &mut heard);
    }
    let reached = !heard.acks.is_empty();
    if let (Some(hub), true, false) = (outbox.udp, many, reached) {
        udp::carry(outbox, hub, patience, &mut heard);
    }
    heard.answers
}

#[cfg(test)]
mod tests;
