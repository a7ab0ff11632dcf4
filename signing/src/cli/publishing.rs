//! What `publish`, `change` and `renew` share: a repository, the keys, one new edition.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use posto_signing::clock;
use posto_signing::metadata::TargetFile;
use posto_signing::publish::ceremony::{Ceremony, Roots};
use posto_signing::publish::keys::Keys;
use posto_signing::publish::release::Copy;
use posto_signing::publish::repository::{Lifetimes, Repository, RepositoryError};
use posto_signing::role::{SNAPSHOT, TARGETS, TIMESTAMP};
use posto_signing::rollout::{Rollout, Standing};
use posto_signing::time;
use serde_json::{Value, json};

use super::{CeremonyArguments, DAY_S, Say, day};

/// Where and how it is signed.
#[derive(Args)]
pub(super) struct Publishing {
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

/// A command at work.
pub(super) struct Session {
    pub(super) repository: Repository,
    roots: Roots,
    keys: Keys,
    lifetimes: Lifetimes,
    now_s: i64,
}

impl Publishing {
    pub(super) fn open(&self) -> anyhow::Result<Session> {
        let now_s = clock::now_s();
        let ceremony = Ceremony::new(&self.ceremony.ceremony);
        let roots = ceremony.roots()?;
        Ok(Session {
            keys: self.ceremony.keys(ceremony.keys())?,
            repository: Repository::open(&self.repo, roots.first(), now_s)?,
            roots,
            lifetimes: Lifetimes {
                targets_s: self.targets_days * DAY_S,
                snapshot_s: self.days * DAY_S,
                timestamp_s: self.days * DAY_S,
            },
            now_s,
        })
    }
}

impl Session {
    /// Prints the plan. `true`: go on.
    pub(super) fn plan(
        &self,
        say: &Say,
        mut lines: Vec<String>,
        report: &Value,
    ) -> anyhow::Result<bool> {
        lines.push(format!(
            "snapshot and timestamp good until {}",
            day(self.now_s + self.lifetimes.timestamp_s)?
        ));
        say.plan(&lines, report)
    }

    /// Opens the keys for new targets: whoever types passphrases need not wait for what takes minutes.
    pub(super) fn open_keys(&mut self) -> anyhow::Result<()> {
        for role in [TARGETS, SNAPSHOT, TIMESTAMP] {
            let who = self.roots.roles.get(role);
            let who = who.ok_or(RepositoryError::Role(role))?;
            self.keys.open_enough(role, who)?;
        }
        Ok(())
    }

    /// Signs the next edition (`targets`: with new targets) and writes it.
    pub(super) fn publish(
        mut self,
        say: &Say,
        targets: Option<&BTreeMap<String, TargetFile>>,
        copies: Vec<Copy>,
        report: &Value,
    ) -> anyhow::Result<()> {
        let publication = self.repository.sign(
            targets,
            copies,
            &self.roots,
            &mut self.keys,
            self.lifetimes,
            self.now_s,
        )?;
        let bar = progress(publication.bytes(), say);
        let repo = self.repository.folder();
        publication.execute(repo, &mut |bytes| bar.inc(bytes))?;
        bar.finish_and_clear();
        say.done(
            &format!("published in {}", repo.display()),
            &json!({"published": report, "repo": repo}),
        )
    }
}

pub(super) fn instant(text: &str) -> Result<String, String> {
    match time::read(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write YYYY-MM-DDTHH:MM:SSZ".to_owned()),
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
