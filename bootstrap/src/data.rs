//! The data partition: looked at, made where the virgin mark allows it, mounted, or left alone.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use posto_release::kernel_line::KernelLine;
use posto_release::layout::{LABEL_VIRGIN, VIRGIN_MARK_BYTES, VIRGIN_MARK_OFFSET, virgin_mark};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

use crate::child::run_in_root;
use crate::console::Console;
use crate::decide::{DataAction, DataSeen, Reason, data_action, repair_may_help};
use crate::disk::Disk;
use crate::error::{InitError, doing};
use crate::xfs::{Superblock, read_superblock};

/// Mounted so wherever it is mounted: nothing on it is ever a program or a device.
const FLAGS: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);

/// What is to be done, and on which device.
#[derive(Debug)]
pub struct Plan {
    /// The decision.
    pub action: DataAction,
    device: String,
    detail: String,
}

/// The partition as it stands.
#[must_use]
pub fn look(device: &str) -> DataSeen {
    let Ok(file) = File::open(device) else {
        return DataSeen {
            superblock: Superblock::Unreadable,
            mark: false,
        };
    };
    let mut sector = [0; 512];
    let superblock = file
        .read_exact_at(&mut sector, 0)
        .map_or(Superblock::Unreadable, |()| read_superblock(&sector));
    DataSeen {
        superblock,
        mark: has_mark(&file).unwrap_or(false),
    }
}

fn has_mark(file: &File) -> io::Result<bool> {
    let mut block = vec![0; VIRGIN_MARK_BYTES];
    file.read_exact_at(&mut block, VIRGIN_MARK_OFFSET)?;
    Ok(block == virgin_mark())
}

/// Decides, and grows the partition where a file system is going to be made. Runs while nothing on the disk is in use.
#[must_use]
pub fn plan(disk: &mut Disk, line: &KernelLine, console: &Console) -> Plan {
    let number = disk.data(line).map(|found| found.number);
    let Some(device) = number.and_then(|number| disk.partition(number)) else {
        return Plan {
            action: DataAction::Degraded(Reason::NoPartition),
            device: String::new(),
            detail: String::new(),
        };
    };
    let seen = look(&device);
    let action = data_action(&seen);
    console.note(&format!("data partition {device}: {seen:?} -> {action:?}"));
    if action == DataAction::Format
        && let Err(error) = disk.mend(true, console)
    {
        return Plan {
            action: DataAction::Degraded(Reason::FormatFailed),
            device,
            detail: error.to_string(),
        };
    }
    Plan {
        action,
        device,
        detail: String::new(),
    }
}

fn make(device: &str, root: &str) -> Result<(), InitError> {
    let argv = [
        "mkfs.xfs",
        "-f",
        "-q",
        "-K",
        "-m",
        "reflink=1,rmapbt=0",
        "-L",
        LABEL_VIRGIN,
        device,
    ];
    run_in_root(root, &argv)?;
    let file = File::options()
        .read(true)
        .write(true)
        .open(device)
        .map_err(doing(format!("{device} cannot be opened")))?;
    file.sync_all().map_err(doing(format!(
        "the new file system on {device} does not become durable"
    )))
}

fn clear_mark(device: &str) -> Result<(), InitError> {
    let failed = |error| doing(format!("the virgin mark on {device} cannot be removed"))(error);
    let file = File::options()
        .read(true)
        .write(true)
        .open(device)
        .map_err(failed)?;
    if has_mark(&file).map_err(failed)? {
        file.write_all_at(&[0; VIRGIN_MARK_BYTES], VIRGIN_MARK_OFFSET)
            .map_err(failed)?;
        file.sync_all().map_err(failed)?;
    }
    Ok(())
}

fn try_mount(device: &str, at: &str) -> Result<(), Errno> {
    mount(device, at, "xfs", FLAGS, None)
}

/// Carries the plan out: data mounted at `at`, with programs taken from the mounted `root`.
///
/// # Errors
/// The reason why the box runs without data, and the system's words for it.
pub fn carry_out(
    plan: &Plan,
    root: &str,
    at: &str,
    console: &Console,
) -> Result<(), (Reason, String)> {
    let Plan {
        action,
        device,
        detail,
    } = plan;
    if let DataAction::Degraded(reason) = action {
        return Err((*reason, detail.clone()));
    }
    let prepared = match action {
        DataAction::Format => {
            console.say(
                "disco novo: a preparar a partição de dados",
                "new disk: preparing the data partition",
            );
            make(device, root).and_then(|()| clear_mark(device))
        }
        DataAction::ClearMark => clear_mark(device),
        DataAction::Mount | DataAction::Degraded(_) => Ok(()),
    };
    prepared.map_err(|error| (Reason::FormatFailed, error.to_string()))?;
    let Err(first) = try_mount(device, at) else {
        return Ok(());
    };
    let refused = |error: Errno| (Reason::MountFailed, format!("{device}: {error}"));
    if !repair_may_help(first) {
        return Err(refused(first));
    }
    console.say(
        "o sistema de ficheiros dos dados tem danos; a tentar reparar, não desligue",
        "the data file system is damaged; trying to repair it, do not switch off",
    );
    // Without -L: a log that holds the last transactions is never thrown away unattended. xfs_repair then refuses.
    run_in_root(root, &["xfs_repair", device])
        .map_err(|error| (Reason::MountFailed, error.to_string()))?;
    try_mount(device, at).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(VIRGIN_MARK_OFFSET * 2).unwrap();
        file
    }

    fn action(file: &tempfile::NamedTempFile) -> DataAction {
        data_action(&look(file.path().to_str().unwrap()))
    }

    #[test]
    fn the_mark_that_flashing_writes_is_seen_and_removed_for_good() {
        let file = partition();
        file.as_file()
            .write_all_at(&virgin_mark(), VIRGIN_MARK_OFFSET)
            .unwrap();
        assert_eq!(action(&file), DataAction::Format);
        clear_mark(file.path().to_str().unwrap()).unwrap();
        assert_eq!(action(&file), DataAction::Degraded(Reason::NoFileSystem));
    }

    #[test]
    fn a_mark_with_one_wrong_byte_is_none() {
        for at in [0, 2000, VIRGIN_MARK_BYTES - 1] {
            let file = partition();
            let mut mark = virgin_mark();
            mark[at] ^= 1;
            file.as_file()
                .write_all_at(&mark, VIRGIN_MARK_OFFSET)
                .unwrap();
            assert_eq!(action(&file), DataAction::Degraded(Reason::NoFileSystem));
        }
    }

    #[test]
    fn removing_the_mark_leaves_other_contents_alone() {
        let file = partition();
        file.as_file()
            .write_all_at(b"somebody's data", VIRGIN_MARK_OFFSET)
            .unwrap();
        clear_mark(file.path().to_str().unwrap()).unwrap();
        let mut kept = [0; 15];
        file.as_file()
            .read_exact_at(&mut kept, VIRGIN_MARK_OFFSET)
            .unwrap();
        assert_eq!(&kept, b"somebody's data");
    }
}
