//! The release under test, which `./check` builds and names in the environment, and room beside it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

/// Names the folder of the release under test.
pub const VARIABLE: &str = "POSTO_RELEASE_DIR";
/// Before the number of the process that made a scratch folder.
const SCRATCH: &str = "posto-test-";

/// The folder of the release under test.
///
/// # Errors
/// When nobody named one.
pub fn folder() -> Result<PathBuf> {
    named(VARIABLE)
}

/// Its disk image.
///
/// # Errors
/// When nobody named a release.
pub fn disk_image() -> Result<PathBuf> {
    disk_image_of(VARIABLE)
}

/// The disk image of the release that `variable` names.
///
/// # Errors
/// When nobody named one.
pub fn disk_image_of(variable: &str) -> Result<PathBuf> {
    Ok(named(variable)?.join("disk.img"))
}

fn named(variable: &str) -> Result<PathBuf> {
    let folder = std::env::var_os(variable);
    let folder = folder.with_context(|| format!("{variable} names no release: run ./check"))?;
    Ok(PathBuf::from(folder))
}

/// Scratch space on the disk beside the release (a tmpfs would hold the data in memory), removed with this value. What an
/// earlier process left, because it was killed or kept its space in a static, is removed first.
///
/// # Errors
/// When there is no release, or its neighbourhood cannot be written.
pub fn scratch() -> Result<tempfile::TempDir> {
    static CLEANED: OnceLock<()> = OnceLock::new();
    let release = folder()?;
    let around = release.parent().context("the release has no parent")?;
    if CLEANED.set(()).is_ok() {
        remove_left_overs(around)?;
    }
    Ok(tempfile::Builder::new()
        .prefix(&format!("{SCRATCH}{}-", std::process::id()))
        .tempdir_in(around)?)
}

fn remove_left_overs(around: &Path) -> Result<()> {
    for entry in std::fs::read_dir(around)? {
        let entry = entry?;
        let name = entry.file_name();
        let maker = name.to_str().and_then(maker_of);
        if maker.is_none_or(|maker| Path::new("/proc").join(maker).exists()) {
            continue;
        }
        match std::fs::remove_dir_all(entry.path()) {
            // Another run of tests was faster.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
}

/// The process that made a folder of this name; `None`: it is no scratch folder.
fn maker_of(name: &str) -> Option<&str> {
    let (maker, _) = name.strip_prefix(SCRATCH)?.split_once('-')?;
    maker
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(maker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_processes_that_are_gone_are_removed() {
        let around = tempfile::tempdir().unwrap();
        let here = std::process::id();
        // No process has this number: Linux's are below 4194304 (proc(5), pid_max).
        let gone = format!("{SCRATCH}4194305-a");
        let kept = [
            format!("{SCRATCH}{here}-a"),
            format!("{SCRATCH}x-a"),
            "posto-other-4194305-a".to_owned(),
        ];
        for name in kept.iter().chain([&gone]) {
            std::fs::create_dir(around.path().join(name)).unwrap();
        }
        remove_left_overs(around.path()).unwrap();
        assert!(!around.path().join(gone).exists());
        for name in kept {
            assert!(around.path().join(&name).exists(), "{name}");
        }
    }
}
