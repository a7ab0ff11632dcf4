//! The build's stages that come before the distro: packages, tools root, bare root. Each is cached under its inputs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cache::{Cache, Key};
use crate::debian::list::PackageList;
use crate::debian::lock::{Locked, PackageLock};
use crate::debian::pool::Pool;
use crate::debian::repository::{self, RepositoryError};
use crate::place::{self, PlaceError};
use crate::process::{ProcessError, Program};
use crate::root::bootstrap::{self, BootstrapError};
use crate::root::modules::{self, ModulesError};
use crate::root::prune::{PruneError, PruneList};
use crate::tools::{ToolError, ToolsRoot};

/// A stage failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // every variant is its source
pub enum StageError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    #[error(transparent)]
    Prune(#[from] PruneError),
    #[error(transparent)]
    Modules(#[from] ModulesError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Changes when the code here changes what it makes.
const REVISION: u32 = 1;

fn packages_key(key: Key, packages: impl Iterator<Item = impl AsRef<Locked>>) -> Key {
    packages.fold(key, |key, package| {
        key.with("package", package.as_ref().sha256.as_bytes())
    })
}

impl AsRef<Locked> for Locked {
    fn as_ref(&self) -> &Locked {
        self
    }
}

/// The tools root, made by the host's mmdebstrap when it is not in the cache.
///
/// # Errors
/// When it cannot be made.
pub fn tools_root(
    cache: &Cache,
    lock: &PackageLock,
    pool: &Pool,
    mut say: impl FnMut(&str) + Send,
) -> Result<ToolsRoot, StageError> {
    let key = packages_key(Key::new("tools", REVISION), lock.tools.values());
    let path = cache.stage("tools", &key, |dir| -> Result<(), StageError> {
        let repository = cache.work("tools-repository")?;
        repository::make(&repository, lock.tools.values(), pool, &[])?;
        bootstrap::tools_root(
            &dir.join("root"),
            &repository,
            lock.tools.values(),
            lock.epoch,
            |line| say(line),
        )?;
        Ok(())
    })?;
    Ok(ToolsRoot::at(&path.join("root"), lock.epoch)?)
}

/// The bare root and what was taken out of it.
#[derive(Debug, Clone)]
pub struct Bare {
    dir: PathBuf,
}

impl Bare {
    /// The root.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// The kernel.
    pub fn vmlinuz(&self) -> PathBuf {
        self.dir.join("vmlinuz")
    }

    /// Text: `<path>\t<package>` a line, for the size report.
    pub fn owners(&self) -> PathBuf {
        self.dir.join("owners.tsv")
    }
}

/// Debian's packages installed, pruned, modules opened: everything that does not depend on the distro or on our own programs.
///
/// # Errors
/// When it cannot be made.
pub fn bare_root(
    cache: &Cache,
    tools: &ToolsRoot,
    list: &PackageList,
    lock: &PackageLock,
    pool: &Pool,
    prune: &str,
    mut say: impl FnMut(&str) + Send,
) -> Result<Bare, StageError> {
    let mut key = packages_key(Key::new("bare", REVISION), lock.root.values());
    key = packages_key(key, lock.tools.values());
    key = key
        .with("prune", prune.as_bytes())
        .with("epoch", lock.epoch.to_string().as_bytes());
    for (name, lines) in list.account_lines() {
        key = key.with(name, lines.as_bytes());
    }
    for package in &list.absent {
        key = key.with(
            "absent",
            format!("{} {}", package.name, package.version).as_bytes(),
        );
    }
    // Installing takes a minute, pruning seconds: a change of prune.toml must not install again.
    let mut installed_key = packages_key(Key::new("installed", REVISION), lock.root.values());
    for (name, lines) in list.account_lines() {
        installed_key = installed_key.with(name, lines.as_bytes());
    }
    for package in &list.absent {
        installed_key = installed_key.with(
            "absent",
            format!("{} {}", package.name, package.version).as_bytes(),
        );
    }
    let prune = PruneList::parse(prune)?;
    let dir = cache.stage("bare", &key, |dir| -> Result<(), StageError> {
        let installed = cache.stage(
            "installed",
            &installed_key,
            |dir| -> Result<(), StageError> {
                let repository = cache.work("root-repository")?;
                repository::make(&repository, lock.root.values(), pool, &list.absent)?;
                bootstrap::image_root(tools, dir, &repository, list, lock.root.values(), |line| {
                    say(line)
                })?;
                Ok(())
            },
        )?;
        say("copying");
        Program::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(installed.join("root"))
            .arg(dir)
            .run()?;
        take_out(dir)?;
        say("pruning");
        prune.apply(&dir.join("root"))?;
        say("opening kernel modules");
        modules::open_modules(tools, dir)?;
        Ok(())
    })?;
    Ok(Bare { dir })
}

/// Kernel, symbol map and the packages' file lists, before pruning takes them.
fn take_out(dir: &Path) -> Result<(), StageError> {
    let root = dir.join("root");
    let version = modules::kernel_version(&root)?;
    place::rename(
        &root.join(format!("boot/vmlinuz-{version}")),
        &dir.join("vmlinuz"),
    )?;
    let map = root.join(format!("boot/System.map-{version}"));
    place::rename(&map, &dir.join("System.map"))?;
    let mut owners = String::new();
    for list in place::sorted(&root.join("var/lib/dpkg/info"))? {
        let Some(name) = list
            .file_name()
            .and_then(|n| n.to_str())
            .and_then(|n| n.strip_suffix(".list"))
        else {
            continue;
        };
        let package = name.split(':').next().unwrap_or(name);
        for path in place::text(&list, 16 << 20)?.lines() {
            let path = path.trim_start_matches('/');
            if !path.is_empty() && path != "." {
                let _ = writeln!(owners, "{path}\t{package}");
            }
        }
    }
    place::whole(&dir.join("owners.tsv"), owners.as_bytes())?;
    Ok(())
}
