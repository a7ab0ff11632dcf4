//! What the container tests stand on: a box, fresh or installed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use posto_tests::command::run;
use posto_tests::container::{Container, DataFile, Limits, Options};
use posto_tests::installed::{self, OpenBox};

pub(crate) const OPEN_BOUND: Duration = Duration::from_secs(600);

pub(crate) fn options(data: &Path) -> Result<Options> {
    installed::options(data, Limits::default())
}

/// A copy of the data of a box that was installed once.
pub(crate) fn installed(copy_to: &Path) -> Result<DataFile> {
    installed::copy(copy_to, OPEN_BOUND)
}

/// An installed box with an open door; bound before the container, its folder goes after it.
pub(crate) fn open_box(name: &str) -> Result<(tempfile::TempDir, Container)> {
    let opened = OpenBox::start(name, Limits::default(), OPEN_BOUND, |_| Ok(()))?;
    Ok((opened.folder, opened.container))
}

/// The label of a data partition that no container runs on.
pub(crate) fn label(data: &DataFile) -> Result<String> {
    let file = data.path().to_str().context("path")?;
    let label = run(&["blkid", "-o", "value", "-s", "LABEL", file])?;
    Ok(label.trim().to_owned())
}

/// How exposed systemd finds this unit, 0 to 10 (systemd-analyze(1), `security`).
pub(crate) fn exposure(container: &Container, unit: &str) -> Result<f64> {
    let said = container.run(&["systemd-analyze", "security", "--no-pager", unit])?;
    said.lines()
        .find_map(|line| {
            line.split_once("Overall exposure level for ")?
                .1
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()
        })
        .context("systemd-analyze said no level")
}
