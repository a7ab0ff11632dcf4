//! Patches that are not what was signed, and signed ones that should never have been.

use posto_delta::apply::{self, ApplyError};
use posto_delta::index::{Entry, Image, Index, Side};
use posto_delta::make::{self, Options, Pair, Source};
use posto_signing::fetch::{FetchError, LIST_MAX_BYTES, Partial, Piece, Pieces};
use posto_signing::rollout;
use posto_signing::update::{self, UpdateError};
use sha2::{Digest, Sha256};

use crate::case;
use crate::made::{Made, Said, fetch_from, impatient, state};

const PIECE: usize = 20_000;
const FRAME: u32 = 64 << 10;
const PATCH: &str = "releases/b/patches/a.patch";
const LIST: &str = "releases/b/patches/a.pieces";
/// What the applier may take at most ([`posto_delta::bounds`]).
const APPLIER_BYTES: u64 = 32 << 20;

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..bytes).map(|_| next()).collect()
}

fn image(seed: u64) -> Vec<u8> {
    [noise(1, 100_000), noise(seed, 100_000)].concat()
}

fn patch(old: &[u8], new: &[u8]) -> Vec<u8> {
    let source = |data| Source {
        data,
        bytes: new.len() as u64,
        root_hash: [0; 32],
    };
    let pair = Pair {
        name: "root.erofs",
        old: Some(source(old)),
        new: source(new),
    };
    let options = Options {
        threads: 1,
        level: 3,
        frame_bytes: FRAME,
    };
    let mut bytes = Vec::new();
    let made = make::patch(&[pair], &options).unwrap();
    made.write(&mut bytes).unwrap();
    bytes
}

fn list(patch: &[u8]) -> Vec<u8> {
    let piece = |piece: &[u8]| Piece {
        bytes: piece.len() as u64,
        sha256: Sha256::digest(piece).into(),
    };
    let pieces = patch.chunks(PIECE).map(piece).collect();
    Pieces::new(pieces).unwrap().to_list()
}

/// A repository with this patch and the list of its pieces.
fn offered(patch: &[u8], list: &[u8]) -> Made {
    let mut made = Made::new();
    made.add_target(PATCH, patch);
    made.add_target(LIST, list);
    made.publish();
    let place = place(&made, ".a.patch");
    made.server
        .say(&place, Said::Parts(patch.to_vec(), usize::MAX));
    made.server.asked();
    made
}

/// Where the repository has the file whose name ends so.
fn place(made: &Made, ending: &str) -> String {
    let mut files = made.server.picture().into_keys();
    files.find(|path| path.ends_with(ending)).unwrap()
}

#[derive(Debug)]
enum Ended {
    Update(UpdateError),
    Fetch(FetchError),
}

/// What a box does up to the whole patch; `kept` is told what lies there after a fetch that failed.
fn fetched(made: &Made, kept: &mut usize) -> Result<Vec<u8>, Ended> {
    let mut state = state();
    let mut workflow = made.update(&mut state).map_err(Ended::Update)?;
    let ways = rollout::ways(workflow.targets().unwrap(), "b", "a");
    let mut source = made.source_with(impatient());
    let fetchable = update::fetchable(&mut workflow, &ways[0], &mut source, &mut state)
        .map_err(Ended::Update)?;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("patch.partial");
    let mut partial = Partial::open(&at, &fetchable.pieces).unwrap();
    let outcome = fetch_from(
        &mut source,
        &fetchable.path,
        &fetchable.pieces,
        &mut partial,
    );
    let content = std::fs::read(&at).unwrap();
    *kept = content.len();
    outcome.map(|_| content).map_err(Ended::Fetch)
}

/// A slot that keeps what is written to it.
fn applied(patch: &[u8], old: &[u8]) -> (Result<(), ApplyError>, Vec<u8>) {
    let slot = tempfile::tempfile().unwrap();
    let index = Index::read(&mut &*patch).unwrap();
    let result = apply::image(&index, 0, 0, patch, old, &slot, |_| {});
    let mut written = Vec::new();
    std::io::Seek::rewind(&mut &slot).unwrap();
    std::io::Read::read_to_end(&mut &slot, &mut written).unwrap();
    (result, written)
}

