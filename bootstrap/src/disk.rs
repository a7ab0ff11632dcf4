//! Finding the disk. PARTUUIDs are not in sysfs on kernel 6.12, so every disk's table is read.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use posto_release::kernel_line::KernelLine;
use posto_release::table::{Found, Table, TableWrite, mend};
use rustix::ioctl::{NoArg, Opcode, ioctl, opcode};

use crate::console::Console;
use crate::error::{InitError, doing};
use crate::uevent::Uevents;

/// How long a disk may take to appear, seconds: a sleepy USB disk takes about 20.
const APPEAR_LIMIT_SECONDS: u64 = 60;
/// Disks looked at, at most.
const DISKS_LIMIT: usize = 64;
/// _IO(0x12, 95).
const REREAD_TABLE: Opcode = opcode::none(0x12, 95);

/// The box's disk.
#[derive(Debug)]
pub struct Disk {
    /// `sda`, `nvme0n1`.
    name: String,
    table: Table,
}

impl Disk {
    fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }

    /// The device of partition `number`, if the kernel sees it.
    #[must_use]
    pub fn partition(&self, number: u32) -> Option<String> {
        fs::read_dir(format!("/sys/class/block/{}", self.name))
            .ok()?
            .flatten()
            .find_map(|child| {
                let text = fs::read_to_string(child.path().join("partition")).ok()?;
                (text.trim().parse() == Ok(number))
                    .then(|| format!("/dev/{}", child.file_name().to_string_lossy()))
            })
    }

    /// What the table says about the root partition.
    #[must_use]
    pub fn root(&self, line: &KernelLine) -> Option<&Found> {
        self.table.find(&line.root)
    }

    /// What the table says about the data partition.
    #[must_use]
    pub fn data(&self, line: &KernelLine) -> Option<&Found> {
        self.table.find(line.data.as_ref()?)
    }

    /// Makes both copies of the table whole, and with `grow` lets the data partition reach the disk's end; the kernel then
    /// reads the table again. Nothing on the disk may be in use.
    ///
    /// # Errors
    /// When the table cannot be read or written, or the kernel does not take it.
    pub fn mend(&mut self, grow: bool, console: &Console) -> Result<(), InitError> {
        let path = self.path();
        let mut file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(doing(format!("{path} cannot be opened")))?;
        let stages = mend(&mut file, grow)?;
        if stages.iter().all(Vec::is_empty) {
            return Ok(());
        }
        for stage in &stages {
            for TableWrite { offset, bytes } in stage {
                file.write_all_at(bytes, *offset)
                    .map_err(doing(format!("the table of {path} cannot be written")))?;
            }
            file.sync_all().map_err(doing(format!(
                "the table of {path} does not become durable"
            )))?;
        }
        reread(&file).map_err(doing(format!(
            "the kernel does not take the new table of {path}"
        )))?;
        self.table = Table::read(&mut file)?;
        console.note(&format!("partition table of {path} written (grow: {grow})"));
        Ok(())
    }
}

// The kernel has no other call to read a table again than this ioctl without an argument.
#[allow(unsafe_code)]
fn reread(disk: &File) -> rustix::io::Result<()> {
    // SAFETY: BLKRRPART takes no argument.
    unsafe { ioctl(disk, NoArg::<REREAD_TABLE>::new()) }
}

fn names() -> Vec<String> {
    let Ok(folder) = fs::read_dir("/sys/block") else {
        return Vec::new();
    };
    let not_a_disk = ["loop", "ram", "dm-", "sr", "fd", "zram", "md"];
    let mut names: Vec<String> = folder
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !not_a_disk.iter().any(|prefix| name.starts_with(prefix)))
        .take(DISKS_LIMIT)
        .collect();
    names.sort();
    names
}

fn look(line: &KernelLine, console: &Console) -> Option<Disk> {
    names().into_iter().find_map(|name| {
        let table = Table::read(&mut File::open(Path::new("/dev").join(&name)).ok()?).ok()?;
        let number = table.find(&line.root)?.number;
        let mut disk = Disk { name, table };
        if !disk.table.primary_is_whole
            && let Err(error) = disk.mend(false, console)
        {
            console.note(&format!(
                "the damaged partition table is not mended: {error}"
            ));
        }
        // The disk is announced before the kernel has read its table.
        disk.partition(number).is_some().then_some(disk)
    })
}

/// Waits for the disk that carries the root partition.
///
/// # Errors
/// When it does not appear in time.
pub fn wait(line: &KernelLine, events: &Uevents, console: &Console) -> Result<Disk, InitError> {
    let until = Instant::now() + Duration::from_secs(APPEAR_LIMIT_SECONDS);
    loop {
        if let Some(disk) = look(line, console) {
            return Ok(disk);
        }
        if !events.wait(until)? {
            let seen = names().join(", ");
            let seen = if seen.is_empty() {
                "none".to_owned()
            } else {
                seen
            };
            return Err(InitError::NoDisk {
                root: line.root.clone(),
                seconds: APPEAR_LIMIT_SECONDS,
                seen,
            });
        }
    }
}
