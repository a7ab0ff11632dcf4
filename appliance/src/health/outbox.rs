//! What the daemon and the sender say to each other, as files on tmpfs. The daemon (root, no network) leaves what is to be sent;
//! the sender (no rights, network) leaves what it heard. The daemon believes only what the hub has signed, and never more bytes
//! saved than spent.

use std::io::Read;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::ack::BATCH_LIMIT;
use super::datagram::Wish;
use crate::box_key::PublicKey;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// 256 letters of 320 bytes in base64, twice.
const LIMIT_BYTES: u64 = 256 * 1024;

/// Signed bytes, in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bytes(pub Vec<u8>);

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        STANDARD.encode(bytes.0)
    }
}

impl TryFrom<String> for Bytes {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self)
    }
}

/// One message to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its number.
    pub sequence: u32,
    /// Signed.
    pub bytes: Bytes,
    /// The answer that is wanted by UDP.
    pub wish: Wish,
}

/// What is to be sent, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// Tells one outbox from the next: milliseconds since boot.
    pub number: u64,
    /// The hub's key.
    pub hub: PublicKey,
    /// By UDP to.
    pub udp: Option<SocketAddr>,
    /// By HTTPS to.
    pub https: Option<String>,
    /// Who vouches for its name, as PEM; `None`: those that browsers believe.
    #[serde(default)]
    pub authority: Option<String>,
    /// No more bytes than these, both ways, on the wire.
    pub allowance_bytes: u64,
    /// At most [`BATCH_LIMIT`].
    pub letters: Vec<Letter>,
}

/// Bytes on the wire, both ways, headers of IP, UDP and TCP included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Over UDP.
    pub udp_bytes: u64,
    /// Over HTTPS, its handshake included.
    pub https_bytes: u64,
}

impl Spent {
    /// Both.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.udp_bytes.saturating_add(self.https_bytes)
    }
}

/// What came of an outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answers {
    /// The outbox's.
    pub number: u64,
    /// The hub's signed answers.
    pub acks: Vec<Bytes>,
    /// What it cost.
    pub spent: Spent,
}

impl Outbox {
    /// Whether no answer is wanted to any.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.letters.iter().all(|letter| letter.wish == Wish::Quiet)
    }

    /// Leaves it for the sender.
    ///
    /// # Errors
    /// When tmpfs is full or away.
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        if let Some(directory) = places.ping_outbox().parent() {
            durable::directory(directory, Owner::mode(0o755))?;
        }
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.ping_outbox(), &text, Owner::mode(0o644))
    }

    /// What is to be sent; `None`: nothing that can be understood.
    #[must_use]
    pub fn read(places: &Places) -> Option<Self> {
        let bytes = durable::read(&places.ping_outbox(), LIMIT_BYTES).ok()??;
        let outbox: Self = serde_json::from_slice(&bytes).ok()?;
        (outbox.letters.len() <= BATCH_LIMIT).then_some(outbox)
    }
}

impl Answers {
    /// Leaves them for the daemon.
    ///
    /// # Errors
    /// When tmpfs is full or away.
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.ping_answers(), &text, Owner::mode(0o644))
    }

    /// The answers to the outbox with this number. The directory belongs to the sender: what lies there is followed nowhere and
    /// cannot hold the reader up.
    #[must_use]
    pub fn read(places: &Places, number: u64) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(places.ping_answers(), flags, Mode::empty()).ok()?;
        let file = std::fs::File::from(file);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(LIMIT_BYTES).read_to_end(&mut bytes).ok()?;
        let answers: Self = serde_json::from_slice(&bytes).ok()?;
        (answers.number == number).then_some(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        let answers = places.ping_answers();
        std::fs::create_dir_all(answers.parent().unwrap()).unwrap();
        std::fs::create_dir_all(places.run()).unwrap();
        (dir, places)
    }

    #[test]
    fn the_largest_outbox_comes_over_and_answers_to_another_one_are_none() {
        let (_dir, places) = places();
        let hub = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key();
        let letter = Letter {
            sequence: u32::MAX,
            bytes: Bytes(vec![0xff; crate::health::hello::HELLO_LIMIT_BYTES]),
            wish: Wish::Since(u32::MAX),
        };
        let outbox = Outbox {
            number: 5,
            hub: hub.into(),
            udp: None,
            https: Some("https://x/".into()),
            authority: None,
            allowance_bytes: 1,
            letters: vec![letter; BATCH_LIMIT],
        };
        outbox.write(&places).unwrap();
        assert_eq!(Outbox::read(&places), Some(outbox));
        let answers = Answers {
            number: 5,
            acks: vec![Bytes(vec![1; 96]); BATCH_LIMIT],
            spent: Spent::default(),
        };
        answers.write(&places).unwrap();
        assert_eq!(Answers::read(&places, 5), Some(answers));
        assert_eq!(Answers::read(&places, 6), None);
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_sender_break_the_daemon(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (_dir, places) = places();
            durable::write(&places.ping_answers(), &bytes, Owner::mode(0o644)).unwrap();
            prop_assert_eq!(Answers::read(&places, 1), None);
        }
    }
}
