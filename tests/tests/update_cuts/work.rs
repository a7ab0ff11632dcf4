//! What the recorded box does: updates of what it trusts with rotations of keys, a patch fetched over a link that dies, slots filled.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use posto_signing::fetch::{Around, Offer, Partial, Piece, Pieces, fetch};
use posto_signing::http::{Authorities, HttpSource, Patience};
use posto_signing::source::TargetPath;
use posto_signing::state::DatabaseState;
use posto_tests::powercut::Record;
use sha2::{Digest, Sha256};

use super::made::{Made, Said};
use super::release;

pub(crate) const STATE: &str = "trusted.sqlite";
pub(crate) const PATCH: &str = "patch.partial";
const UPDATES: u64 = 6;
const RELEASES: u8 = 3;

/// Something begun and acknowledged.
pub(crate) struct Done<T> {
    pub(crate) what: T,
    pub(crate) begun: u64,
    pub(crate) acknowledged: u64,
}

pub(crate) struct Story {
    pub(crate) made: Made,
    /// What the mirror showed, by the timestamp's version.
    pub(crate) pictures: BTreeMap<u64, BTreeMap<String, Said>>,
    /// Versions of (root, timestamp), and the floor of releases.
    pub(crate) trusted: Vec<Done<(u64, u64, i64)>>,
    pub(crate) patch: Vec<u8>,
    pub(crate) pieces: Pieces,
    pub(crate) staged: Vec<Done<String>>,
    phases: Vec<(&'static str, u64)>,
    pub(crate) end: u64,
}

impl Story {
    pub(crate) fn phase(&self, position: u64) -> &'static str {
        let begun = self.phases.iter().rev().find(|(_, from)| *from <= position);
        begun.map_or("start", |(name, _)| name)
    }
}

/// The box's folders as they are before.
pub(crate) fn prepare(at: &Path) {
    std::fs::create_dir(at.join("boot")).unwrap();
    let root = File::create(at.join("root")).unwrap();
    root.set_len(release::SLOT_BYTES).unwrap();
    root.sync_all().unwrap();
}

pub(crate) fn work(at: &Path, record: &Record) -> Story {
    let now = || record.position().unwrap();
    let (patch, pieces) = patch();
    let mut story = Story {
        made: Made::new(),
        pictures: BTreeMap::new(),
        trusted: Vec::new(),
        patch,
        pieces,
        staged: Vec::new(),
        phases: vec![("trusted state", now())],
        end: 0,
    };
    for number in 1..=UPDATES {
        if number % 3 == 0 {
            story.made.rotate("timestamp");
        }
        story.made.publish();
        let version = story.made.versions["timestamp"];
        let picture = story.made.server.picture();
        story.pictures.insert(version, picture);
        let begun = now();
        let floor = i64::try_from(number).unwrap() * 1_000;
        let (mut state, _) = DatabaseState::open(&at.join(STATE)).unwrap();
        story.made.update(&mut state).unwrap();
        state.raise_release_floor(floor).unwrap();
        story.trusted.push(Done {
            what: (story.made.versions["root"], version, floor),
            begun,
            acknowledged: now(),
        });
    }
    story.phases.push(("fetching", now()));
    fetch_patch(at, &story);
    story.phases.push(("slot", now()));
    for number in 1..=RELEASES {
        let begun = now();
        let what = release::stage(at, number).unwrap();
        story.staged.push(Done {
            what,
            begun,
            acknowledged: now(),
        });
    }
    story.end = now();
    story
}

fn patch() -> (Vec<u8>, Pieces) {
    let content: Vec<u8> = (0..2_000_000_u64)
        .map(|at| (at * at / 977).to_le_bytes()[0])
        .collect();
    let piece = |piece: &[u8]| Piece {
        bytes: piece.len() as u64,
        sha256: Sha256::digest(piece).into(),
    };
    let pieces = Pieces::new(content.chunks(150_000).map(piece).collect()).unwrap();
    (content, pieces)
}

/// From a link that dies in the middle of each answer.
fn fetch_patch(at: &Path, story: &Story) {
    let said = Said::Parts(story.patch.clone(), 230_000);
    story.made.server.say("targets/patch", said);
    go_on(at, story);
}

/// Brings the rest of the patch.
pub(crate) fn go_on(at: &Path, story: &Story) {
    let targets = format!("http://{}/targets", story.made.server.address);
    let mut source = HttpSource::new(
        &targets,
        Some(&targets),
        Patience::default(),
        &Authorities::Public,
    );
    let mut offers = [Offer {
        source: &mut source,
        costs: true,
    }];
    let mut around = Around {
        pause: &mut |_: Duration| {},
        random: &mut || 0,
        may: &mut |_| true,
        say: &mut |_| {},
    };
    let path = TargetPath::new("patch", None).unwrap();
    let mut partial = Partial::open(&at.join(PATCH), &story.pieces).unwrap();
    fetch(&path, &story.pieces, &mut partial, &mut offers, &mut around).unwrap();
}
