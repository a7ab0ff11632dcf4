//! Kernel modules: opened (a compressed module nearly doubles the patch of an update: 28.9 against 50 MB a month), and depmod.

use std::path::{Path, PathBuf};

use crate::place::{self, PlaceError};
use crate::tools::{ToolError, ToolsRoot};

/// Modules could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// xz or depmod failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// There is not exactly one kernel in the root.
    #[error(
        "the root holds {0} kernels below usr/lib/modules, one is expected; look at packages.lock"
    )]
    Kernels(usize),
}

/// Files a call of xz.
const BATCH: usize = 400;

/// Version of the one kernel in a root.
///
/// # Errors
/// When there is none or more than one.
pub fn kernel_version(root: &Path) -> Result<String, ModulesError> {
    let modules = root.join("usr/lib/modules");
    let mut versions = Vec::new();
    if modules.is_dir() {
        for entry in std::fs::read_dir(&modules).map_err(place::at("cannot read", &modules))? {
            let entry = entry.map_err(place::at("cannot read", &modules))?;
            versions.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    match versions.as_slice() {
        [version] => Ok(version.clone()),
        _ => Err(ModulesError::Kernels(versions.len())),
    }
}

/// Opens every `*.ko.xz` below `work/root` and makes the module index anew.
///
/// # Errors
/// When a module is damaged or depmod fails.
pub fn open_modules(tools: &ToolsRoot, work: &Path) -> Result<(), ModulesError> {
    let root = work.join("root");
    let version = kernel_version(&root)?;
    let compressed: Vec<String> = place::sorted(&root.join("usr/lib/modules"))?
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "xz"))
        .filter_map(|path| Some(path.strip_prefix(work).ok()?.to_str()?.to_owned()))
        .collect();
    let half = compressed.len().div_ceil(2).max(1);
    // Two halves side by side: the smallest build machine has two processors.
    std::thread::scope(|scope| -> Result<(), ModulesError> {
        let halves: Vec<_> = compressed
            .chunks(half)
            .map(|half| scope.spawn(|| open_batches(tools, work, half)))
            .collect();
        for half in halves {
            half.join().unwrap_or(Err(ModulesError::Kernels(0)))?;
        }
        Ok(())
    })?;
    tools.run(
        &[
            "depmod",
            "-b",
            "/build/root",
            "-F",
            "/build/System.map",
            &version,
        ],
        work,
    )?;
    // The text forms are for depmod's callers of old; modprobe reads the .bin ones.
    for name in ["alias", "dep", "devname", "softdep", "symbols", "weakdep"] {
        let path: PathBuf = root
            .join("usr/lib/modules")
            .join(&version)
            .join(format!("modules.{name}"));
        if !matches!(name, "devname" | "softdep" | "dep") {
            place::gone(&path)?;
        }
    }
    Ok(())
}

fn open_batches(tools: &ToolsRoot, work: &Path, files: &[String]) -> Result<(), ModulesError> {
    for batch in files.chunks(BATCH) {
        let mut argv = vec!["xz", "-d", "-q", "--"];
        argv.extend(batch.iter().map(String::as_str));
        tools.run(&argv, work)?;
    }
    Ok(())
}
