//! The data partition of a container: a sparse file with the file system that flashing and the initrd would leave.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::run;

/// A data partition's file.
#[derive(Debug, Clone)]
pub struct DataFile {
    path: PathBuf,
}

impl DataFile {
    /// Makes a sparse file of `size_bytes` with a fresh XFS under the virgin mark (its label), and this facility file in it.
    ///
    /// # Errors
    /// When `mkfs.xfs` (package xfsprogs) fails or the file exists.
    pub fn create(path: &Path, size_bytes: u64, facility_toml: &str) -> Result<Self> {
        std::fs::File::create_new(path)
            .with_context(|| format!("cannot create {}", path.display()))?
            .set_len(size_bytes)?;
        let name = path.to_str().context("the data file's path is not UTF-8")?;
        run(&[
            "mkfs.xfs",
            "-q",
            "-K",
            "-m",
            "reflink=1,rmapbt=0",
            "-L",
            "posto-virgin",
            name,
        ])?;
        let file = Self {
            path: path.to_owned(),
        };
        file.change(|data| {
            run(&[
                "install",
                "-d",
                "-m",
                "0755",
                &format!("{data}/posto"),
                &format!("{data}/var"),
            ])?;
            let seed = tempfile::NamedTempFile::new()?;
            #[expect(
                clippy::disallowed_methods,
                reason = "a scratch file that is copied on at once"
            )]
            std::fs::write(seed.path(), facility_toml)?;
            let seed = seed.path().to_str().context("path")?;
            run(&[
                "install",
                "-m",
                "0644",
                seed,
                &format!("{data}/posto/facility.toml"),
            ])?;
            Ok(())
        })?;
        Ok(file)
    }

    /// A sparse copy, for a test that will damage it.
    ///
    /// # Errors
    /// When the copy fails.
    pub fn copy(&self, to: &Path) -> Result<Self> {
        let name = |path: &Path| {
            path.to_str()
                .map(str::to_owned)
                .context("path is not UTF-8")
        };
        run(&[
            "cp",
            "--sparse=always",
            "--reflink=auto",
            &name(&self.path)?,
            &name(to)?,
        ])?;
        Ok(Self {
            path: to.to_owned(),
        })
    }

    /// Mounts it here while no container runs on it, and lets `act` change it; `act` gets the mount point.
    ///
    /// # Errors
    /// When mounting fails, or `act`.
    pub fn change<T>(&self, act: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let mount = tempfile::tempdir()?;
        let at = mount.path().to_str().context("path")?;
        run(&[
            "mount",
            "-t",
            "xfs",
            "-o",
            "loop",
            self.path.to_str().context("path")?,
            at,
        ])?;
        let done = act(at);
        run(&["umount", at])?;
        done
    }

    /// The file that is already there.
    pub fn existing(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A facility file for container number `number`: a static address, since nobody serves DHCP there.
pub fn facility_file(number: u8, id: &str) -> String {
    let number = on_this_machine(number);
    format!(
        "id = \"{id}\"\nname = \"{id}\"\ntime_zone = \"Africa/Maputo\"\nlanguage = \"pt\"\n\n\
         [network]\ndhcp = false\naddress = \"10.213.{number}.2/24\"\n"
    )
}

/// This machine's address on the link to container number `number`, also before it runs.
#[must_use]
pub fn host_address(number: u8) -> String {
    format!("10.213.{}.1", on_this_machine(number))
}

/// A test's number, moved by `POSTO_CONTAINER_BASE` so that several runs of tests fit on one machine.
pub(super) fn on_this_machine(number: u8) -> u8 {
    let base = std::env::var("POSTO_CONTAINER_BASE").ok();
    number.saturating_add(base.and_then(|base| base.parse().ok()).unwrap_or(0))
}

/// The box's machine id, made at the first start, as posto-init does on a box; 32 hexadecimal digits.
pub(super) fn machine_id(data: &Path) -> Result<String> {
    let file = data.join("posto/machine-id");
    if let Ok(id) = std::fs::read_to_string(&file) {
        return Ok(id.trim().to_owned());
    }
    let id: String = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?
        .chars()
        .filter(char::is_ascii_hexdigit)
        .collect();
    std::fs::create_dir_all(data.join("posto"))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the test ground's own data; a lost write makes another id"
    )]
    std::fs::write(&file, format!("{id}\n"))?;
    Ok(id)
}
