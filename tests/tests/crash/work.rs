//! What the recorded box does: small changes, commits, snapshots taken, proven and thrown away, restores, all as the commands do it.

use std::path::PathBuf;
use std::time::Duration;

use posto::database::server::MYSQL_ID;
use posto::maintenance::Stop;
use posto::places::Places;
use posto::snapshot::id::Id;
use posto::snapshot::manifest::Reason;
use posto::snapshot::proof::Depth;
use posto::snapshot::prove::{self, Outcome, Setting};
use posto::snapshot::restore::plan::Wanted;
use posto::snapshot::restore::run::{self, Choice, Phase};
use posto::snapshot::shelf::{self, Shelf, Snapshot};
use posto::snapshot::take::{Progress, Request, take};
use posto::snapshot::{moment, proof};
use posto::system::clock;

use super::clinic::{self, block_on};
use super::counters;
use super::live::{Live, Never};
use super::story::{Part, Restored, Story, Taken, whole};
use super::tree::Tree;

/// 2026-11-23.
const UNIX_S: u64 = 1_795_369_791;
/// What of a snapshot does not count: what is added to it later, also where the cut came before it had its name, and the server's
/// list of pages to warm up with, which it does not flush when it ends (a hot clone leaves it out).
pub(crate) const BESIDES: [&str; 4] = [
    proof::FILE,
    "proofs.json.new",
    prove::LOG,
    "database/ib_buffer_pool",
];
const MEMORY_BYTES: u64 = 1 << 30;

/// Works, and tells what was promised when.
pub(crate) fn work(live: &Live) -> Story {
    let mut work = Work {
        live,
        story: Story::default(),
        holds: vec![whole(0)],
    };
    work.small_changes();
    work.commits(40);
    let first = work.take();
    work.prove(first);
    let second = work.take();
    work.prove(second);
    work.commits(20);
    work.throw_away(first);
    work.restore(Choice::Snapshot(second), Wanted::default());
    work.commits(20);
    let third = work.take();
    // Nobody has proven it: until its database has answered it may still go back.
    let unproven = Wanted {
        accept_unproven: true,
        ..Wanted::default()
    };
    work.restore(Choice::Snapshot(third), unproven);
    work.commits(10);
    work.restore(Choice::Undo, Wanted::default());
    work.commits(20);
    work.story.phases = live.clock.phases();
    work.story.end = live.clock.now();
    work.story.acks = live.ledger.all();
    work.story
}

struct Work<'a> {
    live: &'a Live<'a>,
    story: Story,
    /// What the live database has.
    holds: Vec<Part>,
}

