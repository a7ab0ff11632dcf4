//! A large file in pieces over a socket: dead links, liars, sticks, budgets, power cuts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod made;

use std::path::Path;
use std::time::Duration;

use made::{Said, Server, impatient};
use posto_signing::fetch::{Around, FetchError, Offer, Partial, Piece, Pieces, Progress, fetch};
use posto_signing::http::{Authorities, HttpSource, Patience};
use posto_signing::source::{FolderSource, TargetPath};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Pieces of a patch are this long, more or less.
const PIECE: usize = 300_000;

fn patch(bytes: usize) -> (Vec<u8>, Pieces) {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    let content: Vec<u8> = (0..bytes).map(|_| next()).collect();
    (content.clone(), pieces(&content, PIECE))
}

fn pieces(content: &[u8], each: usize) -> Pieces {
    let piece = |piece: &[u8]| Piece {
        bytes: piece.len() as u64,
        sha256: Sha256::digest(piece).into(),
    };
    Pieces::new(content.chunks(each).map(piece).collect()).unwrap()
}

fn mirror(server: &Server, patience: Patience) -> HttpSource {
    let base = format!("http://{}", server.address);
    HttpSource::new(&base, Some(&base), patience, &Authorities::Public)
}

fn path() -> TargetPath {
    TargetPath::new("patch", None).unwrap()
}

/// Fetches, and says what it cost, how long the pauses were, and what it was.
fn fetched(
    at: &Path,
    pieces: &Pieces,
    offers: &mut [Offer<'_>],
    budget: u64,
) -> (Result<Progress, FetchError>, Duration) {
    let mut partial = Partial::open(at, pieces).unwrap();
    let mut pauses = Duration::ZERO;
    let mut around = Around {
        pause: &mut |length| pauses += length,
        random: &mut || 1 << 31,
        may: &mut |bytes| bytes <= budget,
        say: &mut |progress| assert!(progress.have_bytes <= progress.all_bytes),
    };
    let outcome = fetch(&path(), pieces, &mut partial, offers, &mut around);
    (outcome, pauses)
}

fn paid(source: &mut HttpSource) -> Offer<'_> {
    Offer {
        source,
        costs: true,
    }
}

#[test]
fn a_link_that_dies_again_and_again_costs_no_byte_twice() {
    let (content, pieces) = patch(6_000_000);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("patch.partial");
    let server = Server::start();
    server.say("patch", Said::Parts(content.clone(), 170_001));
    let mut source = mirror(&server, Patience::default());
    let (outcome, pauses) = fetched(&at, &pieces, &mut [paid(&mut source)], u64::MAX);
    let progress = outcome.unwrap();
    assert_eq!(std::fs::read(&at).unwrap(), content);
    assert_eq!(progress.paid_bytes, content.len() as u64);
    assert_eq!(pauses, Duration::ZERO, "it goes on at once");
    let ratio = server.sent_bytes() as f64 / content.len() as f64;
    eprintln!(
        "{} answers, {} bytes sent with their heads: {ratio:.4} of the patch",
        server.asked().len(),
        server.sent_bytes()
    );
    assert!(ratio <= 1.02);
}

#[test]
fn a_mirror_that_sends_something_else_is_left_and_an_honest_one_goes_on() {
    let (content, pieces) = patch(2_000_000);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("patch.partial");
    let mut wrong = content.clone();
    wrong[1_000_000] ^= 1;
    // Dies in the middle of pieces, so that some are of two mirrors.
    for dies_after in [usize::MAX, 250_000] {
        let (liar, honest) = (Server::start(), Server::start());
        liar.say("patch", Said::Parts(wrong.clone(), dies_after));
        honest.say("patch", Said::Parts(content.clone(), dies_after));
        let mut sources = [liar, honest].map(|server| (mirror(&server, impatient()), server));
        let [(first, _), (second, _)] = &mut sources;
        let (outcome, _) = fetched(&at, &pieces, &mut [paid(first), paid(second)], u64::MAX);
        let progress = outcome.unwrap();
        assert_eq!(std::fs::read(&at).unwrap(), content);
        let wasted = progress.paid_bytes - content.len() as u64;
        assert!(wasted <= 2 * PIECE as u64, "{wasted}");
        std::fs::remove_file(&at).unwrap();
    }
}

