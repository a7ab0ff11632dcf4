//! A USB stick: plugged into a running machine, pulled from it at any moment, written or not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::machine::{Machine, USB};
use crate::command::run;
use crate::wait;

/// QEMU lets go of the image when its device is gone.
const GONE: Duration = Duration::from_secs(60);

/// A stick's image: what a computer's formatting leaves.
#[derive(Debug, Clone)]
pub struct Stick {
    path: PathBuf,
    name: String,
}

impl Stick {
    /// Makes one of `size_bytes` and formats it by `mkfs` (program and options) without partitions, as many sticks come.
    ///
    /// # Errors
    /// When the program is not there or fails.
    pub fn format(folder: &Path, name: &str, size_bytes: u64, mkfs: &[&str]) -> Result<Self> {
        let path = folder.join(format!("{name}.img"));
        std::fs::File::create(&path)?.set_len(size_bytes)?;
        let file = path.to_str().context("path")?;
        run(&[mkfs, &[file]].concat())?;
        Ok(Self {
            path,
            name: name.to_owned(),
        })
    }

    /// Its image.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Machine {
    /// Plugs the stick in; `protected`: its switch against writing is on.
    ///
    /// # Errors
    /// When QEMU refuses.
    pub fn plug(&mut self, stick: &Stick, protected: bool) -> Result<()> {
        let (node, file) = (&stick.name, stick.path.display().to_string());
        self.control().command_with(
            "blockdev-add",
            &json!({
                "driver": "raw",
                "node-name": node,
                "read-only": protected,
                "file": { "driver": "file", "filename": file },
            }),
        )?;
        self.control().command_with(
            "device_add",
            &json!({
                "driver": "usb-storage",
                "id": format!("stick-{node}"),
                "drive": node,
                "bus": format!("{USB}.0"),
                "removable": true,
            }),
        )
    }

    /// Pulls it, whatever is being written.
    ///
    /// # Errors
    /// When QEMU does not let go of it.
    pub fn pull(&mut self, stick: &Stick) -> Result<()> {
        let device = format!("stick-{}", stick.name);
        self.control()
            .command_with("device_del", &json!({ "id": device }))?;
        let node = json!({ "node-name": stick.name });
        wait::until("QEMU to let go of a stick", GONE, || {
            let gone = self.control().command_with("blockdev-del", &node);
            Ok(gone.ok())
        })
    }
}
