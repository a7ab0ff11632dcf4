//! What the container tests stand on: a box, fresh or installed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::container::{Container, DataFile, Limits, Options, facility_file};
use posto_tests::installed::{self, DATA_BYTES, OpenBox};
use posto_tests::release;
use posto_tests::standin::{Added, Clinic};
use serde_json::Value;

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

/// A programme's key in this folder, and its recipient.
pub(crate) fn programme_key(folder: &Path) -> Result<(PathBuf, String)> {
    let key = folder.join("programme.txt");
    let file = key.to_str().context("path")?;
    run(&["age-keygen", "-o", file])?;
    let recipient = run(&["age-keygen", "-y", file])?.trim().to_owned();
    Ok((key, recipient))
}

/// Adds lines to the facility file of a box that is off; `at`: where its data are mounted.
pub(crate) fn add_to_facility(at: &str, lines: &str) -> Result<()> {
    let file = format!("{at}/posto/facility.toml");
    let append = "printf '%s' \"$1\" >> \"$2\"";
    run(&["sh", "-c", append, "sh", lines, &file]).map(drop)
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

/// A copy of the data of another installed box, with secrets of its own; the test that asks first installs it.
pub(crate) fn another(copy_to: &Path) -> Result<DataFile> {
    static INSTALLED: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let data = if let Some((_, data)) = INSTALLED.get() {
        data
    } else {
        let folder = release::scratch()?;
        let data = folder.path().join("another.xfs");
        DataFile::create(&data, DATA_BYTES, &facility_file(1, "posto-dois"))?;
        let mut container = Container::start(&options(&data)?)?;
        container.wait_open(OPEN_BOUND)?;
        container.stop()?;
        &INSTALLED.get_or_init(|| (folder, data)).1
    };
    DataFile::existing(data).copy(copy_to)
}

/// What `posto WORDS --json` says.
pub(crate) fn posto(container: &Container, words: &[&str]) -> Result<Value> {
    let argv: Vec<&str> = [&["/usr/bin/posto"], words, &["--json"]].concat();
    let said = container.ask(&argv)?;
    ensure!(
        said.code == 0,
        "posto {} ended with {}: {}{}",
        words.join(" "),
        said.code,
        said.out,
        said.err
    );
    serde_json::from_str(&said.out).with_context(|| said.out.clone())
}

/// The number of a snapshot of now, proven.
pub(crate) fn proven_snapshot(container: &Container) -> Result<String> {
    let taken = posto(container, &["snapshot", "take"])?;
    let id = taken.pointer("/snapshot/id").and_then(Value::as_u64);
    let id = id.context("no number")?.to_string();
    posto(container, &["snapshot", "verify", &id])?;
    Ok(id)
}

/// Exports snapshot `id` to a stick (tmpfs), and gives the copy as this machine sees it on the box's data partition.
pub(crate) fn exported(container: &Container, id: &str) -> Result<PathBuf> {
    container.run(&["mkdir", "/run/stick"])?;
    let done = posto(container, &["snapshot", "export", id, "--to", "/run/stick"])?;
    println!("exported: {done}");
    container.run(&["cp", "-r", "/run/stick", "/data/stick"])?;
    let name = done.pointer("/name").and_then(Value::as_str);
    Ok(container
        .data()
        .join("stick")
        .join(name.context("no name")?))
}

pub(crate) fn all_there(clerk: &Clinic, added: &[Added], expected: bool) -> Result<()> {
    for uuid in added.iter().flat_map(Added::uuids) {
        ensure!(
            clerk.has(uuid)? == expected,
            "{uuid}: expected there: {expected}"
        );
    }
    Ok(())
}

pub(crate) fn add(clerk: &Clinic, count: usize) -> Result<Vec<Added>> {
    (0..count).map(|_| clerk.add_patient()).collect()
}
