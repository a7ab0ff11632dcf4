use super::*;
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

const CDDL: &str = include_str!("../../../../docs/ping.cddl");

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn sealed(frame: &Frame) -> Signed {
    frame
        .seal(*b"box-key-", |bytes| key().sign(bytes).to_bytes())
        .unwrap()
}

/// All there is to say, and all of it as long as it gets.
fn largest() -> Frame {
    Frame {
        sequence: u32::MAX,
        boot: Some(u16::MAX),
        at_unix_s: u32::MAX,
        state: State::of(u32::MAX >> 7),
        release_built_s: Some(u32::MAX),
        openmrs_since_min: Some(u16::MAX),
        last_start_s: Some(u16::MAX),
        encounter_age_min: Some(u16::MAX),
        encounters_today: Some(u16::MAX),
        snapshot_age_min: Some(u16::MAX),
        copy_age_h: Some(u16::MAX),
        journal_days_behind: Some(u8::MAX),
        budget_left_mb: Some(u16::MAX),
        disk_used_percent: Some(u8::MAX),
        disk_free_gb: Some(u16::MAX),
        inodes_used_percent: Some(u8::MAX),
        wear_percent: Some(u8::MAX),
        memory_pressure_percent: Some(u8::MAX),
        temperature_c: Some(u8::MAX),
        unclean_boots: Some(u16::MAX),
        alarm: Some(u8::MAX),
    }
}

prop_compose! {
    fn any_frame()(
        sequence: u32, at_unix_s: u32, bits: u32, release_built_s: Option<u32>,
        minutes in any::<[Option<u16>; 9]>(), percents in any::<[Option<u8>; 6]>(), days in proptest::option::of(0..=23u8),
    ) -> Frame {
        Frame {
            sequence,
            at_unix_s,
            state: State::of(bits),
            release_built_s,
            boot: minutes[0],
            openmrs_since_min: minutes[1],
            last_start_s: minutes[2],
            encounter_age_min: minutes[3],
            encounters_today: minutes[4],
            snapshot_age_min: minutes[5],
            copy_age_h: minutes[6],
            journal_days_behind: days,
            budget_left_mb: minutes[7],
            disk_used_percent: percents[0],
            disk_free_gb: minutes[8],
            inodes_used_percent: percents[1],
            wear_percent: percents[2],
            memory_pressure_percent: percents[3],
            temperature_c: percents[4],
            unclean_boots: minutes[0],
            alarm: percents[5],
        }
    }
}

fn read(bytes: &[u8]) -> Result<Verified<Frame>, FrameError> {
    Unverified::parse(bytes)?.verify(&key().verifying_key())
}

#[test]
fn the_largest_frame_fits_with_its_headers_into_200_bytes_and_a_short_one_into_an_sms() {
    let bytes = sealed(&largest());
    assert!(bytes.len() + 28 <= 200, "{}", bytes.len());
    let short = sealed(&largest().short());
    assert!(short.len() <= SHORT_LIMIT_BYTES, "{}", short.len());
    assert_eq!(read(&short).unwrap().alarm, Some(u8::MAX));
}

#[test]
fn a_frame_is_as_docs_ping_cddl_says() {
    for frame in [Frame::default(), largest(), largest().short()] {
        let bytes = sealed(&frame);
        cddl_cat::validate_cbor_bytes("signed-frame", CDDL, &bytes).unwrap();
        // The description would notice.
        assert!(cddl_cat::validate_cbor_bytes("signed-hello", CDDL, &bytes).is_err());
    }
    let strange = payload_with(|to| to.u8(2).unwrap().u32(70_000).unwrap().ok().unwrap());
    assert!(cddl_cat::validate_cbor_bytes("signed-frame", CDDL, &strange).is_err());
}

#[test]
fn hellos_and_answers_are_as_docs_ping_cddl_says() {
    use crate::health::ack::{Ack, Verdict};
    use crate::health::datagram::{Wish, written};
    use crate::health::hello::{Hello, fitting};
    let sign = |bytes: &[u8]| key().sign(bytes).to_bytes();
    let hello = Hello {
        sequence: 1,
        key: key().verifying_key(),
        facility: fitting("cs-namacurra"),
        name: fitting("Centro de Saúde de Namacurra"),
        release: fitting("2026.11-1"),
        release_built_s: 1_793_000_000,
    };
    let hello = hello.seal(sign).unwrap();
    cddl_cat::validate_cbor_bytes("signed-hello", CDDL, &hello).unwrap();
    for numbers in [&[][..], &[1], &[1, 3, 4, u32::MAX]] {
        let ack = Ack::new([1; 8], Verdict::Taken, numbers)
            .seal(sign)
            .unwrap();
        cddl_cat::validate_cbor_bytes("signed-ack", CDDL, &ack).unwrap();
    }
    let vouching = Ack::new([1; 8], Verdict::Taken, &[1]).vouching(Some(u32::MAX));
    let vouching = vouching.seal(sign).unwrap();
    cddl_cat::validate_cbor_bytes("signed-ack", CDDL, &vouching).unwrap();
    for (wish, wanted) in [(Wish::Quiet, 1), (Wish::Since(u32::MAX), 5)] {
        let wish = written(&[], wish);
        assert_eq!(wish.len(), wanted);
        cddl_cat::validate_cbor_bytes("wish", CDDL, &wish).unwrap();
    }
}

