//! What the hub's tests share: boxes that sign real frames.

use ed25519_dalek::{Signer, SigningKey};

use super::store::{Arrived, key_id};
use crate::health::frame::{Clock, Frame, State, Tri};
use crate::health::hello::{Hello, fitting};

/// Box number `seed`'s key.
pub(crate) fn key(seed: u32) -> SigningKey {
    let mut secret = [7u8; 32];
    secret[..4].copy_from_slice(&seed.to_le_bytes());
    SigningKey::from_bytes(&secret)
}

pub(crate) fn hello(seed: u32, facility: &str, sequence: u32) -> Hello {
    Hello {
        sequence,
        key: key(seed).verifying_key(),
        facility: fitting(facility),
        name: fitting("Centro de Saúde"),
        release: fitting("2026.11-1"),
        release_built_s: 1_793_000_000,
    }
}

pub(crate) fn sealed_hello(hello: &Hello) -> Vec<u8> {
    let seed = (0..50)
        .find(|seed| key(*seed).verifying_key() == hello.key)
        .unwrap();
    let sealed = hello.seal(|bytes| key(seed).sign(bytes).to_bytes());
    sealed.unwrap().to_vec()
}

fn frame(sequence: u32, at_s: u64, change: impl FnOnce(&mut Frame)) -> Frame {
    let mut frame = Frame {
        sequence,
        at_unix_s: u32::try_from(at_s).unwrap(),
        state: State {
            openmrs: Tri::Yes,
            database: Tri::Yes,
            clock: Clock::Synchronised,
            ..State::default()
        },
        disk_used_percent: Some(41),
        ..Frame::default()
    };
    change(&mut frame);
    frame
}

/// Box `seed`'s frame, signed.
pub(crate) fn sealed(seed: u32, sequence: u32, change: impl FnOnce(&mut Frame)) -> Vec<u8> {
    let frame = frame(sequence, 1000, change);
    let key = key(seed);
    let sealed = frame.seal(key_id(&key.verifying_key()), |bytes| {
        key.sign(bytes).to_bytes()
    });
    sealed.unwrap().to_vec()
}

/// The same after judging, as box 1 of the store.
pub(crate) fn arrived(
    seed: u32,
    sequence: u32,
    received_s: u64,
    change: impl FnOnce(&mut Frame),
) -> Arrived {
    let frame = frame(sequence, received_s, change);
    let key = key(seed);
    let id = key_id(&key.verifying_key());
    let sealed = frame.seal(id, |bytes| key.sign(bytes).to_bytes()).unwrap();
    Arrived {
        box_id: 1,
        key_id: id,
        thinned_to: 0,
        frame,
        bytes: sealed.as_slice().into(),
        received_s,
    }
}