#[test]
fn nobody_but_liars_ends_it_with_what_was_right_kept() {
    let (content, pieces) = patch(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("patch.partial");
    let server = Server::start();
    let mut wrong = content.clone();
    wrong[700_000] ^= 1;
    server.say("patch", Said::Parts(wrong, usize::MAX));
    let mut source = mirror(&server, impatient());
    let (outcome, _) = fetched(&at, &pieces, &mut [paid(&mut source)], u64::MAX);
    assert!(matches!(
        outcome,
        Err(FetchError::NobodyHonest {
            have_bytes: 600_000,
            ..
        })
    ));
    assert_eq!(std::fs::read(&at).unwrap(), content[..600_000]);
    // Exchanged pieces are as wrong as changed ones.
    let mut swapped = content.clone();
    swapped[..600_000].rotate_left(PIECE);
    server.say("patch", Said::Parts(swapped, usize::MAX));
    std::fs::remove_file(&at).unwrap();
    let mut source = mirror(&server, impatient());
    let (outcome, _) = fetched(&at, &pieces, &mut [paid(&mut source)], u64::MAX);
    assert!(matches!(
        outcome,
        Err(FetchError::NobodyHonest { have_bytes: 0, .. })
    ));
}

#[test]
fn a_stick_completes_what_a_dead_link_left_and_costs_nothing() {
    let (content, pieces) = patch(2_000_000);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("patch.partial");
    let server = Server::start();
    server.say("patch", Said::Parts(content.clone(), 1_234_567));
    let (outcome, _) = fetched(
        &at,
        &pieces,
        &mut [paid(&mut mirror(&server, impatient()))],
        2_000_000,
    );
    assert!(outcome.is_ok());
    // As if the link had died for good.
    let file = std::fs::File::options().write(true).open(&at).unwrap();
    file.set_len(1_234_567).unwrap();
    server.say("patch", Said::Status(503));
    std::fs::create_dir_all(folder.path().join("stick/targets")).unwrap();
    std::fs::write(folder.path().join("stick/targets/patch"), &content).unwrap();
    let mut stick = FolderSource::new(&folder.path().join("stick"));
    let mut source = mirror(&server, impatient());
    let mut offers = [
        Offer {
            source: &mut stick,
            costs: false,
        },
        paid(&mut source),
    ];
    server.asked();
    let (outcome, _) = fetched(&at, &pieces, &mut offers, 0);
    assert_eq!(outcome.unwrap().paid_bytes, 0);
    assert_eq!(std::fs::read(&at).unwrap(), content);
    assert!(server.asked().is_empty(), "a stick is asked first");
}

#[test]
fn nothing_is_paid_beyond_the_budget() {
    let (content, pieces) = patch(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("patch.partial");
    let server = Server::start();
    server.say("patch", Said::Parts(content, usize::MAX));
    let mut source = mirror(&server, impatient());
    let (outcome, _) = fetched(&at, &pieces, &mut [paid(&mut source)], 999_999);
    assert!(matches!(
        outcome,
        Err(FetchError::OverBudget {
            have_bytes: 0,
            all_bytes: 1_000_000
        })
    ));
    assert!(server.asked().is_empty());
}

#[test]
fn mirrors_that_are_silent_short_endless_or_know_no_ranges_end_it_after_a_while() {
    let (content, pieces) = patch(400_000);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("patch.partial");
    let server = Server::start();
    for (said, kept) in [
        (Said::Silent(Vec::new()), 0),
        (Said::Silent(content[..100].to_vec()), 900),
        (Said::Short(400_000, Vec::new()), 0),
        (Said::Status(416), 0),
        (Said::Redirect("/elsewhere".to_owned()), 0),
        (Said::OtherPart(content.clone()), 0),
        (Said::Endless, 0),
    ] {
        server.say("patch", said);
        let mut source = mirror(&server, impatient());
        let (outcome, pauses) = fetched(&at, &pieces, &mut [paid(&mut source)], u64::MAX);
        match outcome {
            Err(FetchError::NobodyAnswers { have_bytes, .. }) => {
                assert!(have_bytes <= kept);
                assert!((400..700).contains(&pauses.as_secs()), "{pauses:?}");
            }
            // Zeros are a whole piece soon.
            Err(FetchError::NobodyHonest { have_bytes: 0, .. }) => {}
            other => panic!("{other:?}"),
        }
        let _ = std::fs::remove_file(&at);
    }
    // One that knows no ranges can give the beginning, and with it all.
    server.put("patch", content.clone());
    let mut source = mirror(&server, impatient());
    let (outcome, _) = fetched(&at, &pieces, &mut [paid(&mut source)], u64::MAX);
    assert!(outcome.is_ok());
    let file = std::fs::File::options().write(true).open(&at).unwrap();
    file.set_len(300_000).unwrap();
    let mut source = mirror(&server, impatient());
    let (outcome, _) = fetched(&at, &pieces, &mut [paid(&mut source)], u64::MAX);
    let Err(FetchError::NobodyAnswers { last, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(last.contains("knows no ranges"), "{last}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a power cut leaves: some length, and in it blocks that were never written, or anything else.
    #[test]
    fn whatever_lies_there_the_fetched_file_is_the_signed_one(
        length in 0..130_000_usize,
        holes in proptest::collection::vec((0..130_000_usize, 1..5_000_usize), 0..3),
        dies_after in 3_000..200_000_usize,
    ) {
        let (content, _) = patch(100_000);
        let pieces = pieces(&content, 7_000);
        let folder = tempfile::tempdir().unwrap();
        let stick = folder.path().join("stick");
        std::fs::create_dir_all(stick.join("targets")).unwrap();
        std::fs::write(stick.join("targets/patch"), &content).unwrap();
        let mut left: Vec<u8> = content.iter().copied().cycle().take(length).collect();
        for (at, bytes) in holes {
            let end = (at + bytes).min(left.len());
            left[at.min(end)..end].fill(0);
        }
        let at = folder.path().join("patch.partial");
        std::fs::write(&at, left).unwrap();
        let server = Server::start();
        server.say("patch", Said::Parts(content.clone(), dies_after.max(16 << 10)));
        let mut source = mirror(&server, Patience::default());
        let (outcome, _) = fetched(&at, &pieces, &mut [paid(&mut source)], u64::MAX);
        prop_assert!(outcome.is_ok());
        prop_assert!(std::fs::read(&at).unwrap() == content);
    }
}
