//! A disk that refuses writes from some moment on: QEMU's blkdebug is put under the disk of a running machine.

use anyhow::Result;
use serde_json::json;

use super::machine::{FILE_NODE, IMAGE_NODE, Machine};

const FAULTY_NODE: &str = "disk-faulty";
/// The errno EIO.
const EIO: u32 = 5;

impl Machine {
    /// From now on every write and flush of the disk fails; reads still work. Only another start mends it. The disk is raw.
    ///
    /// # Errors
    /// When QEMU refuses.
    pub fn refuse_disk_writes(&mut self) -> Result<()> {
        let rule = |kind: &str| json!({ "event": "none", "iotype": kind, "errno": EIO });
        self.control().command_with(
            "blockdev-add",
            &json!({
                "driver": "blkdebug",
                "node-name": FAULTY_NODE,
                "image": FILE_NODE,
                "inject-error": [rule("write"), rule("write-zeroes"), rule("flush")],
            }),
        )?;
        self.control().command_with(
            "blockdev-reopen",
            &json!({
                "options": [{ "driver": "raw", "node-name": IMAGE_NODE, "file": FAULTY_NODE, "cache": { "direct": false, "no-flush": false } }],
            }),
        )
    }
}
