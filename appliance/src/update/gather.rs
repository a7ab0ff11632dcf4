//! The worker: asks mirrors or a stick what there is, and brings a release piece by piece into its own folder. It has a network (or a
//! stick) and no rights; what it leaves is verified again by root ([`super::accept`]).
//!
//! `STATE/repository/` is laid out as a repository: `metadata/`, `targets/`. `STATE/spent.json`, `STATE/said.json` beside it.

mod metered;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use posto_release::manifest;
use posto_signing::durable::{self, FileError};
use posto_signing::fetch::{self, Around, FetchError, Offer, Partial, Progress};
use posto_signing::rollout::{self, Decision, Rollout, Way};
use posto_signing::source::{Source, SourceError};
use posto_signing::state::{StateError, TrustedState};
use posto_signing::time::Clues;
use posto_signing::update::{self, Fetchable, UpdateError};
use posto_signing::workflow::{Policy, Refusal, Workflow};

pub use self::metered::{Meter, Metered};
use super::budget::Budget;
use super::mirrored::Mirrored;
use super::order::{Order, Work};
use super::said::{Found, Said, Step};
use super::trouble::Trouble;
use crate::system::durable::DurableError;
use crate::system::log::log;

/// A progress that nobody would see is not written: each is a small file on tmpfs.
const SHOWN_EVERY_BYTES: u64 = 128 * 1024;

