//! What every command that builds needs first: sources, cache, packages, tools.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::TEXT_LIMIT_BYTES;
use crate::cache::Cache;
use crate::cli::Common;
use crate::debian::list::PackageList;
use crate::debian::lock::{Locked, PackageLock};
use crate::debian::mirror::Mirror;
use crate::debian::pool::Pool;
use crate::debian::resolve;
use crate::entry::cache_dir;
use crate::place;
use crate::progress::Progress;
use crate::source::Source;
use crate::stages;
use crate::tools::ToolsRoot;

/// Sources, cache and packages: what every command that builds needs first.
pub(super) struct Ground {
    pub(super) source: Source,
    pub(super) cache: Cache,
    pub(super) list: PackageList,
    pub(super) lock: PackageLock,
    pub(super) pool: Pool,
    pub(super) tools: ToolsRoot,
}

pub(super) fn source(common: &Common) -> Result<Source> {
    let starts = [std::env::current_dir()?, std::env::current_exe()?];
    Ok(Source::find(common.source.as_deref(), &starts)?)
}

/// Which packages exactly.
#[derive(Debug, Default)]
pub(super) struct Packages<'a> {
    /// Another lock than image/packages.lock.
    pub(super) lock: Option<&'a Path>,
    /// Resolve the list into the lock first.
    pub(super) update: bool,
    /// Resolve without updates and security.
    pub(super) without_updates: bool,
    /// Another time than the lock's, unix seconds.
    pub(super) epoch: Option<u64>,
}

pub(super) fn lock_path(given: Option<&Path>, source: &Source) -> Result<PathBuf> {
    match given {
        Some(path) => Ok(std::path::absolute(path)?),
        None => Ok(source.path("image/packages.lock")),
    }
}

pub(super) fn ground(
    common: &Common,
    packages: &Packages<'_>,
    progress: &mut Progress,
) -> Result<Ground> {
    let source = source(common)?;
    let cache = Cache::open(&cache_dir(common)?, || {
        progress.say("waiting for another build that uses this cache")
    })?;
    let pool_dir = std::path::absolute(
        common
            .pool
            .clone()
            .unwrap_or_else(|| cache.path().join("pool")),
    )?;
    let pool = Pool::open(&pool_dir)?;
    let mut list = PackageList::parse(&place::text(
        &source.path("image/packages.toml"),
        TEXT_LIMIT_BYTES,
    )?)
    .context("image/packages.toml")?;
    if packages.without_updates {
        list = list.without_updates();
    }
    let lock_path = lock_path(packages.lock, &source)?;
    let mirror = || Mirror::of_machine(Path::new("/etc/apt"));
    if packages.update {
        let step = progress.step("resolving packages");
        let lock = resolve::resolve(&list, &mirror()?, &cache.work("apt")?)?;
        place::whole(&lock_path, lock.text().as_bytes())?;
        progress.done(
            step,
            &format!(
                "{} of the image, {} of the tools",
                lock.root.len(),
                lock.tools.len()
            ),
        );
    }
    if !lock_path.exists() {
        bail!(
            "there is no {}: make it with --update-lock",
            lock_path.display()
        );
    }
    let mut lock = PackageLock::parse(&place::text(&lock_path, TEXT_LIMIT_BYTES)?)?;
    lock.epoch = packages.epoch.unwrap_or(lock.epoch);

    let step = progress.step("packages");
    let wanted: Vec<&Locked> = lock.root.values().chain(lock.tools.values()).collect();
    pool.fetch(&wanted, mirror, |done, all| step.at_bytes(done, all))?;
    progress.done(step, &format!("{} in {}", wanted.len(), pool_dir.display()));

    let step = progress.step("tools root");
    let tools = stages::tools_root(&cache, &lock, &pool, |line| step.at(line))?;
    progress.done(step, "");
    Ok(Ground {
        source,
        cache,
        list,
        lock,
        pool,
        tools,
    })
}
