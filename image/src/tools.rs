//! The tools root: a Debian 13 whose programs (GRUB, mkfs.erofs, veritysetup, mkfs.vfat, mmdebstrap ...) make everything that
//! ends up in the image, so that the host's versions cannot change a byte of it.

use std::path::{Path, PathBuf};

use crate::process::{ProcessError, Program};

/// A tool of the tools root failed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The tool could not be run, or failed.
    #[error("a build tool failed: {0}")]
    Process(#[from] ProcessError),
    /// There is no tools root at this place.
    #[error(
        "{0} is not a tools root (no usr/bin there); run the build once without --no-tools, it makes it"
    )]
    NotThere(PathBuf),
}

/// A Debian root with the tools in it, never changed after it was made.
#[derive(Debug, Clone)]
pub struct ToolsRoot {
    root: PathBuf,
    epoch: u64,
}

/// A further folder of the host shown to a tool.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The host's folder.
    pub host: &'a Path,
    /// Where the tool sees it: a name directly under `/`, which the tools root must hold (`pool`, `out`, `work`).
    pub at: &'a str,
}

/// A constant script with positional parameters: the only way to bind a folder and chroot in one process without unsafe code.
/// The mounts live in a mount namespace that ends with the tool, so nothing can leak, whatever kills it.
const ENTER: &str = r#"set -eu
umask 022
root=$1; shift
while [ "$1" != -- ]; do mount --bind "$1" "$root/$2"; shift 2; done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t sysfs -o ro sysfs "$root/sys" 2>/dev/null || mount --rbind /sys "$root/sys"
exec chroot "$root" sh -c 'cd /build && exec "$@"' sh "$@"
"#;

impl ToolsRoot {
    /// The tools root that stands at `root`; `epoch` (unix seconds) is the only time its programs may put into files.
    ///
    /// # Errors
    /// When there is no root at that path.
    pub fn at(root: &Path, epoch: u64) -> Result<Self, ToolError> {
        if root.join("usr/bin").is_dir() && root.join("build").is_dir() {
            Ok(Self {
                root: root.to_path_buf(),
                epoch,
            })
        } else {
            Err(ToolError::NotThere(root.to_path_buf()))
        }
    }

    /// Where it stands on the host.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The only time (unix seconds) that its programs put into files.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Runs a tool with the host's folder `dir` as its working directory `/build`, and gives back its stdout.
    /// LC_ALL=C, TZ=UTC, SOURCE_DATE_EPOCH, umask 022, nothing else of the caller's environment.
    ///
    /// # Errors
    /// When the tool is missing or fails.
    pub fn run(&self, argv: &[&str], dir: &Path) -> Result<Vec<u8>, ToolError> {
        self.run_shown(argv, dir, &[], |_| {})
    }

    /// Like [`ToolsRoot::run`], with further folders shown and the tool's stderr handed over line by line.
    ///
    /// # Errors
    /// When the tool is missing or fails.
    pub fn run_shown(
        &self,
        argv: &[&str],
        dir: &Path,
        shown: &[Shown<'_>],
        line: impl FnMut(&str) + Send,
    ) -> Result<Vec<u8>, ToolError> {
        let mut program = Program::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                ENTER,
                "enter",
            ])
            .arg(&self.root)
            .arg(dir)
            .arg("build");
        for folder in shown {
            program = program.arg(folder.host).arg(folder.at);
        }
        program = program
            .arg("--")
            .args(argv)
            .clean_env()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string());
        Ok(program.run_watched(line)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_programs_is_not_a_tools_root() {
        let empty = tempfile::tempdir().unwrap();
        let error = ToolsRoot::at(empty.path(), 0).unwrap_err();
        assert!(error.to_string().contains("not a tools root"));
    }
}
