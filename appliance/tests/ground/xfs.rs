//! A real XFS as the box makes it, in a sparse file behind a loop device.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use posto::system::process::Invocation;

const LIMIT: Duration = Duration::from_secs(60);
const PREFIX: &str = "posto-ground-";
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A mounted file system. Dropping it unmounts it, frees the loop device and removes the file; what a killed test program left
/// is removed by the next one.
pub struct Xfs {
    base: PathBuf,
}

impl Xfs {
    /// A fresh one of `bytes` (sparse; XFS wants 300 MB). `None`, with the reason on standard error, where it cannot be made.
    pub fn new(bytes: u64) -> Option<Self> {
        let here = rustix::process::geteuid().is_root()
            && Path::new("/sbin/mkfs.xfs").exists()
            && Path::new("/dev/loop-control").exists();
        if !here {
            eprintln!("SKIPPED: needs root, /sbin/mkfs.xfs and loop devices");
            return None;
        }
        sweep();
        let name = format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let base = std::env::temp_dir().join(name);
        std::fs::create_dir_all(base.join("at")).unwrap();
        let made = Self { base };
        let disk = made.base.join("disk");
        std::fs::File::create(&disk)
            .unwrap()
            .set_len(bytes)
            .unwrap();
        run(
            "/sbin/mkfs.xfs",
            &["-q", "-m", "reflink=1,rmapbt=0", text(&disk)],
        );
        // The loop device frees itself with the unmounting.
        run(
            "/bin/mount",
            &["-o", "loop", text(&disk), text(&made.path())],
        );
        Some(made)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.base.join("at")
    }

    /// Room beside it, on the host's own file system.
    pub fn beside(&self) -> PathBuf {
        self.base.clone()
    }
}

impl Drop for Xfs {
    fn drop(&mut self) {
        remove(&self.base);
    }
}

fn run(program: &str, arguments: &[&str]) {
    Invocation::new(program).args(arguments).run(LIMIT).unwrap();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn remove(base: &Path) {
    let at = base.join("at");
    // Lazily: a server that is just dying may still hold it; the kernel frees the device with the last of its files.
    let _ = Invocation::new("/bin/umount")
        .args(["-l", text(&at)])
        .run(LIMIT);
    // Only the empty mount point may go by name: never what is still mounted.
    if std::fs::remove_dir(&at).is_ok() {
        let _ = std::fs::remove_dir_all(base);
    }
}

/// Removes what test programs left that are no more.
fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            remove(&entry.path());
        }
    }
}
