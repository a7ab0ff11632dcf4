//! `publish`, `change`, `renew`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use posto_signing::clock;
use posto_signing::metadata::TargetFile;
use posto_signing::publish::ceremony::{Ceremony, Roots};
use posto_signing::publish::keys::Keys;
use posto_signing::publish::release::{Copy, Release};
use posto_signing::publish::repository::{Lifetimes, Repository};
use posto_signing::rollout::{Rollout, Standing};
use posto_signing::time;
use serde_json::{Value, json};

use super::{CeremonyArguments, DAY_S, Say, day};

/// Where and how it is signed.
#[derive(Args)]
struct Publishing {
    #[command(flatten)]
    ceremony: CeremonyArguments,
    /// The repository's folder: what a web server serves as it is.
    #[arg(long, value_name = "DIR")]
    repo: PathBuf,
    /// For how many days the targets are good.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(i64).range(1..=3650))]
    targets_days: i64,
    /// For how many days snapshot and timestamp are good: renew before that.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=3650))]
    days: i64,
}

#[derive(Args)]
pub(super) struct Publish {
    /// What posto-image made.
    release: PathBuf,
    #[command(flatten)]
    publishing: Publishing,
    /// Who follows it.
    #[arg(long, default_value = "stable")]
    channel: String,
    /// Not before this time (YYYY-MM-DDTHH:MM:SSZ).
    #[arg(long, value_parser = instant)]
    not_before: Option<String>,
    /// For how many of a hundred facilities.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    /// Least memory of a box, MiB; the release's own if it asks for more.
    #[arg(long, default_value_t = 0)]
    minimum_memory_mib: u64,
}

#[derive(Args)]
pub(super) struct Change {
    /// The release's name.
    release: String,
    #[command(flatten)]
    publishing: Publishing,
    /// For how many of a hundred facilities.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: Option<u8>,
    /// Not before this time (YYYY-MM-DDTHH:MM:SSZ).
    #[arg(long, value_parser = instant)]
    not_before: Option<String>,
    /// Boxes wait for it.
    #[arg(long, conflicts_with_all = ["resume", "withdraw"])]
    pause: bool,
    /// It goes out again.
    #[arg(long, conflicts_with = "withdraw")]
    resume: bool,
    /// Boxes pass it over, for good.
    #[arg(long)]
    withdraw: bool,
}

#[derive(Args)]
pub(super) struct Renew {
    #[command(flatten)]
    publishing: Publishing,
    /// The targets, too (their keys are needed).
    #[arg(long)]
    targets: bool,
}

fn instant(text: &str) -> Result<String, String> {
    match time::read(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write YYYY-MM-DDTHH:MM:SSZ".to_owned()),
    }
}

/// What a command wants published.
struct Wanted {
    lines: Vec<String>,
    report: Value,
    targets: Option<BTreeMap<String, TargetFile>>,
    copies: Vec<Copy>,
}

impl Publishing {
    fn open(&self, now_s: i64) -> anyhow::Result<(Roots, Keys, Repository)> {
        let ceremony = Ceremony::new(&self.ceremony.ceremony);
        let roots = ceremony.roots()?;
        let keys = self.ceremony.keys(ceremony.keys())?;
        let repository = Repository::open(&self.repo, roots.first(), now_s)?;
        Ok((roots, keys, repository))
    }

    fn perform(
        &self,
        say: &Say,
        want: impl FnOnce(&Repository) -> anyhow::Result<Wanted>,
    ) -> anyhow::Result<()> {
        let now_s = clock::now_s();
        let (roots, mut keys, repository) = self.open(now_s)?;
        let wanted = want(&repository)?;
        let lifetimes = Lifetimes {
            targets_s: self.targets_days * DAY_S,
            snapshot_s: self.days * DAY_S,
            timestamp_s: self.days * DAY_S,
        };
        let mut lines = wanted.lines;
        lines.push(format!(
            "snapshot and timestamp good until {}",
            day(now_s + lifetimes.timestamp_s)?
        ));
        if !say.plan(&lines, &wanted.report)? {
            return Ok(());
        }
        let publication = repository.sign(
            wanted.targets.as_ref(),
            wanted.copies,
            &roots,
            &mut keys,
            lifetimes,
            now_s,
        )?;
        let bar = progress(publication.bytes(), say);
        publication.execute(&self.repo, &mut |bytes| bar.inc(bytes))?;
        bar.finish_and_clear();
        say.done(
            &format!("published in {}", self.repo.display()),
            &json!({"published": wanted.report, "repo": self.repo}),
        )
    }
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn progress(bytes: u64, say: &Say) -> ProgressBar {
    if say.json || bytes == 0 {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

pub(super) fn described(terms: &Rollout) -> String {
    let begins = terms
        .not_before
        .as_deref()
        .map(|begins| format!(", not before {begins}"))
        .unwrap_or_default();
    let standing = match terms.standing {
        Standing::Offered => "goes out",
        Standing::Paused => "paused",
        Standing::Withdrawn => "withdrawn",
    };
    format!(
        "{}: {standing}, channel {}, {} of 100 rings{begins}, boxes from {} MiB",
        terms.release, terms.channel, terms.percent, terms.minimum_memory_mib
    )
}

impl Publish {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        let mut release = Release::read(&self.release, &self.channel)?;
        release.terms.not_before.clone_from(&self.not_before);
        release.terms.percent = self.percent;
        release.terms.minimum_memory_mib = release
            .terms
            .minimum_memory_mib
            .max(self.minimum_memory_mib);
        self.publishing.perform(say, |repository| {
            Ok(Wanted {
                lines: vec![
                    described(&release.terms),
                    format!("{} files, {} bytes", release.copies.len(), release.bytes()),
                ],
                report: json!({"release": release.terms, "bytes": release.bytes()}),
                targets: Some(repository.with_release(&release)?),
                copies: release.copies.clone(),
            })
        })
    }
}

impl Change {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        self.publishing.perform(say, |repository| {
            let before = repository.release(Some(&self.release))?;
            let mut terms = before.clone();
            if before.standing == Standing::Withdrawn {
                bail!("{} is withdrawn, and that is for good: boxes may have passed it over", self.release);
            }
            if let Some(percent) = self.percent {
                terms.percent = percent;
            }
            if let Some(begins) = &self.not_before {
                terms.not_before = Some(begins.clone());
            }
            if self.pause {
                terms.standing = Standing::Paused;
            } else if self.resume {
                terms.standing = Standing::Offered;
            } else if self.withdraw {
                terms.standing = Standing::Withdrawn;
            }
            if terms == before {
                bail!("nothing to change: name --percent, --not-before, --pause, --resume or --withdraw");
            }
            Ok(Wanted {
                lines: vec![format!("was {}", described(&before)), described(&terms)],
                report: json!({"before": before, "release": terms}),
                targets: Some(repository.with_terms(&terms)?),
                copies: Vec::new(),
            })
        })
    }
}

impl Renew {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        self.publishing.perform(say, |repository| {
            if repository.is_empty() {
                bail!("the repository is empty: `posto-sign publish` comes first");
            }
            Ok(Wanted {
                lines: vec!["the same releases, signed once more".to_owned()],
                report: json!({"renewed": true}),
                targets: self.targets.then(|| repository.targets.clone()),
                copies: Vec::new(),
            })
        })
    }
}