/// Why nothing (more) came. What came stays, and the next try goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// No mirror, no stick.
    #[error(
        "nobody to ask: facility.toml names no mirrors ([releases] mirrors) and no stick was given"
    )]
    NoSource,
    /// Each source's own reason.
    #[error("no source has lists that can be believed: {reasons}")]
    NoLists {
        /// As each source is known, and what was wrong with it.
        reasons: String,
        /// At least one had lists, and they were refused.
        refused: bool,
    },
    /// The image's root.
    #[error("the image's trusted root is none: {0}")]
    Root(#[from] Refusal),
    /// The publisher left no way to it.
    #[error("release {0} was published without a patch that this box could take")]
    NoWay(String),
    /// A list or a manifest.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The release.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The worker's folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The same.
    #[error(transparent)]
    State(#[from] StateError),
    /// The same.
    #[error(transparent)]
    Durable(#[from] DurableError),
}

/// A mirror or a stick.
pub struct Giver {
    /// As people know it.
    pub name: String,
    /// What it has.
    pub source: Box<dyn Source>,
    /// Whether its bytes are paid for.
    pub costs: bool,
}

/// Where the worker works, and what it cannot know by itself.
pub struct Ground<'a> {
    /// Its state folder.
    pub state: &'a Path,
    /// Where it says how far it is (tmpfs).
    pub live: &'a Path,
    /// What root told it.
    pub order: &'a Order,
    /// The image's trusted root.
    pub anchor: &'a [u8],
    /// What the clock says, unix seconds.
    pub clock_s: i64,
    /// Waits.
    pub pause: &'a mut dyn FnMut(Duration),
    /// Any number.
    pub random: &'a mut dyn FnMut() -> u32,
}

/// Does what the order says; what came of it is said in both folders.
///
/// # Errors
/// [`GatherError`]; said as well.
pub fn run(ground: &mut Ground<'_>, givers: &mut [Giver]) -> Result<Said, GatherError> {
    let mut mirrored = Mirrored::new(&ground.state.join("repository"))?;
    let now_s = Clues {
        image_built_s: ground.order.image_built_s,
        last_signed_s: mirrored.signed_time_s(),
        clock_s: ground.clock_s,
    }
    .best_s();
    let budget = Budget::read(ground.state, now_s, ground.order.megabytes_a_month);
    let mut run = Run {
        said: Said {
            at_s: now_s,
            step: Step::Asking,
            budget_bytes: budget.limit_bytes(),
            paid_bytes: budget.spent_bytes(),
            ..Said::default()
        },
        budget,
        meter: Meter::default(),
        now_s,
    };
    run.said.write(ground.live)?;
    let done = run.all(ground, &mut mirrored, givers);
    run.settle()?;
    run.budget.keep()?;
    if let Err(error) = &done {
        run.said.step = Step::Failed;
        run.said.trouble = Some(Trouble::from(error));
        run.said.error = Some(error.to_string());
    }
    run.said.write(ground.live)?;
    run.said.write(ground.state)?;
    done.map(|()| run.said)
}

struct Run {
    said: Said,
    budget: Budget,
    meter: Meter,
    now_s: i64,
}

impl Run {
    fn all(
        &mut self,
        ground: &mut Ground<'_>,
        mirrored: &mut Mirrored,
        givers: &mut [Giver],
    ) -> Result<(), GatherError> {
        let (mut workflow, asked) = self.lists(ground, mirrored, givers)?;
        let name = |expired: &posto_signing::workflow::Expired| expired.role.as_str().to_owned();
        self.said.expired = workflow.expired().iter().map(name).collect();
        let Some(targets) = workflow.targets() else {
            return Err(GatherError::NoLists {
                reasons: "no targets".to_owned(),
                refused: true,
            });
        };
        let releases = rollout::releases(targets);
        let decision = rollout::decide(&releases, &ground.order.site(self.now_s));
        self.said.step = Step::Rest;
        let release = match decision {
            Decision::UpToDate => {
                self.said.found = Found::UpToDate;
                return Ok(());
            }
            Decision::Wait(release, why) => {
                self.said.found = Found::Waits {
                    release,
                    waiting: why.name().to_owned(),
                    why: why.to_string(),
                };
                return Ok(());
            }
            Decision::Take(release) => release,
        };
        let mut ways = rollout::ways(targets, &release.release, &ground.order.running);
        // Where the patch did not fit, only what needs no base.
        ways.retain(|way| way.whole || !ground.order.whole);
        // The lists' own giver first.
        givers.rotate_left(asked);
        let mut last = GatherError::NoWay(release.release.clone());
        for way in ways {
            self.offer(&release, &way);
            if ground.order.work == Work::Check {
                return Ok(());
            }
            match self.bring(ground, (mirrored, &mut workflow), &release, &way, givers) {
                Ok(()) => return Ok(()),
                Err(error) if is_elsewhere(&error, givers) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn offer(&mut self, release: &Rollout, way: &Way) {
        self.said.all_bytes = way.bytes;
        self.said.found = Found::Offered {
            release: release.clone(),
            bytes: way.bytes,
            patch: !way.whole,
        };
    }

    /// The lists of the first giver whose can be believed, and its number.
    fn lists(
        &mut self,
        ground: &Ground<'_>,
        mirrored: &mut Mirrored,
        givers: &mut [Giver],
    ) -> Result<(Workflow, usize), GatherError> {
        if givers.is_empty() {
            return Err(GatherError::NoSource);
        }
        let mut reasons = Vec::new();
        let mut refused = false;
        for (number, giver) in givers.iter_mut().enumerate() {
            let policy = Policy::of_a_box();
            let stored = mirrored.load(&policy.bounds)?;
            let mut workflow = Workflow::begin(ground.anchor, stored, policy, self.now_s)?;
            let mut source = Metered::new(&mut *giver.source, &self.meter, giver.costs);
            match update::refresh(&mut workflow, &mut source, mirrored) {
                Ok(()) => {
                    self.said.from.clone_from(&giver.name);
                    return Ok((workflow, number));
                }
                Err(error) => {
                    log(&format!("{}: {error}", giver.name));
                    reasons.push(format!("{}: {error}", giver.name));
                    refused |= Trouble::from(&error) == Trouble::NotAsSigned;
                }
            }
        }
        Err(GatherError::NoLists {
            reasons: reasons.join("; "),
            refused,
        })
    }

    fn bring(
        &mut self,
        ground: &mut Ground<'_>,
        (mirrored, workflow): (&mut Mirrored, &mut Workflow),
        release: &Rollout,
        way: &Way,
        givers: &mut [Giver],
    ) -> Result<(), GatherError> {
        let targets = ground.state.join("repository/targets");
        forget_others(&targets, &release.release)?;
        let Some(giver) = givers.first_mut() else {
            return Err(GatherError::NoSource);
        };
        let mut source = Metered::new(&mut *giver.source, &self.meter, giver.costs);
        let path = rollout::manifest_path(&release.release);
        let found = update::find(workflow, &path, &mut source, mirrored)?;
        let consistent = workflow.root().consistent_snapshot;
        let place = targets.join(update::target_path(&found, consistent)?.as_str());
        let limit = manifest::SIZE_LIMIT_BYTES as u64;
        let manifest = update::target_bytes(&found, consistent, &mut source, limit)?;
        place_file(&place, &manifest)?;
        let patch = update::fetchable(workflow, way, &mut source, mirrored)?;
        self.settle()?;
        self.fetch(ground, &patch, &targets, givers)
    }

    fn fetch(
        &mut self,
        ground: &mut Ground<'_>,
        patch: &Fetchable,
        targets: &Path,
        givers: &mut [Giver],
    ) -> Result<(), GatherError> {
        let place = targets.join(patch.path.as_str());
        if let Some(parent) = place.parent() {
            durable::directory(parent)?;
        }
        let mut partial = Partial::open(&place, &patch.pieces)?;
        self.said.have_bytes = partial.bytes();
        // What is known of it should this process be ended or the power go.
        self.said.step = Step::Failed;
        self.said.trouble = Some(Trouble::Interrupted);
        self.said.write(ground.state)?;
        self.said.step = Step::Fetching;
        self.said.trouble = None;
        self.said.write(ground.live)?;
        let missing = patch.pieces.bytes() - partial.bytes();
        log(&format!(
            "{} of {} bytes are here; {missing} are to come, this month has paid for {} of {}",
            partial.bytes(),
            patch.pieces.bytes(),
            self.budget.spent_bytes(),
            self.budget.limit_bytes()
        ));
        let (costs, mut metered): (Vec<bool>, Vec<Metered<'_>>) = givers
            .iter_mut()
            .map(|giver| {
                let source = Metered::new(&mut *giver.source, &self.meter, giver.costs);
                (giver.costs, source)
            })
            .unzip();
        let mut offers: Vec<Offer<'_>> = metered
            .iter_mut()
            .zip(costs)
            .map(|(source, costs)| Offer { source, costs })
            .collect();
        let shared = RefCell::new((&mut self.budget, &mut self.said, Shown::default()));
        let meter = self.meter.clone();
        let live = ground.live;
        let mut may = |bytes| {
            let (budget, ..) = &mut *shared.borrow_mut();
            // A ledger that cannot be kept must not stop a release: the next settling tells.
            let _ = budget.pay(meter.take());
            budget.may(bytes)
        };
        let mut say = |progress: Progress| {
            let (budget, said, shown) = &mut *shared.borrow_mut();
            let _ = budget.pay(meter.take());
            said.have_bytes = progress.have_bytes;
            said.paid_bytes = budget.spent_bytes();
            if shown.is_due(progress.have_bytes) {
                let _ = said.write(live);
            }
        };
        let mut around = Around {
            pause: ground.pause,
            random: ground.random,
            may: &mut may,
            say: &mut say,
        };
        fetch::fetch(
            &patch.path,
            &patch.pieces,
            &mut partial,
            &mut offers,
            &mut around,
        )?;
        self.said.have_bytes = partial.bytes();
        self.said.step = Step::Fetched;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), GatherError> {
        self.budget.pay(self.meter.take())?;
        self.said.paid_bytes = self.budget.spent_bytes();
        Ok(())
    }
}

/// What was shown last, bytes.
#[derive(Default)]
struct Shown(u64);

impl Shown {
    fn is_due(&mut self, have_bytes: u64) -> bool {
        let due = have_bytes.abs_diff(self.0) >= SHOWN_EVERY_BYTES;
        if due {
            self.0 = have_bytes;
        }
        due
    }
}

/// Whether the next way may be had where this one could not: a stick carries some patches only. A dead link is no reason to fetch ten
/// times as much over it.
fn is_elsewhere(error: &GatherError, givers: &[Giver]) -> bool {
    match error {
        GatherError::Update(UpdateError::Source(SourceError::Absent(_))) => true,
        GatherError::Fetch(FetchError::NobodyAnswers { .. }) => {
            givers.iter().all(|giver| !giver.costs)
        }
        _ => false,
    }
}

/// A release that is not wanted any more would fill the disk.
fn forget_others(targets: &Path, release: &str) -> Result<(), DurableError> {
    let releases = targets.join("releases");
    let Ok(entries) = std::fs::read_dir(&releases) else {
        return Ok(());
    };
    let others: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_none_or(|name| name != release))
        .collect();
    for path in others {
        crate::system::durable::remove(&path)?;
    }
    Ok(())
}

fn place_file(place: &Path, content: &[u8]) -> Result<(), FileError> {
    if let Some(parent) = place.parent() {
        durable::directory(parent)?;
    }
    durable::write(place, content, 0o644)
}