pub(crate) fn an_honest_patch_makes_the_release() {
    let (old, new) = (image(3), image(5));
    let patch = patch(&old, &new);
    let made = offered(&patch, &list(&patch));
    let content = fetched(&made, &mut 0).unwrap();
    assert!(content == patch);
    let (result, written) = applied(&content, &old);
    result.unwrap();
    assert!(written == new);
}

pub(crate) fn a_mirror_that_sends_another_patch_is_found_out_piece_by_piece() {
    let (old, new) = (image(3), image(5));
    let right = patch(&old, &new);
    assert!(right.len() > 4 * PIECE);
    let mut swapped = right.clone();
    swapped[..2 * PIECE].rotate_left(PIECE);
    let mut flipped = right.clone();
    flipped[3 * PIECE + 7] ^= 1;
    let mut short = right.clone();
    short.truncate(2 * PIECE + 100);
    let other = patch(&old, &image(7));
    let circle = format!("/{}", place(&offered(&right, &list(&right)), ".a.patch"));
    let parts = |bytes: Vec<u8>| Said::Parts(bytes, usize::MAX);
    for (name, said, most) in [
        ("two pieces of a patch exchanged", parts(swapped), 0),
        ("one bit of a patch", parts(flipped), 3 * PIECE),
        ("the patch of another release", parts(other), 0),
        ("a patch cut short", parts(short), 2 * PIECE + 100),
        ("a patch without end", Said::Endless, 0),
        ("a patch byte by byte", Said::Drip(right.clone()), PIECE),
        (
            "a part that begins elsewhere",
            Said::OtherPart(right.clone()),
            0,
        ),
        ("a patch redirected in a circle", Said::Redirect(circle), 0),
        ("a part with an endless head", Said::EndlessHead, 0),
        ("a packed patch", Said::Packed(right.clone()), 0),
    ] {
        case(name);
        let made = offered(&right, &list(&right));
        made.server.say(&place(&made, ".a.patch"), said);
        let mut kept = 0;
        let ended = fetched(&made, &mut kept).map(|_| ());
        match (name, &ended) {
            // It says that it is packed and is not: nobody unpacks it, the bytes are the right ones.
            ("a packed patch", Ok(())) => continue,
            (
                _,
                Err(Ended::Fetch(
                    FetchError::NobodyHonest { .. } | FetchError::NobodyAnswers { .. },
                )),
            ) => {}
            _ => panic!("{name}: {ended:?}"),
        }
        assert!(kept <= most, "{name}: {kept}");
        let asked = made.server.asked();
        assert!(
            asked
                .iter()
                .all(|path| path.starts_with("metadata/") || path.starts_with("targets/"))
        );
    }
}

pub(crate) fn a_list_of_pieces_is_the_signed_one_and_of_this_patch() {
    let (old, new) = (image(3), image(5));
    let right = patch(&old, &new);
    let other = patch(&old, &image(7));

    case("the list of another patch, unsigned");
    let made = offered(&right, &list(&right));
    made.server.put(&place(&made, ".a.pieces"), list(&other));
    let ended = fetched(&made, &mut 0);
    assert!(matches!(
        ended,
        Err(Ended::Update(UpdateError::Target { .. }))
    ));

    for (name, signed) in [
        ("a list of pieces of another length", list(&right[1..])),
        ("no list of pieces", b"postopcs".to_vec()),
        ("a list that says more than it has", {
            let mut list = list(&right);
            list[12] ^= 1;
            list
        }),
    ] {
        case(name);
        let made = offered(&right, &signed);
        let ended = fetched(&made, &mut 0);
        assert!(
            matches!(ended, Err(Ended::Update(UpdateError::Pieces { .. }))),
            "{name}"
        );
        assert!(!made.server.asked().contains(&place(&made, ".a.patch")));
    }

    case("a list of pieces longer than any");
    let mut made = offered(&right, &list(&right));
    made.targets.get_mut(LIST).unwrap().length = LIST_MAX_BYTES + 1;
    made.publish();
    made.server.asked();
    let ended = fetched(&made, &mut 0);
    assert!(matches!(
        ended,
        Err(Ended::Update(UpdateError::TooLong { .. }))
    ));
    let asked = made.server.asked();
    assert!(asked.iter().all(|path| path.starts_with("metadata/")));
}

