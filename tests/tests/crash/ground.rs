//! Where everything stands: a file system for disk images that are cloned in no time, mounts, and their end also on failure.

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use posto::system::process::Invocation;
use posto_tests::powercut::pending::Write;

const PREFIX: &str = "posto-crash-";
const LIMIT: Duration = Duration::from_secs(120);
/// Sparse. Room for the live disk, the rebuilt one and some cases.
const BENCH_BYTES: u64 = 16 << 30;
/// A snapshot asks for 1 GiB of room.
const DISK_BYTES: u64 = 3 << 30;
const RELEASE: &str =
    r#"{"release":"test","built":1790000000,"distro":{"name":"d","version":"1","stand_in":true}}"#;

/// The folder of one run. Dropping it unmounts and removes everything in it.
pub(crate) struct Ground {
    base: PathBuf,
}

impl Ground {
    pub(crate) fn new() -> Self {
        sweep();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let base = std::env::temp_dir().join(name);
        std::fs::create_dir(&base).unwrap();
        // The database's user goes through it.
        std::fs::set_permissions(&base, std::fs::Permissions::from_mode(0o755)).unwrap();
        let ground = Self { base };
        let file = ground.base.join("bench.xfs");
        make(&file, BENCH_BYTES, "bench");
        std::fs::create_dir(ground.bench()).unwrap();
        mount(&file, &ground.bench(), "loop,discard");
        ground
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// Disk images, on a file system that clones them.
    pub(crate) fn bench(&self) -> PathBuf {
        self.base.join("bench")
    }

    /// An empty data disk as the installer makes it.
    pub(crate) fn found(&self) -> PathBuf {
        let disk = self.bench().join("base");
        make(&disk, DISK_BYTES, "posto-data");
        disk
    }

    /// What stands around a data partition: the root's and tmpfs's files of a box in a container, fresh as after a boot.
    pub(crate) fn root(&self, name: &str) -> PathBuf {
        let root = self.base.join(name);
        for path in [
            "usr/lib/posto",
            "run/posto",
            "run/mysqld",
            "run/systemd",
            "data",
        ] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        std::fs::write(root.join("usr/lib/posto/release.json"), RELEASE).unwrap();
        std::fs::write(root.join("run/systemd/container"), "").unwrap();
        root
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        remove(&self.base);
    }
}

fn make(file: &Path, bytes: u64, label: &str) {
    std::fs::File::create(file).unwrap().set_len(bytes).unwrap();
    let argv = ["-q", "-K", "-m", "reflink=1,rmapbt=0", "-L", label];
    run(Invocation::new("/sbin/mkfs.xfs").args(argv).arg(file));
}

fn run(invocation: Invocation) {
    invocation.run(LIMIT).unwrap();
}

fn mount(file: &Path, at: &Path, options: &str) {
    // The loop device frees itself with the unmounting.
    run(Invocation::new("/bin/mount")
        .args(["-t", "xfs", "-o", options])
        .args([file, at]));
}

/// A mounted disk image; unmounted with this value.
pub(crate) struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// With the box's own flags; images of one file system have one UUID.
    pub(crate) fn data(file: &Path, at: &Path) -> Result<Self, String> {
        Invocation::new("/bin/mount")
            .args(["-t", "xfs", "-o", "loop,nouuid,nosuid,nodev,noexec"])
            .args([file, at])
            .run(LIMIT)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            at: at.to_path_buf(),
        })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.at);
    }
}

/// Lazily where somebody still holds it: the kernel frees the device with the last of its files.
pub(crate) fn unmount(at: &Path) {
    let umount = |options: &[&str]| {
        let umount = Invocation::new("/bin/umount").args(options).arg(at);
        umount.run(LIMIT).is_ok()
    };
    if !umount(&[]) {
        umount(&["-l"]);
    }
}

/// A copy that shares every block.
pub(crate) fn clone(from: &Path, to: &Path) {
    let from = std::fs::File::open(from).unwrap();
    let to = std::fs::File::create(to).unwrap();
    to.set_len(from.metadata().unwrap().len()).unwrap();
    posto::system::reflink::clone_file(&from, &to, 1 << 30).unwrap();
}

pub(crate) fn apply(disk: &Path, writes: &[Write]) {
    let disk = std::fs::File::options().write(true).open(disk).unwrap();
    for write in writes {
        disk.write_all_at(&write.bytes, write.at).unwrap();
    }
}

/// Unmounts everything below `base`, innermost first, and removes it.
fn remove(base: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = mounts.lines().rev().filter_map(|line| {
        let at = Path::new(line.split(' ').nth(1)?);
        at.starts_with(base).then(|| at.to_path_buf())
    });
    for at in below.collect::<Vec<_>>() {
        unmount(&at);
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    // Never what is still mounted.
    if !mounts.contains(&format!("{}/", base.display())) {
        let _ = std::fs::remove_dir_all(base);
    }
}

/// Removes what test programs left that are no more.
fn sweep() {
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            remove(&entry.path());
        }
    }
}

/// Ends a test that hangs: the recording disk is killed, which ends every wait for it; then everything is removed and this
/// process with it.
pub(crate) struct Watchdog {
    disk: Arc<Mutex<Option<rustix::process::Pid>>>,
    _alive: Sender<()>,
}

impl Watchdog {
    pub(crate) fn begin(ground: &Ground, limit: Duration) -> Self {
        let (alive, dead): (Sender<()>, Receiver<()>) = channel();
        let disk = Arc::new(Mutex::new(None));
        let (watched, base) = (Arc::clone(&disk), ground.base.clone());
        std::thread::spawn(move || {
            if dead.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                eprintln!("hangs: ended after {} s", limit.as_secs());
                if let Some(disk) = *watched.lock().unwrap() {
                    let _ = rustix::process::kill_process(disk, rustix::process::Signal::KILL);
                }
                remove(&base);
                std::process::exit(101);
            }
        });
        Self {
            disk,
            _alive: alive,
        }
    }

    /// The recording disk's process; `None`: it has ended.
    pub(crate) fn watch(&self, disk: Option<u32>) {
        let pid = disk.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        *self.disk.lock().unwrap() = pid;
    }
}
