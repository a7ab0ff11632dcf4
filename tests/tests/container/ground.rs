//! What the container tests stand on: a box, fresh or installed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use posto_tests::command::run;
use posto_tests::container::{Container, DataFile, Limits, Options, facility_file};
use posto_tests::standin::Clinic;

pub(crate) const OPEN_BOUND: Duration = Duration::from_secs(600);

pub(crate) const DATA_BYTES: u64 = 4 << 30;

pub(crate) fn release() -> Result<PathBuf> {
    Ok(PathBuf::from(
        std::env::var_os("POSTO_RELEASE_DIR")
            .context("POSTO_RELEASE_DIR is not set: run ./check")?,
    ))
}

/// Scratch space on the disk (a tmpfs would hold the data in memory), removed at the end.
pub(crate) fn scratch() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("posto-container-")
        .tempdir_in(release()?.parent().context("parent")?)?)
}

pub(crate) fn options(data: &Path, number: u8) -> Result<Options> {
    let console = data.with_extension("console.log");
    Ok(Options {
        release: release()?,
        data: data.to_owned(),
        number,
        limits: Limits::default(),
        console: Some(console),
    })
}

/// A box that was installed once by the test that runs first, powered off in order; others work on copies of its data.
pub(crate) fn installed(copy_to: &Path) -> Result<DataFile> {
    static INSTALLED: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let data = if let Some((_, data)) = INSTALLED.get() {
        data.clone()
    } else {
        let folder = scratch()?;
        let data = folder.path().join("installed.xfs");
        DataFile::create(&data, DATA_BYTES, &facility_file(1, "posto-um"))?;
        let mut container = Container::start(&options(&data, 1)?)?;
        container.wait_open(OPEN_BOUND)?;
        container.stop()?;
        INSTALLED.get_or_init(|| (folder, data)).1.clone()
    };
    DataFile::existing(&data).copy(copy_to)
}

pub(crate) fn admin(container: &Container) -> Result<Clinic> {
    let password = container.run(&["/usr/bin/posto", "admin-password", "show"])?;
    Ok(Clinic::new(
        &format!("http://{}", container.address()),
        "admin",
        password.trim(),
    ))
}

pub(crate) fn label(data: &DataFile) -> Result<String> {
    Ok(run(&[
        "xfs_io",
        "-r",
        "-c",
        "label",
        data.path().to_str().context("path")?,
    ])
    .unwrap_or_default())
    .and_then(|_| {
        run(&[
            "blkid",
            "-o",
            "value",
            "-s",
            "LABEL",
            data.path().to_str().context("path")?,
        ])
    })
    .map(|label| label.trim().to_owned())
}

/// An installed box with an open door, on data of its own that go with it.
pub(crate) struct OpenBox {
    // Dropped first: the data file must be free before its folder is removed.
    pub(crate) container: Container,
    pub(crate) _folder: tempfile::TempDir,
}

impl OpenBox {
    pub(crate) fn start(name: &str) -> Result<Self> {
        let folder = scratch()?;
        let data = installed(&folder.path().join(format!("{name}.xfs")))?;
        let mut container = Container::start(&options(data.path(), 1)?)?;
        container.wait_open(OPEN_BOUND)?;
        Ok(Self {
            container,
            _folder: folder,
        })
    }
}