/// A patch of one frame with these bytes, its hashes right.
fn forged(frame: &[u8], new: &[u8]) -> Vec<u8> {
    let entry = Entry {
        encoded_bytes: frame.len() as u32,
        encoded_sha256: Sha256::digest(frame).into(),
        output_sha256: Sha256::digest(new).into(),
    };
    let image = Image {
        name: "root.erofs".into(),
        base: Side::default(),
        target: Side {
            bytes: new.len() as u64,
            ..Side::default()
        },
    };
    let index = Index::new(FRAME, vec![image], &[entry]).unwrap();
    [index.to_bytes(), frame.to_vec()].concat()
}

/// A frame of these streams; each says that it unpacks to so many bytes.
fn frame(streams: [(&[u8], u32); 5]) -> Vec<u8> {
    let mut frame = Vec::new();
    for (packed, unpacked_bytes) in streams {
        frame.extend((packed.len() as u32).to_le_bytes());
        frame.extend(unpacked_bytes.to_le_bytes());
        frame.extend(packed);
    }
    frame
}

/// Most memory that this process has taken since the last call, bytes: `VmHWM` of proc(5), begun anew by `clear_refs`.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    kib << 10
}

/// All signatures and hashes are right: a thief of the targets key made the patch.
pub(crate) fn what_a_stolen_key_signed_is_never_written_and_takes_no_memory() {
    let new = noise(5, FRAME as usize);
    let pack = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).unwrap();
    let bomb_bytes = 1_u32 << 30;
    let bomb = {
        let mut packer = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        packer
            .set_pledged_src_size(Some(u64::from(bomb_bytes)))
            .unwrap();
        packer.include_contentsize(true).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..bomb_bytes >> 20 {
            std::io::Write::write_all(&mut packer, &zeros).unwrap();
        }
        packer.finish().unwrap()
    };
    assert!(bomb.len() < FRAME as usize, "{}", bomb.len());
    let whole = pack(&[0, 0x80, 0x80, 4, 0]);
    let packed = pack(&new);
    let (control, none) = ((&*whole, 5), (&[] as &[u8], 0));
    let extra = (&*packed, FRAME);
    applied(
        &forged(&frame([control, none, none, none, extra]), &new),
        &[],
    )
    .0
    .unwrap();
    for (name, frame) in [
        (
            "a bomb that hides its length",
            frame([control, none, none, none, (&bomb, FRAME)]),
        ),
        (
            "a bomb that says its length",
            frame([control, none, none, none, (&bomb, bomb_bytes)]),
        ),
        (
            "a bomb of control numbers",
            frame([(&bomb, 1 << 20), none, none, none, extra]),
        ),
        (
            "a bomb of differences",
            frame([control, none, none, (&bomb, FRAME), none]),
        ),
        (
            "numbers beyond the bound",
            frame([(&bomb, (1 << 20) + 1), none, none, none, extra]),
        ),
    ] {
        case(name);
        let patch = forged(&frame, &new);
        let made = offered(&patch, &list(&patch));
        let content = fetched(&made, &mut 0).unwrap();
        assert!(content == patch);
        peak_bytes();
        let before = peak_bytes();
        let (result, written) = applied(&content, &[]);
        let more = peak_bytes().saturating_sub(before);
        assert!(result.is_err(), "{name}");
        assert!(written.is_empty(), "{name}");
        assert!(more <= APPLIER_BYTES, "{name}: {more} bytes");
    }
    // A target whose length no disk has is refused by its pieces, before a byte is asked for.
    case("a patch longer than its pieces");
    let patch = forged(&frame([control, none, none, none, extra]), &new);
    let mut made = offered(&patch, &list(&patch));
    made.targets.get_mut(PATCH).unwrap().length = u64::from(u32::MAX) << 20;
    made.publish();
    let ended = fetched(&made, &mut 0);
    assert!(matches!(
        ended,
        Err(Ended::Update(UpdateError::Pieces { .. }))
    ));
}

pub(crate) fn a_patch_of_another_base_writes_nothing() {
    case("a patch to the wrong base");
    let (old, other, new) = (image(3), noise(9, 200_000), image(5));
    let patch = patch(&other, &[&other[..150_000], &new[..50_000]].concat());
    // Signed as the one from the release that the box runs.
    let made = offered(&patch, &list(&patch));
    let content = fetched(&made, &mut 0).unwrap();
    let (result, written) = applied(&content, &old);
    assert!(matches!(
        result,
        Err(ApplyError::OtherBase { number: 0, .. })
    ));
    assert!(written.is_empty());
}
