//! A box that was installed once; each test works on a copy of its data.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;

use crate::container::{Container, DataFile, Limits, Options, facility_file};
use crate::release;
use crate::standin::Clinic;

/// Size of a test's data partition, bytes.
pub const DATA_BYTES: u64 = 4 << 30;

/// How the release under test is booted on `data`; the console's log stands beside them.
///
/// # Errors
/// When there is no release.
pub fn options(data: &Path, limits: Limits) -> Result<Options> {
    Ok(Options {
        release: release::folder()?,
        data: data.to_owned(),
        number: 1,
        limits,
        console: Some(data.with_extension("console.log")),
        masked: Vec::new(),
    })
}

/// A copy of the data of an installed box that was powered off in order. The test that runs first installs it, in `bound`;
/// its folder is left at the end (statics are never dropped) and removed by the next run of tests.
///
/// # Errors
/// When there is no release, or the door does not open.
pub fn copy(to: &Path, bound: Duration) -> Result<DataFile> {
    static INSTALLED: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let data = if let Some((_, data)) = INSTALLED.get() {
        data
    } else {
        let folder = release::scratch()?;
        let data = folder.path().join("installed.xfs");
        DataFile::create(&data, DATA_BYTES, &facility_file(1, "posto-um"))?;
        let mut container = Container::start(&options(&data, Limits::default())?)?;
        container.wait_open(bound)?;
        container.stop()?;
        &INSTALLED.get_or_init(|| (folder, data)).1
    };
    DataFile::existing(data).copy(to)
}

/// An installed box with an open door, on data of its own that go with it.
#[derive(Debug)]
pub struct OpenBox {
    // Dropped first: the data file must be free before its folder is removed.
    /// The container.
    pub container: Container,
    /// Scratch space that goes with the box.
    pub folder: tempfile::TempDir,
}

impl OpenBox {
    /// Boots a copy of an installed box after `prepare` had it, and waits for its open door; `bound` is for that and for
    /// the first installation, each.
    ///
    /// # Errors
    /// When there is no release, `prepare` fails, or the door does not open.
    pub fn start(
        name: &str,
        limits: Limits,
        bound: Duration,
        prepare: impl FnOnce(&DataFile) -> Result<()>,
    ) -> Result<Self> {
        let folder = release::scratch()?;
        let data = copy(&folder.path().join(format!("{name}.xfs")), bound)?;
        prepare(&data)?;
        let mut container = Container::start(&options(data.path(), limits)?)?;
        container.wait_open(bound)?;
        Ok(Self { container, folder })
    }

    /// The administrator as a clerk.
    ///
    /// # Errors
    /// When the password is not known any more.
    pub fn clerk(&self) -> Result<Clinic> {
        admin(&self.container)
    }
}

/// The administrator of the box in this container, with the password that the box made for itself.
///
/// # Errors
/// When the password is not known any more.
pub fn admin(container: &Container) -> Result<Clinic> {
    let password = container.run(&["/usr/bin/posto", "admin-password", "show"])?;
    let base = format!("http://{}", container.address());
    Ok(Clinic::new(&base, "admin", password.trim()))
}
