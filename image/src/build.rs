//! `posto-image build`: the stages in their order.

mod ground;
mod root_stage;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use self::ground::{Packages, ground, lock_path, source};
use self::root_stage::{Asked, root_stage, trusted_root};
use crate::artifacts::store::Store;
use crate::cli::{BuildArgs, Common};
use crate::debian::lock::PackageLock;
use crate::distro::source::Given;
use crate::entry::cache_dir;
use crate::place;
use crate::progress::Progress;
use crate::publish::{self, Parts};
use crate::root::assemble;
use crate::source::Source;
use crate::stages;
use crate::web;

const TEXT_LIMIT_BYTES: u64 = 4 << 20;
/// Where the stand-in's own build leaves its distro.
const STAND_IN: &str = "tests/standin/target/distro";

/// `posto-image tools`.
///
/// # Errors
/// When the tools root cannot be made.
pub fn tools(common: &Common) -> Result<()> {
    let mut progress = Progress::new(false);
    let ground = ground(common, &Packages::default(), &mut progress)?;
    println!("{}", ground.tools.path().display());
    Ok(())
}

/// What to build from: the distro that was asked for, else the stand-in, never one in place of the other.
fn given(args: &BuildArgs, source: &Source) -> Result<Given> {
    if let Some(war) = &args.war {
        if !war.is_file() {
            bail!("there is no web application {}", war.display());
        }
        return Ok(Given::War(war.clone()));
    }
    match &args.distro {
        Some(distro) => Ok(Given::look(distro)?),
        None => {
            let dir = source.path(STAND_IN);
            if !dir.join("openmrs_core/openmrs.war").is_file() {
                bail!(
                    "no distro was given, and the stand-in is not built yet ({}): build it with `mvn -f tests/standin package`, \
                     or say --distro or --war",
                    dir.display()
                );
            }
            Ok(Given::look(&dir)?)
        }
    }
}

/// `posto-image build`.
///
/// # Errors
/// When any stage fails; nothing is published then.
pub fn build(args: &BuildArgs) -> Result<()> {
    let mut progress = Progress::new(args.quiet);
    if args.dry_run {
        return plan(args, &progress);
    }
    // Wrong arguments first, before minutes are spent.
    let sources = source(&args.common)?;
    let given = given(args, &sources)?;
    let posto = program("posto", args, &sources)?;
    let door = program("posto-door", args, &sources)?;
    let watch = program("posto-watch", args, &sources)?;
    let init = if args.no_disk {
        None
    } else {
        program("posto-init", args, &sources)?
    };
    let trusted_root = args.trusted_root.as_deref().map(trusted_root).transpose()?;
    for key in not_honoured(&given) {
        progress.say(&format!(
            "note: the distro's key {key} means nothing here and is not honoured"
        ));
    }
    let packages = Packages {
        lock: args.lock.as_deref(),
        update: args.update_lock,
        without_updates: args.without_updates,
        epoch: args.epoch,
    };
    let ground = ground(&args.common, &packages, &mut progress)?;

    let step = progress.step("artifacts");
    let store = Store::open(ground.cache.path(), args.artifacts.as_deref())?;
    let base_lock = ground.source.path("image/artifacts.lock");
    let web = web::make(
        &ground.cache,
        &store,
        &given,
        &base_lock,
        args.update_lock,
        |what| step.at(what),
    )?;
    progress.done(step, &format!("{} through Maven", web.pins.pins.len()));
    if let Some(path) = &web.pinned_now {
        progress.say(&format!(
            "pinned the distro's artifacts in {}: keep it under version control",
            path.display()
        ));
    }

    let step = progress.step("Debian root");
    let prune = place::text(&ground.source.path("image/prune.toml"), TEXT_LIMIT_BYTES)?;
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

    let step = progress.step("root image");
    let root = root_stage(
        &ground,
        &Asked {
            release: args.release.as_deref(),
            trusted_root: trusted_root.as_deref(),
        },
        &given,
        &bare,
        &web,
        assemble::Programs {
            posto: posto.as_deref(),
            door: door.as_deref(),
            watch: watch.as_deref(),
        },
        |what| step.at(what),
    )?;
    progress.done(step, &root.identity.release);

    let parts = Parts {
        cache: &ground.cache,
        tools: &ground.tools,
        lock: &ground.lock,
        identity: &root.identity,
        verity: &root.verity,
        root_dir: &root.dir,
        modules: &root.dir.join("modules"),
        vmlinuz: &bare.vmlinuz(),
        init: init.as_deref(),
        web: &web,
        openmrs_version: web::openmrs_version(&given),
        cargo_lock: &place::text(&ground.source.path("Cargo.lock"), TEXT_LIMIT_BYTES)?,
    };
    publish::publish(&parts, &args.out, &mut progress)?;
    if args.json {
        print!(
            "{}",
            place::text(&args.out.join("manifest.json"), TEXT_LIMIT_BYTES)?
        );
    }
    let stand_in = if root.identity.distro.stand_in {
        " (a stand-in, not OpenMRS)"
    } else {
        ""
    };
    progress.say(&format!(
        "release {} with {} {}{stand_in} is in {}",
        root.identity.release,
        root.identity.distro.name,
        root.identity.distro.version,
        args.out.display()
    ));
    Ok(())
}

fn not_honoured(given: &Given) -> &[String] {
    match given {
        Given::File { file, .. }
        | Given::Folder {
            file: Some(file), ..
        } => &file.not_honoured,
        Given::Folder { .. } | Given::War(_) => &[],
    }
}

/// `--dry-run`: what would be built from what.
fn plan(args: &BuildArgs, progress: &Progress) -> Result<()> {
    let source = source(&args.common)?;
    let given = given(args, &source)?;
    let (name, version, stand_in) = given.identity();
    let lock_path = lock_path(args.lock.as_deref(), &source)?;
    println!(
        "distro:    {name} {version}{}",
        if stand_in {
            " (a stand-in, not OpenMRS)"
        } else {
            ""
        }
    );
    for item in given.items() {
        println!("           {}", item.coordinate);
    }
    if lock_path.exists() {
        let lock = PackageLock::parse(&place::text(&lock_path, TEXT_LIMIT_BYTES)?)?;
        let bytes: u64 = lock
            .root
            .values()
            .chain(lock.tools.values())
            .map(|p| p.length_bytes)
            .sum();
        println!(
            "packages:  {} of the image, {} of the tools, {:.0} MB",
            lock.root.len(),
            lock.tools.len(),
            bytes as f64 / 1e6
        );
    }
    if let Some(path) = &args.trusted_root {
        trusted_root(path)?;
        println!("trusts:    {}", path.display());
    }
    println!("cache:     {}", cache_dir(&args.common)?.display());
    println!(
        "release:   {} -> {}",
        args.release
            .as_deref()
            .unwrap_or("named by date and content"),
        args.out.display()
    );
    for key in not_honoured(&given) {
        progress.say(&format!(
            "note: the distro's key {key} means nothing here and is not honoured"
        ));
    }
    crate::needs::check(crate::needs::FOR_BUILD)?;
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
