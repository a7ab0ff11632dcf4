//! From the kernel's first program to systemd.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use posto_release::kernel_line::{KernelLine, LENGTH_LIMIT_BYTES, Mode};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_move, unmount};

use crate::alarm::{self, Alarm, data_missing};
use crate::console::Console;
use crate::disk::{self, Disk};
use crate::error::{InitError, doing};
use crate::uevent::Uevents;
use crate::{child, data, device_mapper, identity, modules, watch};

/// Where the root is mounted before it becomes `/`.
const ROOT: &str = "/root";
const KERNEL_FOLDERS: [&str; 3] = ["/dev", "/proc", "/sys"];

fn mounted(
    source: &str,
    at: &str,
    kind: &str,
    flags: MountFlags,
    options: Option<&std::ffi::CStr>,
) -> Result<(), InitError> {
    mount(source, at, kind, flags, options)
        .map_err(doing(format!("{kind} cannot be mounted at {at}")))
}

/// Mounts what the kernel offers.
///
/// # Errors
/// When a mount is refused.
pub fn kernel_file_systems() -> Result<(), InitError> {
    let safe = MountFlags::NOSUID
        .union(MountFlags::NODEV)
        .union(MountFlags::NOEXEC);
    mounted(
        "devtmpfs",
        "/dev",
        "devtmpfs",
        MountFlags::NOSUID,
        Some(c"mode=0755"),
    )?;
    mounted("proc", "/proc", "proc", safe, None)?;
    mounted("sysfs", "/sys", "sysfs", safe, None)
}

/// The kernel line.
///
/// # Errors
/// When it is not GRUB's.
pub fn kernel_line() -> Result<KernelLine, InitError> {
    let bytes = fs::read("/proc/cmdline").map_err(doing("the kernel line cannot be read"))?;
    let bytes = bytes.get(..LENGTH_LIMIT_BYTES).unwrap_or(&bytes);
    Ok(KernelLine::parse(&String::from_utf8_lossy(bytes))?)
}

/// Loads the drivers and waits for the box's disk.
///
/// # Errors
/// When no disk with the root partition appears.
pub fn find_disk(line: &KernelLine, console: &Console) -> Result<Disk, InitError> {
    let events = Uevents::listen()?;
    modules::load(console)?;
    disk::wait(line, &events, console)
}

fn mount_root(disk: &Disk, line: &KernelLine, console: &Console) -> Result<(), InitError> {
    let missing = || doing("the root partition has no device")(rustix::io::Errno::NODEV);
    let found = disk.root(line).ok_or_else(missing)?;
    let device = disk.partition(found.number).ok_or_else(missing)?;
    if line.verity.end_bytes() > found.bytes {
        return Err(InitError::RootTooLarge {
            partition: found.bytes,
            needed: line.verity.end_bytes(),
        });
    }
    watch::before_root(disk, line, &device, console)?;
    let verified = device_mapper::verity(line.verity.data_blocks * 8, &line.verity.table(&device))?;
    mounted(&verified, ROOT, "erofs", MountFlags::RDONLY, None)
}

fn write_alarm(alarm: &Alarm) -> std::io::Result<()> {
    let folder = format!("{ROOT}/run/posto/alarms");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&folder)?;
    let text = serde_json::to_vec(alarm)?;
    fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(format!("{folder}/{}", alarm::FILE))?
        .write_all(&text)
}

/// Data at /data, or nothing there but a tmpfs and an alarm: the box then boots on to show its screen.
fn mount_data(plan: &data::Plan, console: &Console) -> Result<(), InitError> {
    let at = format!("{ROOT}/data");
    if let Err((reason, detail)) = data::carry_out(plan, ROOT, &at, console) {
        let alarm = data_missing(reason, &detail);
        console.say(&alarm.pt, &alarm.en);
        mounted(
            "no-data",
            &at,
            "tmpfs",
            MountFlags::NOSUID
                .union(MountFlags::NODEV)
                .union(MountFlags::NOEXEC),
            Some(c"mode=0755,size=20%"),
        )?;
        write_alarm(&alarm).map_err(doing("the alarm data-missing cannot be written"))?;
    }
    Ok(())
}

/// Folders and identity that the root expects from data.
fn lay_over(console: &Console) -> Result<(), InitError> {
    let folder = |path: &str| {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(format!("{ROOT}{path}"))
    };
    // Fails on a full disk only if it was never there; /var is then empty and read-only, and systemd says so.
    for path in ["/data/var", "/data/posto"] {
        if let Err(error) = folder(path) {
            console.note(&format!("{path} cannot be made: {error}"));
        }
    }
    mount_bind(format!("{ROOT}/data/var"), format!("{ROOT}/var"))
        .map_err(doing("/data/var cannot be bound over /var"))?;
    let mut id = format!("{ROOT}/data/posto/machine-id");
    if let Err(error) = identity::ensure(Path::new(&id)) {
        console.note(&format!(
            "the machine-id on the data partition cannot be used ({error}); a passing one is made"
        ));
        id = format!("{ROOT}/run/machine-id");
        identity::ensure(Path::new(&id)).map_err(doing("no machine-id can be made"))?;
    }
    mount_bind(id, format!("{ROOT}/etc/machine-id"))
        .map_err(doing("the machine-id cannot be bound over /etc/machine-id"))
}

/// Everything from the found disk to the root that systemd starts in.
///
/// # Errors
/// When the root does not verify or mount: the caller restarts the box.
pub fn prepare(disk: &mut Disk, line: &KernelLine, console: &Console) -> Result<(), InitError> {
    // Before the root is in use: the kernel reads a grown table only while nothing on the disk is.
    let plan = data::plan(disk, line, console);
    mount_root(disk, line, console)?;
    // Bound, not moved yet: a failure after this still needs the devices at their place to arm the rescue.
    for at in KERNEL_FOLDERS {
        mount_bind(at, format!("{ROOT}{at}"))
            .map_err(doing(format!("{at} cannot be bound into the root")))?;
    }
    let flags = MountFlags::NOSUID.union(MountFlags::NODEV);
    mounted(
        "tmpfs",
        &format!("{ROOT}/run"),
        "tmpfs",
        flags,
        Some(c"mode=0755,size=20%"),
    )?;
    mount_data(&plan, console)?;
    lay_over(console)?;
    if line.mode != Mode::Normal {
        console.note(&format!(
            "slot {} runs in mode {}",
            line.slot,
            line.mode.word()
        ));
    }
    Ok(())
}

/// Makes the prepared root the root, and process 1 systemd. Comes back only when that fails.
pub fn hand_over() -> InitError {
    // Frees the memory that the initrd takes (about 20 MB); what cannot be removed only costs memory.
    fs::remove_dir_all("/modules").ok();
    fs::remove_file("/init").ok();
    for at in KERNEL_FOLDERS {
        unmount(at, UnmountFlags::DETACH).ok();
    }
    let entered = rustix::process::chdir(ROOT)
        .and_then(|()| mount_move(".", "/"))
        .and_then(|()| rustix::process::chroot("."))
        .and_then(|()| rustix::process::chdir("/"));
    match entered {
        Ok(()) => child::become_init("/sbin/init"),
        Err(error) => doing("the root cannot be entered")(error),
    }
}