impl Work<'_> {
    fn small_changes(&mut self) {
        self.live.clock.phase("small changes");
        self.story.counted = counters::count(&self.live.places, &self.live.clock);
        self.live.clock.phase("database starts");
        self.live.open();
        self.story.founded = self.live.clock.now();
    }

    fn commits(&self, count: usize) {
        self.live.clock.phase("commits");
        self.live.work_on(count);
    }

    fn take(&mut self) -> Id {
        let clock = &self.live.clock;
        clock.phase("snapshot: clone");
        let request = Request {
            reason: Reason::Scheduled,
            facility: "test".to_string(),
            release: "test".to_string(),
            release_built: 1_790_000_000,
            unix_s: UNIX_S,
            since_boot: clock::since_boot(),
            answer_limit: Duration::from_secs(120),
        };
        let (taken, span) = clock.span(|| {
            block_on(take(&self.live.places, &request, &Never, &mut |progress| {
                if progress == Progress::Flushing {
                    clock.phase("snapshot: flush, name, catalogue");
                }
            }))
        });
        let id = taken.unwrap().id;
        clock.phase("commits");
        let part = |part: &Part| Part {
            world: part.world,
            sure: part.sure.min(span.begun),
            until: part.until.min(span.done),
        };
        self.story.taken.push(Taken {
            id,
            span,
            tree: self.tree(id),
            holds: self.holds.iter().map(part).collect(),
        });
        id
    }

    fn tree(&self, id: Id) -> Tree {
        let directory = self.live.places.snapshots().join(id.directory());
        Tree::of(&directory, &BESIDES).unwrap()
    }

    fn prove(&mut self, id: Id) {
        let (live, clock) = (self.live, &self.live.clock);
        clock.phase("proof");
        let all = shelf::list(&live.places).unwrap();
        let snapshot = all.iter().find(|one| one.id() == id).unwrap();
        let outcome = proof_of(&live.places, snapshot, &all, clinic::program()).unwrap();
        let Outcome::Proved(proof) = outcome else {
            panic!("no verdict: {outcome:?}")
        };
        assert!(proof.is_good(), "{proof:?}");
        let mut shelf = Shelf::open(&live.places).unwrap();
        clock.phase("verdict");
        let (proved, span) = clock.span(|| shelf.proved(&proof));
        proved.unwrap();
        clock.phase("commits");
        self.story.proved.push((id, span));
    }

    fn throw_away(&mut self, id: Id) {
        let clock = &self.live.clock;
        let mut shelf = Shelf::open(&self.live.places).unwrap();
        clock.phase("thrown away");
        let (thrown, span) = clock.span(|| shelf.throw_away(id));
        thrown.unwrap();
        clock.phase("commits");
        self.story.thrown.push((id, span));
    }

    fn restore(&mut self, choice: Choice, wanted: Wanted) {
        let (live, clock) = (self.live, &self.live.clock);
        let setting = run::Setting {
            places: live.places.clone(),
            unix_s: UNIX_S + 3600,
            since_boot: clock::since_boot(),
            openmrs_user: None,
        };
        let (snapshot, seen) = block_on(run::look(choice, &setting)).unwrap();
        clock.phase("restore: clone");
        // Clerks of the restored database are of another life of it.
        live.world.set(live.world.get() + 1);
        let stop = Stop::default();
        let mut show = |phase| match phase {
            Phase::Stopping => clock.phase("restore: stop"),
            Phase::Exchanging => clock.phase("restore: exchange"),
            Phase::Starting => clock.phase("restore: database starts"),
            Phase::Keeping => clock.phase("restore: state before kept"),
            Phase::Cloning | Phase::Openmrs => {}
        };
        let restore = run::restore(&snapshot, &seen, wanted, &setting, live, &stop, &mut show);
        let (restored, span) = clock.span(|| block_on(restore));
        let restored = restored.unwrap();
        clock.phase("commits");
        // What is replaced has everything; of what comes back its snapshot's story tells.
        let mut of = self.story.taken.iter();
        let known = of.find(|taken| taken.id == restored.restored).unwrap();
        let mut now = vec![whole(live.world.get())];
        now.extend_from_slice(&known.holds);
        let holds = std::mem::replace(&mut self.holds, now);
        let tree = self.tree(restored.kept);
        self.story.taken.push(Taken {
            id: restored.kept,
            span,
            tree,
            holds,
        });
        self.story.restored.push(Restored {
            kept: restored.kept,
            holds: self.holds.clone(),
        });
    }
}

/// A quick proof, as the box's own unit makes it.
pub(crate) fn proof_of(
    places: &Places,
    snapshot: &Snapshot,
    all: &[Snapshot],
    program: PathBuf,
) -> Result<Outcome, String> {
    let before = all.last().map(|newest| &newest.manifest.moment);
    let setting = Setting {
        places: places.clone(),
        program,
        user: Some(MYSQL_ID),
        available_memory_bytes: MEMORY_BYTES,
        moment: moment::now(places, before, UNIX_S, clock::since_boot()),
        until: None,
    };
    let stop = Stop::default();
    let mut show = |_: &_| {};
    let proof = prove::prove(snapshot, Depth::Quick, all, &setting, &stop, &mut show);
    block_on(proof).map_err(|error| error.to_string())
}
