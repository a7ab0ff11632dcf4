//! `posto-image build`: the stages in their order.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use posto_release::identity::{Distro, ReleaseIdentity};

use crate::cache::Cache;
use crate::cli::{BuildArgs, Common};
use crate::debian::list::PackageList;
use crate::debian::lock::{Locked, PackageLock};
use crate::debian::mirror::Mirror;
use crate::debian::pool::Pool;
use crate::debian::resolve;
use crate::entry::cache_dir;
use crate::place;
use crate::progress::Progress;
use crate::root::assemble::{self, Layers};
use crate::source::Source;
use crate::stages;
use crate::tools::ToolsRoot;
use crate::{erofs, process};

const LIST_LIMIT_BYTES: u64 = 4 << 20;

/// Sources, cache and packages: what every command that builds needs first.
struct Ground {
    source: Source,
    cache: Cache,
    list: PackageList,
    lock: PackageLock,
    pool: Pool,
    tools: ToolsRoot,
}

fn ground(
    common: &Common,
    update_lock: bool,
    epoch: Option<u64>,
    progress: &mut Progress,
) -> Result<Ground> {
    let starts = [std::env::current_dir()?, std::env::current_exe()?];
    let source = Source::find(common.source.as_deref(), &starts)?;
    let cache = Cache::open(&cache_dir(common)?, || {
        progress.say("waiting for another build that uses this cache")
    })?;
    let pool_dir = common
        .pool
        .clone()
        .unwrap_or_else(|| cache.path().join("pool"));
    let pool = Pool::open(&std::path::absolute(pool_dir)?)?;
    let list = PackageList::parse(&place::text(
        &source.path("image/packages.toml"),
        LIST_LIMIT_BYTES,
    )?)
    .context("image/packages.toml")?;
    let lock_path = source.path("image/packages.lock");
    let mirror = || Mirror::of_machine(Path::new("/etc/apt"));
    if update_lock {
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
    let mut lock = PackageLock::parse(&place::text(&lock_path, LIST_LIMIT_BYTES)?)?;
    lock.epoch = epoch.unwrap_or(lock.epoch);

    let step = progress.step("packages");
    let wanted: Vec<&Locked> = lock.root.values().chain(lock.tools.values()).collect();
    pool.fetch(&wanted, &mirror()?, |done, all| step.at_bytes(done, all))?;
    progress.done(
        step,
        &format!(
            "{} files in {}",
            wanted.len(),
            common
                .pool
                .as_deref()
                .unwrap_or(Path::new("the cache"))
                .display()
        ),
    );

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

/// `posto-image tools`.
///
/// # Errors
/// When the tools root cannot be made.
pub fn tools(common: &Common) -> Result<()> {
    let mut progress = Progress::new(false);
    let ground = ground(common, false, None, &mut progress)?;
    println!("{}", ground.tools.path().display());
    Ok(())
}

/// `posto-image build`.
///
/// # Errors
/// When any stage fails; nothing is published then.
pub fn build(args: &BuildArgs) -> Result<()> {
    let mut progress = Progress::new(args.quiet);
    let ground = ground(&args.common, args.update_lock, args.epoch, &mut progress)?;

    let prune = place::text(&ground.source.path("image/prune.toml"), LIST_LIMIT_BYTES)?;
    let step = progress.step("bare root");
    let bare = stages::bare_root(
        &ground.cache,
        &ground.tools,
        &ground.list,
        &ground.lock,
        &ground.pool,
        &prune,
        |line| step.at(line),
    )?;
    progress.done(step, "");

    let posto = program("posto", args, &ground.source)?;
    let release = args.release.clone().unwrap_or_else(|| "0".to_owned());
    let identity = ReleaseIdentity {
        release: release.clone(),
        built: ground.lock.epoch,
        distro: Distro {
            name: "none".into(),
            version: "0".into(),
            stand_in: true,
        },
    };
    let work = ground.cache.work("release")?;
    let step = progress.step("root");
    process::Program::new("cp")
        .args(["-a", "--reflink=auto"])
        .arg(bare.root())
        .arg(&work)
        .run()?;
    assemble::assemble(
        &work.join("root"),
        &Layers {
            overlay: &ground.source.path("image/root"),
            posto: posto.as_deref(),
            tomcat: None,
            webapp: None,
            distribution: None,
            identity: &identity.to_json()?,
            release: &release,
            epoch: ground.lock.epoch,
        },
    )?;
    erofs::make(&ground.tools, &work, &release)?;
    progress.done(step, "");
    let step = progress.step("hash tree");
    erofs::seal(
        &ground.tools,
        &work,
        &release,
        posto_release::layout::ROOT_A.size_bytes(),
    )?;
    progress.done(step, "");
    place::folder(&args.out)?;
    for name in ["root.erofs", "root.verity"] {
        std::fs::copy(work.join(name), args.out.join(name))?;
    }
    Ok(())
}

/// A program of ours: from `--programs`, else from beside this program, else from cargo's folder of released programs.
fn program(name: &str, args: &BuildArgs, source: &Source) -> Result<Option<PathBuf>> {
    let mut folders = Vec::new();
    match &args.programs {
        Some(dir) => folders.push(dir.clone()),
        None => {
            folders.extend(std::env::current_exe()?.parent().map(Path::to_path_buf));
            folders.push(source.path("target/x86_64-unknown-linux-gnu/release"));
        }
    }
    let found = folders
        .iter()
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    if found.is_none() && !args.without_programs {
        let looked: Vec<String> = folders
            .iter()
            .map(|dir| dir.display().to_string())
            .collect();
        bail!(
            "the program {name} is not in {}; build it (cargo build --release --target x86_64-unknown-linux-gnu) or say --programs DIR",
            looked.join(" or ")
        );
    }
    Ok(found)
}