/// A signed frame with the three fields that all have, and more.
fn payload_with(
    more: impl FnOnce(&mut minicbor::Encoder<minicbor::encode::write::Cursor<[u8; 100]>>),
) -> heapless::Vec<u8, 200> {
    let payload: heapless::Vec<u8, 100> = cose::written(|to| {
        to.map(5)?.u8(0)?.u8(1)?.u8(1)?.u32(77)?;
        let mut rest = minicbor::Encoder::new(minicbor::encode::write::Cursor::new([0; 100]));
        more(&mut rest);
        let rest = rest.into_writer();
        let end = rest.position();
        minicbor::encode::Write::write_all(to.writer_mut(), &rest.into_inner()[..end])
            .map_err(minicbor::encode::Error::write)?;
        to.u8(3)?.u32(5)?.u8(4)?.u32(0)?.ok()
    })
    .unwrap();
    cose::seal(&payload, Some([1; 8]), |bytes| key().sign(bytes).to_bytes()).unwrap()
}

#[test]
fn keys_that_are_not_known_are_passed_over_and_keys_out_of_order_refused() {
    let payload: heapless::Vec<u8, 100> = cose::written(|to| {
        to.map(6)?.u8(0)?.u8(1)?.u8(1)?.u32(77)?;
        to.u8(3)?.u32(5)?.u8(4)?.u32(0)?;
        to.u8(30)?.array(2)?.str("more")?.u8(1)?;
        to.u8(99)?.bytes(b"xyz")?.ok()
    })
    .unwrap();
    let bytes: heapless::Vec<u8, 200> =
        cose::seal(&payload, Some([1; 8]), |bytes| key().sign(bytes).to_bytes()).unwrap();
    assert_eq!(read(&bytes).unwrap().sequence, 77);
    cddl_cat::validate_cbor_bytes("signed-frame", CDDL, &bytes).unwrap();
    // The boot counter twice, and after the time.
    let twice = payload_with(|to| to.u8(1).unwrap().u8(1).unwrap().ok().unwrap());
    assert_eq!(read(&twice), Err(FrameError::Content));
}

#[test]
fn another_version_says_which() {
    let payload: heapless::Vec<u8, 100> =
        cose::written(|to| to.map(1)?.u8(0)?.i8(2)?.ok()).unwrap();
    let bytes: heapless::Vec<u8, 200> =
        cose::seal(&payload, Some([1; 8]), |bytes| key().sign(bytes).to_bytes()).unwrap();
    assert_eq!(read(&bytes), Err(FrameError::Version(2)));
}

#[test]
fn a_frame_of_another_box_or_a_changed_one_is_not_verified() {
    let bytes = sealed(&largest());
    let unverified = Unverified::parse(&bytes).unwrap();
    assert_eq!(unverified.signer(), *b"box-key-");
    let other = SigningKey::from_bytes(&[4; 32]).verifying_key();
    assert_eq!(
        unverified.verify(&other),
        Err(FrameError::Cose(CoseError::Signature))
    );
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x20;
        assert!(read(&changed).is_err(), "byte {at}");
        assert!(read(&bytes[..at]).is_err(), "cut at {at}");
    }
}

proptest! {
    #[test]
    fn what_is_sent_is_read_the_same(frame in any_frame()) {
        let bytes = sealed(&frame);
        prop_assert!(bytes.len() <= FRAME_LIMIT_BYTES);
        prop_assert_eq!(read(&bytes).unwrap().into_inner(), frame);
        let short = sealed(&frame.short());
        prop_assert!(short.len() <= SHORT_LIMIT_BYTES);
    }

    #[test]
    fn no_signed_bytes_break_the_reader(payload in proptest::collection::vec(any::<u8>(), 0..110)) {
        let bytes: heapless::Vec<u8, 300> =
            cose::seal(&payload, Some([1; 8]), |bytes| key().sign(bytes).to_bytes()).unwrap();
        let _ = read(&bytes);
    }
}
