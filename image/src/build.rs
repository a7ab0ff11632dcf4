//! `posto-image build`: the stages in their order.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use posto_release::identity::{Distro, ReleaseIdentity};
use posto_release::verity::VerityTarget;

use crate::artifacts::store::Store;
use crate::cache::{Cache, Key};
use crate::cli::{BuildArgs, Common};
use crate::debian::list::PackageList;
use crate::debian::lock::{Locked, PackageLock};
use crate::debian::mirror::Mirror;
use crate::debian::pool::Pool;
use crate::debian::resolve;
use crate::distro::source::Given;
use crate::entry::cache_dir;
use crate::erofs::{self, ErofsError};
use crate::place;
use crate::process::Program;
use crate::progress::Progress;
use crate::publish::{self, Parts};
use crate::root::assemble::{self, Layers};
use crate::sizes;
use crate::source::Source;
use crate::stages::{self, Bare};
use crate::tools::ToolsRoot;
use crate::web::{self, Web};

const TEXT_LIMIT_BYTES: u64 = 4 << 20;
/// Changes when the assembly's code changes what it makes.
const ROOT_REVISION: u32 = 3;
/// Where the stand-in's own build leaves its distro.
const STAND_IN: &str = "tests/standin/target/distro";

/// Sources, cache and packages: what every command that builds needs first.
struct Ground {
    source: Source,
    cache: Cache,
    list: PackageList,
    lock: PackageLock,
    pool: Pool,
    tools: ToolsRoot,
}

fn source(common: &Common) -> Result<Source> {
    let starts = [std::env::current_dir()?, std::env::current_exe()?];
    Ok(Source::find(common.source.as_deref(), &starts)?)
}

/// Which packages exactly.
#[derive(Debug, Default)]
struct Packages<'a> {
    /// Another lock than image/packages.lock.
    lock: Option<&'a Path>,
    /// Resolve the list into the lock first.
    update: bool,
    /// Resolve without updates and security.
    without_updates: bool,
    /// Another time than the lock's, unix seconds.
    epoch: Option<u64>,
}

fn lock_path(given: Option<&Path>, source: &Source) -> Result<PathBuf> {
    match given {
        Some(path) => Ok(std::path::absolute(path)?),
        None => Ok(source.path("image/packages.lock")),
    }
}

