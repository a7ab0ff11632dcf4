use super::*;
use proptest::prelude::*;

/// A head as the server writes it.
fn head(first_lsn: u64, checkpoints: [u64; 2]) -> Vec<u8> {
    let mut head = vec![0; HEAD_BYTES];
    head[..4].copy_from_slice(b"Phys");
    head[8..16].copy_from_slice(&first_lsn.to_be_bytes());
    head[16..30].copy_from_slice(b"MariaDB 11.8.6");
    seal(&mut head, 0..508);
    for (at, lsn) in CHECKPOINTS_AT.into_iter().zip(checkpoints) {
        head[at..at + 8].copy_from_slice(&lsn.to_be_bytes());
        head[at + 8..at + 16].copy_from_slice(&(lsn + 16).to_be_bytes());
        seal(&mut head, at..at + 60);
    }
    head
}

fn seal(head: &mut [u8], range: std::ops::Range<usize>) {
    let end = range.end;
    let checksum = crc32c(&head[range]);
    head[end..end + 4].copy_from_slice(&checksum.to_be_bytes());
}

const FILE: u64 = 96 << 20;

fn parse(head: &[u8]) -> Result<Log, RedoError> {
    Log::parse(head, FILE)
}

#[test]
fn a_real_servers_checkpoints_are_read() {
    // RFC 3720, B.4: 32 bytes of zeros.
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    // Both checkpoint blocks of a new 11.8.6, which began at 12,288.
    let mut real = head(0x3000, [0x3000, 0x3000]);
    for (at, lsn, checksum) in [
        (4096, 0x43e0u64, 0x4536_5ad5u32),
        (8192, 0x8f29, 0x15fa_5bd8),
    ] {
        real[at..at + 8].copy_from_slice(&lsn.to_be_bytes());
        real[at + 8..at + 16].copy_from_slice(&lsn.to_be_bytes());
        real[at + 60..at + 64].copy_from_slice(&checksum.to_be_bytes());
    }
    let log = Log::parse(&real, 100_663_296).unwrap();
    assert_eq!(log.checkpoint_lsn(), 0x8f29);
    assert_eq!(log.creator(), "MariaDB 11.8.6");
    assert_eq!(log.offset(0x8f29), Some(0x8f29));
}

#[test]
fn formats_that_are_not_known_and_encrypted_logs_are_refused() {
    let good = head(20_000, [30_000, 40_000]);
    assert!(parse(&good).is_ok());
    // 10.5, 10.3, before 10.2.
    for format in [0x5048_5953u32, 103, 0] {
        let mut other = good.clone();
        other[..4].copy_from_slice(&format.to_be_bytes());
        seal(&mut other, 0..508);
        assert!(matches!(parse(&other), Err(RedoError::Unknown { format: f, .. }) if f == format));
    }
    let mut encrypted = good.clone();
    encrypted[51] = 1;
    seal(&mut encrypted, 0..508);
    assert_eq!(parse(&encrypted), Err(RedoError::Encrypted));
    let mut encrypted = good.clone();
    encrypted[0] |= 0x80;
    assert_eq!(parse(&encrypted), Err(RedoError::Encrypted));
    assert_eq!(Log::parse(&good, 12_288), Err(RedoError::Short(12_288)));
    assert_eq!(parse(&good[..12_287]), Err(RedoError::Short(FILE)));
}

#[test]
fn a_checkpoint_that_is_just_being_written_does_not_count() {
    let mut one = head(20_000, [50_000, 40_000]);
    assert_eq!(parse(&one).unwrap().checkpoint_lsn(), 50_000);
    one[4096 + 7] ^= 1;
    assert_eq!(parse(&one).unwrap().checkpoint_lsn(), 40_000);
    one[8192 + 20] ^= 1;
    assert_eq!(parse(&one), Err(RedoError::NoCheckpoint));
}

#[test]
fn another_log_of_the_server_is_not_taken_for_the_same() {
    let log = parse(&head(20_000, [30_000, 40_000])).unwrap();
    assert!(log.is_same_as(&parse(&head(20_000, [50_000, 40_000])).unwrap()));
    assert!(!log.is_same_as(&parse(&head(60_000, [60_000, 60_000])).unwrap()));
    assert!(!log.is_same_as(&Log::parse(&head(20_000, [30_000, 40_000]), FILE * 2).unwrap()));
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..600), file in any::<u64>(), at in 0..HEAD_BYTES) {
        let mut whole = head(20_000, [30_000, 40_000]);
        for (offset, byte) in bytes.into_iter().enumerate() {
            if let Some(place) = whole.get_mut(at + offset) { *place = byte; }
        }
        let _ = Log::parse(&whole, file);
    }

    #[test]
    fn a_changed_bit_of_the_header_is_seen(bit in 0..512 * 8usize) {
        let mut whole = head(20_000, [30_000, 40_000]);
        whole[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(parse(&whole).is_err());
    }

    /// The ring byte by byte: the byte of each LSN lies where the server would have put it.
    #[test]
    fn stretches_are_the_bytes_of_the_ring_in_order(first in 12_288..1u64 << 60, since in 0..1u64 << 40, length in 0..70_000u64) {
        let mut log = parse(&head(first, [first, first])).unwrap();
        log.capacity = 65_536;
        let from = first + since;
        let got = log.stretches(from, from + length);
        if length > log.capacity {
            prop_assert!(got.is_err());
            return Ok(());
        }
        let offsets: Vec<u64> = got.unwrap().into_iter().flat_map(|one| one.offset..one.offset + one.length).collect();
        prop_assert_eq!(offsets.len() as u64, length);
        let mut expected = 12_288 + since % 65_536;
        for offset in offsets {
            prop_assert_eq!(offset, expected);
            expected = if expected + 1 == 12_288 + 65_536 { 12_288 } else { expected + 1 };
        }
    }

    #[test]
    fn what_was_overwritten_is_never_given_out(first in 12_288..1u64 << 40, from in any::<u64>(), to in any::<u64>()) {
        let log = parse(&head(first, [first, first])).unwrap();
        let got = log.stretches(from, to);
        prop_assert_eq!(got.is_ok(), from >= first && to >= from && to - from <= log.capacity());
    }

    #[test]
    fn a_log_is_spent_at_nine_tenths(used in 0..FILE * 2) {
        let log = parse(&head(20_000, [30_000, 40_000])).unwrap();
        prop_assert_eq!(log.is_spent(40_000 + used), used as f64 > log.capacity() as f64 * 0.9);
        prop_assert!(!log.is_spent(0));
        prop_assert!(log.is_spent(u64::MAX));
    }
}
