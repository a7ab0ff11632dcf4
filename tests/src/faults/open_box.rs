//! An installed box with an open door, whose stand-in takes faults, on data of its own that go with it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::{Container, DataFile, Limits, Options, facility_file};
use crate::standin::Clinic;

/// A first installation on a busy machine.
pub const OPEN_BOUND: Duration = Duration::from_secs(900);
const DATA_BYTES: u64 = 4 << 30;
const FOLDER: &str = "posto-faults-";

/// The box.
#[derive(Debug)]
pub struct OpenBox {
    // Dropped first: the data file must be free before its folder is removed.
    /// The container.
    pub container: Container,
    folder: tempfile::TempDir,
}

impl OpenBox {
    /// Boots a copy of an installed box; `switches` are lines of the stand-in's `standin.properties`.
    ///
    /// # Errors
    /// When there is no release, or the door does not open.
    pub fn start(name: &str, limits: Limits, switches: &[&str]) -> Result<Self> {
        let mut opened = Self::boot(name, limits, switches)?;
        opened.container.wait_open(OPEN_BOUND)?;
        Ok(opened)
    }

    /// As [`OpenBox::start`], but returns when PID 1 runs.
    ///
    /// # Errors
    /// When there is no release, or no container.
    pub fn boot(name: &str, limits: Limits, switches: &[&str]) -> Result<Self> {
        let folder = scratch()?;
        let data = installed()?.copy(&folder.path().join(format!("{name}.xfs")))?;
        data.change(|at| {
            let file = Path::new(at).join("live/openmrs/standin.properties");
            let lines = format!("standin.faults=on\n{}\n", switches.join("\n"));
            #[expect(clippy::disallowed_methods, reason = "read at the next start only")]
            std::fs::write(&file, lines)?;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))?;
            Ok(())
        })?;
        let container = Container::start(&options(data.path(), limits)?)?;
        Ok(Self { container, folder })
    }

    /// The administrator as a clerk.
    ///
    /// # Errors
    /// When the password is not known any more.
    pub fn clerk(&self) -> Result<Clinic> {
        let password = self
            .container
            .run(&["/usr/bin/posto", "admin-password", "show"])?;
        let base = format!("http://{}", self.container.address());
        Ok(Clinic::new(&base, "admin", password.trim()))
    }

    /// Scratch space that goes with the box.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn options(data: &Path, limits: Limits) -> Result<Options> {
    Ok(Options {
        release: release()?,
        data: data.to_owned(),
        number: 1,
        limits,
        console: Some(data.with_extension("console.log")),
    })
}

fn release() -> Result<PathBuf> {
    Ok(PathBuf::from(
        std::env::var_os("POSTO_RELEASE_DIR")
            .context("POSTO_RELEASE_DIR is not set: run ./check")?,
    ))
}

/// Scratch space on the disk: a tmpfs would hold the data in memory.
fn scratch() -> Result<tempfile::TempDir> {
    let around = release()?;
    let around = around.parent().context("parent")?;
    Ok(tempfile::Builder::new()
        .prefix(&format!("{FOLDER}{}-", std::process::id()))
        .tempdir_in(around)?)
}

/// A box that was installed once and powered off in order. Its folder is left at the end (statics are never dropped) and
/// removed by the next run of tests.
fn installed() -> Result<DataFile> {
    static INSTALLED: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    if let Some((_, data)) = INSTALLED.get() {
        return Ok(DataFile::existing(data));
    }
    remove_left_overs()?;
    let folder = scratch()?;
    let data = folder.path().join("installed.xfs");
    DataFile::create(&data, DATA_BYTES, &facility_file(1, "posto-um"))?;
    let mut container = Container::start(&options(&data, Limits::default())?)?;
    container.wait_open(OPEN_BOUND)?;
    container.stop()?;
    Ok(DataFile::existing(
        &INSTALLED.get_or_init(|| (folder, data)).1,
    ))
}

fn remove_left_overs() -> Result<()> {
    let around = release()?;
    for entry in std::fs::read_dir(around.parent().context("parent")?)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(maker) = name
            .to_str()
            .and_then(|name| name.strip_prefix(FOLDER)?.split('-').next())
        else {
            continue;
        };
        if !Path::new("/proc").join(maker).exists() {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
