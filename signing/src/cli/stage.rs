//! `stage`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use posto_signing::clock;
use posto_signing::publish::{repository::Repository, stick};
use serde_json::json;

use super::{Say, publishing, report};

#[derive(Args)]
pub(super) struct Stage {
    /// The repository's folder.
    #[arg(long, value_name = "DIR")]
    repo: PathBuf,
    /// The mounted stick.
    #[arg(long, value_name = "STICK")]
    to: PathBuf,
    /// Which release; the newest that goes out if none is named.
    #[arg(long)]
    release: Option<String>,
    /// Only the patches for boxes that run these releases, besides the one for any box; all if none is named.
    #[arg(long, value_name = "RELEASE")]
    from: Vec<String>,
}

impl Stage {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        if !self.to.is_dir() {
            bail!(
                "{} is not a folder: mount the stick first",
                self.to.display()
            );
        }
        let first = report::first_root(&self.repo)?;
        let repository = Repository::open(&self.repo, &first, clock::now_s())?;
        let terms = repository.release(self.release.as_deref())?;
        let copy = repository.for_a_stick(&terms.release, &self.from)?;
        let folder = stick::folder(&self.to);
        let report = json!({"release": terms, "bytes": copy.bytes(), "to": folder});
        let lines = [
            publishing::described(&terms),
            format!("{} bytes to {}", copy.bytes(), folder.display()),
        ];
        if !say.plan(&lines, &report)? {
            return Ok(());
        }
        let free =
            stick::free_bytes(&self.to).context("the stick does not say how much is free")?;
        let there: u64 = copy
            .copies
            .iter()
            .filter_map(|copy| {
                folder
                    .join("targets")
                    .join(copy.to.as_str())
                    .metadata()
                    .ok()
            })
            .map(|found| found.len())
            .sum();
        if copy.bytes().saturating_sub(there) > free {
            bail!(
                "the stick has {free} bytes free, {} are needed; nothing was written",
                copy.bytes()
            );
        }
        let bar = publishing::progress(copy.bytes(), say);
        copy.execute(&folder, &mut |bytes| bar.inc(bytes))?;
        bar.finish_and_clear();
        say.done(
            "the stick is ready: every file was checked and flushed",
            &report,
        )
    }
}
