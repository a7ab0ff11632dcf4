//! Made-up boxes.

use ed25519_dalek::{Signer, SigningKey};
use posto::health::cose::KeyId;
use posto::health::frame::{Clock, Frame, State, Tri};
use posto::health::hello::{Hello, fitting};
use posto::hub::store::key_id;

/// One box.
pub(crate) struct MadeUp {
    pub(crate) key: SigningKey,
    pub(crate) id: KeyId,
    pub(crate) facility: String,
}

impl MadeUp {
    pub(crate) fn new(seed: u32) -> Self {
        let mut secret = [3u8; 32];
        secret[..4].copy_from_slice(&seed.to_le_bytes());
        let key = SigningKey::from_bytes(&secret);
        let id = key_id(&key.verifying_key());
        Self {
            key,
            id,
            facility: format!("cs-{seed}"),
        }
    }

    pub(crate) fn says(&self, sequence: u32) -> Hello {
        Hello {
            sequence,
            key: self.key.verifying_key(),
            facility: fitting(&self.facility),
            name: fitting("Centro de Saúde"),
            release: fitting("2026.11-1"),
            release_built_s: 1_793_000_000,
        }
    }

    pub(crate) fn hello(&self, sequence: u32) -> Vec<u8> {
        self.says(sequence)
            .seal(|bytes| self.key.sign(bytes).to_bytes())
            .unwrap()
            .to_vec()
    }

    pub(crate) fn frame(&self, sequence: u32, change: impl FnOnce(&mut Frame)) -> Vec<u8> {
        let now_s = posto::system::clock::unix_seconds();
        let mut frame = Frame {
            sequence,
            at_unix_s: u32::try_from(now_s).unwrap(),
            state: State {
                openmrs: Tri::Yes,
                database: Tri::Yes,
                clock: Clock::Synchronised,
                ..State::default()
            },
            copy_age_h: Some(3),
            ..Frame::default()
        };
        change(&mut frame);
        frame
            .seal(self.id, |bytes| self.key.sign(bytes).to_bytes())
            .unwrap()
            .to_vec()
    }
}

/// To whom an answer is, before it is verified: `{0: 1, 1: h'8 bytes', ...}`.
pub(crate) fn to(bytes: &[u8]) -> KeyId {
    let payload = posto::health::cose::Opened::parse(bytes)
        .unwrap()
        .unverified_payload();
    payload[5..13].try_into().unwrap()
}