fn ground(common: &Common, packages: &Packages<'_>, progress: &mut Progress) -> Result<Ground> {
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
        args,
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

/// The publisher's root. Whether its signatures are good the box finds out; what is no root at all is refused here.
fn trusted_root(path: &Path) -> Result<Vec<u8>> {
    let text = place::text(path, 64 * 1024)?;
    let value: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{}: not JSON", path.display()))?;
    let kind = value
        .pointer("/signed/_type")
        .and_then(|kind| kind.as_str());
    anyhow::ensure!(
        kind == Some("root"),
        "{}: not a root of posto-sign (root/N.root.json of the ceremony)",
        path.display()
    );
    Ok(text.into_bytes())
}

/// The release's root as an image, its hash tree and its sizes.
struct RootStage {
    dir: PathBuf,
    identity: ReleaseIdentity,
    verity: VerityTarget,
}

fn root_stage(
    ground: &Ground,
    args: &BuildArgs,
    given: &Given,
    bare: &Bare,
    web: &Web,
    programs: assemble::Programs<'_>,
    mut say: impl FnMut(&str),
) -> Result<RootStage> {
    let overlay = ground.source.path("image/root");
    let (name, version, stand_in) = given.identity();
    let mut key = Key::new("root", ROOT_REVISION)
        .with(
            "bare",
            bare.root()
                .parent()
                .and_then(Path::file_name)
                .unwrap_or_default()
                .as_encoded_bytes(),
        )
        .with(
            "web",
            web.dir.file_name().unwrap_or_default().as_encoded_bytes(),
        )
        .with("overlay", place::tree_sha256(&overlay)?.as_bytes())
        .with(
            "distro",
            format!("{name}\n{version}\n{stand_in}").as_bytes(),
        )
        .with("epoch", ground.lock.epoch.to_string().as_bytes());
    for (name, program) in [
        ("posto", programs.posto),
        ("posto-door", programs.door),
        ("posto-watch", programs.watch),
    ] {
        if let Some(program) = program {
            key = key.with(name, place::sha256(program)?.1.as_bytes());
        }
    }
    let trusted_root = args.trusted_root.as_deref().map(trusted_root).transpose()?;
    if let Some(trusted) = &trusted_root {
        key = key.with("trusted root", trusted);
    }
    let content = key.hex();
    let date = jiff::Timestamp::from_second(ground.lock.epoch.try_into()?)?
        .strftime("%Y.%m.%d")
        .to_string();
    let release = args
        .release
        .clone()
        .unwrap_or_else(|| format!("{date}-{}", content.get(..8).unwrap_or(&content)));
    posto_release::kernel_line::ReleaseName::parse(&release)?;
    let identity = ReleaseIdentity {
        release: release.clone(),
        built: ground.lock.epoch,
        distro: Distro {
            name,
            version,
            stand_in,
        },
    };
    let key = key.with("release", release.as_bytes());
    let dir = ground
        .cache
        .stage("root", &key, |dir| -> Result<(), StageFailed> {
            say("copying");
            Program::new("cp")
                .args(["-a", "--reflink=auto"])
                .arg(bare.root())
                .arg(dir)
                .run()
                .map_err(anyhow::Error::from)?;
            let root = dir.join("root");
            let sub = |name: &str| Some(web.dir.join(name)).filter(|path| path.is_dir());
            let (tomcat, webapp, distribution) =
                (sub("tomcat"), sub("webapp"), sub("distribution"));
            let layers = Layers {
                overlay: &overlay,
                programs,
                tomcat: tomcat.as_deref(),
                webapp: webapp.as_deref(),
                distribution: distribution.as_deref(),
                identity: &identity.to_json().map_err(anyhow::Error::from)?,
                trusted_root: trusted_root.as_deref(),
                release: &release,
                epoch: ground.lock.epoch,
            };
            assemble::assemble(&root, &layers).map_err(anyhow::Error::from)?;
            say("measuring");
            let sizes = sizes::measure(&root, &bare.owners())?;
            place::whole(
                &dir.join("sizes.json"),
                &serde_json::to_vec_pretty(&sizes).map_err(anyhow::Error::from)?,
            )?;
            say("mkfs.erofs");
            erofs::make(&ground.tools, dir, &release)?;
            say("hash tree");
            let slot_bytes = posto_release::layout::ROOT_A.size_bytes();
            let verity = erofs::seal(&ground.tools, dir, &release, slot_bytes)?;
            place::whole(&dir.join("verity"), verity.to_string().as_bytes())?;
            // The initrd takes its modules from here; the rest of the tree is in the image.
            let version =
                crate::root::modules::kernel_version(&root).map_err(anyhow::Error::from)?;
            place::whole(&dir.join("kernel-version"), version.as_bytes())?;
            place::rename(
                &root.join("usr/lib/modules").join(&version),
                &dir.join("modules"),
            )?;
            Ok(place::gone(&root)?)
        });
    let dir = dir.map_err(|StageFailed(error)| error)?;
    let verity = place::text(&dir.join("verity"), 4096)?;
    let verity = VerityTarget::parse(&verity)
        .context("the cache's hash tree description is damaged: remove the cache")?;
    Ok(RootStage {
        dir,
        identity,
        verity,
    })
}

/// An error of a stage that is not made of one module's errors.
struct StageFailed(anyhow::Error);

impl From<place::PlaceError> for StageFailed {
    fn from(error: place::PlaceError) -> Self {
        Self(error.into())
    }
}

impl From<anyhow::Error> for StageFailed {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl From<ErofsError> for StageFailed {
    fn from(error: ErofsError) -> Self {
        Self(error.into())
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
