//! The pretended box's memory and disk. Units' own limits do not bite in a container on a host with the old cgroup
//! hierarchy, so the whole container is put into one memory group, and the loop devices are throttled.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Limits of one container; `Default`: none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Memory of all its processes together, bytes.
    pub memory_bytes: Option<u64>,
    /// Reads and writes a second of each of the two loop devices (root and data).
    pub iops: Option<u32>,
}

const THROTTLES: [&str; 2] = ["read_iops_device", "write_iops_device"];

impl Limits {
    /// What to put before the container's command so that it starts inside its memory group.
    pub(super) fn prefix(&self, name: &str) -> Result<Vec<String>> {
        let Some(memory_bytes) = self.memory_bytes else {
            return Ok(Vec::new());
        };
        let group = format!("/sys/fs/cgroup/memory/{name}");
        std::fs::create_dir_all(&group).context("cannot make a memory cgroup (v1)")?;
        put(
            Path::new(&group).join("memory.limit_in_bytes").as_path(),
            &memory_bytes.to_string(),
        )?;
        let script = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        Ok(["sh", "-c", script, &group].map(str::to_owned).to_vec())
    }

    pub(super) fn throttle(&self, devices: &[&Path]) -> Result<()> {
        let Some(iops) = self.iops else { return Ok(()) };
        for device in devices {
            let number = std::fs::metadata(device)?.rdev();
            let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
            for throttle in THROTTLES {
                // The root group: writeback of buffered writes is charged there.
                put(
                    Path::new(&format!("/sys/fs/cgroup/blkio/blkio.throttle.{throttle}")),
                    &format!("{major}:{minor} {iops}"),
                )?;
            }
        }
        Ok(())
    }

    pub(super) fn unthrottle(&self) -> Result<()> {
        if self.iops.is_none() {
            return Ok(());
        }
        for throttle in THROTTLES {
            let file = format!("/sys/fs/cgroup/blkio/blkio.throttle.{throttle}");
            for line in std::fs::read_to_string(&file)?.lines() {
                if let Some((device, _)) = line.split_once(' ') {
                    put(Path::new(&file), &format!("{device} 0"))?;
                }
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a kernel control file, not data")]
fn put(file: &Path, value: &str) -> Result<()> {
    std::fs::write(file, value)
        .with_context(|| format!("cannot write {value} to {}", file.display()))
}
