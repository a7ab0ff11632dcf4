//! An old hard disk's 120 operations a second, by the old cgroup hierarchy's throttle on the loop device.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor};

const FILES: [&str; 2] = ["read_iops_device", "write_iops_device"];

/// Dropping it ends it.
pub(crate) struct Throttle(String);

impl Throttle {
    /// `None`, with the reason, where the kernel has none.
    pub(crate) fn new(mounted: &Path, operations: u32) -> Option<Self> {
        if !Path::new(&path(FILES[0])).exists() {
            eprintln!("SKIPPED: no blkio.throttle (cgroup v1) here");
            return None;
        }
        let device = std::fs::metadata(mounted).unwrap().dev();
        let device = format!("{}:{}", major(device), minor(device));
        for file in FILES {
            std::fs::write(path(file), format!("{device} {operations}")).unwrap();
        }
        Some(Self(device))
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        for file in FILES {
            // The loop device may be gone.
            let _ = std::fs::write(path(file), format!("{} 0", self.0));
        }
    }
}

/// The root group: writeback of buffered writes is charged there.
fn path(file: &str) -> String {
    format!("/sys/fs/cgroup/blkio/blkio.throttle.{file}")
}
