//! Which cuts are tried: of each phase of the work the moments at its end, where something was just promised, and a seeded
//! sample of moments before flushes; for each a fate of what was not flushed.

use fastrand::Rng;
use posto_tests::powercut::Fate;
use posto_tests::powercut::record::Entry;

use super::story::{Phase, Story};

/// Each in turn.
const FATES: [Fate; 5] = [
    Fate::AllLost,
    Fate::SectorsLost,
    Fate::WritesLost,
    Fate::LaterLost,
    Fate::AllKept,
];

/// One cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) phase: &'static str,
    /// So many entries of the record have happened.
    pub(crate) position: u64,
    pub(crate) fate: Fate,
    pub(crate) seed: u64,
    /// Whether a server is started on the live data.
    pub(crate) database: bool,
    /// Whether a server is started on a snapshot that is called proven.
    pub(crate) proof: bool,
}

/// `each` for each phase, in the order of their positions, besides those at promises.
pub(crate) fn choose(story: &Story, entries: &[Entry], each: u64, seed: u64) -> Vec<Cut> {
    let mut chooser = Chooser {
        rng: Rng::with_seed(seed),
        cuts: Vec::new(),
    };
    for counted in &story.counted {
        chooser.cut("small changes", counted.span.done, Fate::AllLost, false);
    }
    let promised = story.taken.iter().map(|taken| taken.span);
    let promised = promised
        .chain(story.proved.iter().map(|(_, span)| *span))
        .chain(story.thrown.iter().map(|(_, span)| *span));
    for span in promised {
        let ends = |phase: &&Phase| phase.from < span.done && span.done <= phase.to;
        let phase = story
            .phases
            .iter()
            .find(ends)
            .map_or("end", |phase| phase.name);
        chooser.cut(phase, span.done, Fate::AllLost, true);
    }
    let mut names: Vec<&'static str> = story.phases.iter().map(|phase| phase.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let of = story.phases.iter().filter(|phase| phase.name == name);
        let moments: Vec<u64> = of.flat_map(|phase| moments(entries, phase)).collect();
        let chosen = chooser
            .rng
            .choose_multiple(moments, usize::try_from(each).unwrap());
        for (number, position) in chosen.into_iter().enumerate() {
            let fate = FATES[(number + chooser.cuts.len()) % FATES.len()];
            chooser.cut(name, position, fate, position >= story.founded);
        }
    }
    let mut cuts = chooser.cuts;
    if let Ok(only) = std::env::var("POSTO_CRASH_PHASE") {
        cuts.retain(|cut| cut.phase == only);
    }
    cuts.sort_by_key(|cut| cut.position);
    cuts
}

struct Chooser {
    rng: Rng,
    cuts: Vec<Cut>,
}

impl Chooser {
    fn cut(&mut self, phase: &'static str, position: u64, fate: Fate, database: bool) {
        let proof = database && self.cuts.len().is_multiple_of(4);
        self.cuts.push(Cut {
            phase,
            position,
            fate,
            seed: self.rng.u64(..),
            database,
            proof,
        });
    }
}

/// Positions just before flushes that have something to flush.
fn moments(entries: &[Entry], phase: &Phase) -> Vec<u64> {
    let from = usize::try_from(phase.from).unwrap();
    let to = usize::try_from(phase.to).unwrap();
    (from.max(1)..to.min(entries.len()))
        .filter(|at| entries[*at] == Entry::Flush && entries[at - 1] != Entry::Flush)
        .map(|at| at as u64)
        .collect()
}
