//! `expire-report`, `rings`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use posto_signing::bounds::Bounds;
use posto_signing::publish::repository::Repository;
use posto_signing::rollout::{self, Decision, Site, Updates};
use posto_signing::{clock, durable};
use serde_json::json;

use super::{DAY_S, Say, day, publishing};

/// Something expires soon.
const SOON: u8 = 3;
/// Longest list of facilities, bytes.
const LIST_BYTES: u64 = 4 << 20;

#[derive(Args)]
pub(super) struct ExpireReport {
    /// The repository's folder.
    #[arg(long, value_name = "DIR")]
    repo: PathBuf,
    /// Less than so many days left is soon.
    #[arg(long, default_value_t = 14)]
    days: i64,
}

#[derive(Args)]
pub(super) struct Rings {
    /// The repository's folder.
    #[arg(long, value_name = "DIR")]
    repo: PathBuf,
    /// A file with one facility id a line.
    #[arg(long, value_name = "FILE")]
    facilities: Option<PathBuf>,
    /// Of which channel.
    #[arg(long, default_value = "stable")]
    channel: String,
}

/// The repository's first root: reports and sticks tell what a client would see, they do not say whom to trust.
pub(super) fn first_root(repo: &Path) -> anyhow::Result<Vec<u8>> {
    durable::read(
        &repo.join("metadata/1.root.json"),
        Bounds::default().root_bytes,
    )?
    .with_context(|| {
        format!(
            "{}: no repository (no metadata/1.root.json)",
            repo.display()
        )
    })
}

impl ExpireReport {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<ExitCode> {
        let now_s = clock::now_s();
        let repository = Repository::open(&self.repo, &first_root(&self.repo)?, now_s)?;
        let mut soon = false;
        let mut rows = Vec::new();
        for (role, common) in &repository.roles {
            let left = (common.expires_s - now_s).div_euclid(DAY_S);
            soon |= left < self.days;
            if !say.json {
                println!(
                    "{role:<10} version {:<6} good until {} ({left} days{})",
                    common.version,
                    day(common.expires_s)?,
                    if left < self.days { ", SOON" } else { "" }
                );
            }
            rows.push(json!({
                "role": role, "version": common.version, "expires": day(common.expires_s)?, "days_left": left,
            }));
        }
        if say.json {
            println!(
                "{}",
                serde_json::to_string_pretty(&json!({"roles": rows, "soon": soon}))?
            );
        }
        Ok(if soon {
            ExitCode::from(SOON)
        } else {
            ExitCode::SUCCESS
        })
    }
}

impl Rings {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        let now_s = clock::now_s();
        let repository = Repository::open(&self.repo, &first_root(&self.repo)?, now_s)?;
        let releases = repository.releases();
        let list = match &self.facilities {
            Some(path) => durable::read(path, LIST_BYTES)?
                .with_context(|| format!("{}: there is no such file", path.display()))?,
            None => Vec::new(),
        };
        let list = String::from_utf8_lossy(&list);
        if !say.json {
            for terms in &releases {
                println!("{}", publishing::described(terms));
            }
        }
        let mut rows = Vec::new();
        for facility in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let ring = rollout::ring(facility);
            let decision = rollout::decide(
                &releases,
                &Site {
                    facility,
                    updates: Updates::Auto,
                    channel: &self.channel,
                    memory_mib: u64::MAX,
                    disk_bytes: u64::MAX,
                    floor_built_s: i64::MIN,
                    now_s,
                },
            );
            let (release, why) = match &decision {
                Decision::Take(terms) => (Some(terms.release.as_str()), "takes it now".to_owned()),
                Decision::Wait(terms, why) => {
                    (Some(terms.release.as_str()), format!("waits: {why}"))
                }
                Decision::UpToDate => (None, "nothing for it".to_owned()),
            };
            if !say.json {
                println!("{facility} ring {ring}: {} {why}", release.unwrap_or("-"));
            }
            rows.push(
                json!({"facility": facility, "ring": ring, "release": release, "decision": why}),
            );
        }
        if say.json {
            println!(
                "{}",
                serde_json::to_string_pretty(&json!({"releases": releases, "facilities": rows}))?
            );
        }
        Ok(())
    }
}
