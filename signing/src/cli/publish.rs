//! `publish`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use indicatif::ProgressBar;
use posto_signing::publish::patch_plan::{Given, PatchPlan, Step};
use posto_signing::publish::release::Release;
use posto_signing::publish::repository::Repository;
use posto_signing::rollout::{Rollout, Standing, WHOLE};
use serde_json::json;

use super::Say;
use super::publishing::{Publishing, described, instant};

/// Publish a release directory: its manifest, and patches that make it.
///
/// Boxes fetch a patch from the release that they run (--from, --patch), or the whole patch, which needs none. Where no whole patch is
/// given or published yet, it is made here, which takes minutes and as much memory as the patch is long; so are those of --from.
/// A release that is published already gets further patches, and keeps its terms where none are named.
#[derive(Args)]
pub(super) struct Publish {
    /// What posto-image made.
    release: PathBuf,
    #[command(flatten)]
    publishing: Publishing,
    /// An older release's directory: make the patch for boxes that run it.
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,
    /// A patch that was made before, by `posto-image patch`. What it begins with is looked up among the published releases, or named.
    #[arg(long, value_name = "[RELEASE=]FILE")]
    patch: Vec<Given>,
    /// Who follows it [default: stable].
    #[arg(long)]
    channel: Option<String>,
    /// Not before this time (YYYY-MM-DDTHH:MM:SSZ).
    #[arg(long, value_parser = instant)]
    not_before: Option<String>,
    /// For how many of a hundred facilities [default: 100].
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: Option<u8>,
    /// Least memory of a box, MiB; the release's own if it asks for more.
    #[arg(long)]
    minimum_memory_mib: Option<u64>,
}

impl Publish {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        let mut release = Release::read(&self.release, "stable")?;
        let mut session = self.publishing.open()?;
        release.terms = self.terms(&release.terms, &session.repository)?;
        let plan = PatchPlan::new(&session.repository, &release, &self.patch, &self.from)?;
        let mut lines = vec![described(&release.terms)];
        lines.extend(plan.lines());
        let report = json!({"release": release.terms, "patches": plan.lines()});
        if !session.plan(say, lines, &report)? {
            return Ok(());
        }
        session.open_keys()?;
        let mut making = Making::new(say);
        plan.execute(&self.release, &mut release, &mut |step| making.say(step))?;
        let targets = session.repository.with_release(&release)?;
        let report = json!({"release": release.terms, "bytes": release.bytes()});
        session.publish(say, Some(&targets), release.copies, &report)
    }

    /// The terms that are published already, else the release's own; with what is said here.
    fn terms(&self, own: &Rollout, repository: &Repository) -> anyhow::Result<Rollout> {
        let published = repository.releases();
        let there = published
            .into_iter()
            .rfind(|terms| terms.release == own.release);
        let mut terms = there.unwrap_or_else(|| own.clone());
        if terms.standing == Standing::Withdrawn {
            bail!(
                "{} is withdrawn, and that is for good: give the release another name",
                own.release
            );
        }
        if let Some(channel) = &self.channel {
            terms.channel.clone_from(channel);
        }
        if let Some(percent) = self.percent {
            terms.percent = percent;
        }
        if self.not_before.is_some() {
            terms.not_before.clone_from(&self.not_before);
        }
        if let Some(least) = self.minimum_memory_mib {
            terms.minimum_memory_mib = own.minimum_memory_mib.max(least);
        }
        Ok(terms)
    }
}

/// Shows that a patch is being made.
struct Making<'a> {
    say: &'a Say,
    bar: ProgressBar,
    begun: Instant,
}

impl<'a> Making<'a> {
    fn new(say: &'a Say) -> Self {
        Self {
            say,
            bar: ProgressBar::hidden(),
            begun: Instant::now(),
        }
    }

    fn say(&mut self, step: Step<'_>) {
        if self.say.json {
            return;
        }
        let what = |from: &str| match from {
            WHOLE => "the whole patch".to_owned(),
            from => format!("the patch from {from}"),
        };
        match step {
            Step::Making(from) => {
                self.begun = Instant::now();
                self.bar =
                    ProgressBar::new_spinner().with_message(format!("making {}", what(from)));
                self.bar.enable_steady_tick(Duration::from_millis(200));
            }
            Step::Made(from, bytes) => {
                self.bar.finish_and_clear();
                println!(
                    "made {}: {:.2} MB in {} s",
                    what(from),
                    bytes as f64 / 1e6,
                    self.begun.elapsed().as_secs()
                );
            }
        }
    }
}
