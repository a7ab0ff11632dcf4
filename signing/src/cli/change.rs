//! `change`, `renew`.

use anyhow::bail;
use clap::Args;
use posto_signing::rollout::Standing;
use serde_json::json;

use super::Say;
use super::publishing::{Publishing, described, instant};

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

impl Change {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        let session = self.publishing.open()?;
        let before = session.repository.release(Some(&self.release))?;
        let mut terms = before.clone();
        if before.standing == Standing::Withdrawn {
            bail!(
                "{} is withdrawn, and that is for good: boxes may have passed it over",
                self.release
            );
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
            bail!(
                "nothing to change: name --percent, --not-before, --pause, --resume or --withdraw"
            );
        }
        let lines = vec![format!("was {}", described(&before)), described(&terms)];
        let report = json!({"before": before, "release": terms});
        if !session.plan(say, lines, &report)? {
            return Ok(());
        }
        let targets = session.repository.with_terms(&terms)?;
        session.publish(say, Some(&targets), Vec::new(), &report)
    }
}

impl Renew {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        let session = self.publishing.open()?;
        if session.repository.is_empty() {
            bail!("the repository is empty: `posto-sign publish` comes first");
        }
        let report = json!({"renewed": true});
        let lines = vec!["the same releases, signed once more".to_owned()];
        if !session.plan(say, lines, &report)? {
            return Ok(());
        }
        let targets = self.targets.then(|| session.repository.targets.clone());
        session.publish(say, targets.as_ref(), Vec::new(), &report)
    }
}
