//! A disk that a test writes to: a copy of a release's disk image, as large as a small box's disk.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use posto_release::layout::{self, DATA, Partition, STATE};
use posto_release::slot_disk::SlotDisk;

use super::machine::{Disk, Firmware, Machine, Setup, serial_log};
use crate::standin::Clinic;
use crate::{command, http, wait};

/// 120 GB are usual; the copy takes only what is written.
pub const DISK_BYTES: u64 = 32 << 30;
/// To GRUB's hand-over, or from it to the door's web server: 20 s at rest, 100 s on a loaded machine.
pub const BOOT_LIMIT: Duration = Duration::from_secs(300);
/// First boot with database, installation and start-up, or one with the database's recovery, in emulation on a loaded machine.
pub const OPEN_LIMIT: Duration = Duration::from_secs(1500);
/// One answer of the door.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// A port of this host's loopback that nobody listens on now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The disk, and the folder with the machine's serial log. Both go when the test passes; the log stays when it fails.
#[derive(Debug)]
pub struct Site {
    /// The folder.
    pub folder: PathBuf,
    /// The disk, raw.
    pub path: PathBuf,
    file: File,
    /// The port of this host's loopback that leads to the machine's port 80.
    pub port: u16,
}

impl Site {
    /// Copies `image` into `folder`, which is made anew.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn new(folder: &Path, image: &Path) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        let path = folder.join("disk.img");
        let (from, to) = (image.display().to_string(), path.display().to_string());
        command::run(&["cp", "--sparse=always", "--reflink=auto", &from, &to])?;
        let file = File::options().read(true).write(true).open(&path)?;
        file.set_len(DISK_BYTES)?;
        let port = free_port()?;
        Ok(Self {
            folder: folder.to_owned(),
            path,
            file,
            port,
        })
    }

    /// Fills the partition `to` with the partition `from` of a release's disk image.
    fn fill(&self, to: &Partition, image: &Path, from: &Partition) -> Result<()> {
        let source = File::open(image).with_context(|| image.display().to_string())?;
        let mut chunk = vec![0; 1 << 20];
        let mut before = vec![0; 1 << 20];
        for at in (0..from.size_bytes()).step_by(chunk.len()) {
            source.read_exact_at(&mut chunk, from.start_bytes() + at)?;
            self.file
                .read_exact_at(&mut before, to.start_bytes() + at)?;
            if chunk != before {
                self.file.write_all_at(&chunk, to.start_bytes() + at)?;
            }
        }
        Ok(())
    }

    /// Fills slot b with slot a of a release's disk image, as an update leaves it.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn fill_slot_b(&self, image: &Path) -> Result<()> {
        self.fill(&layout::BOOT_B, image, &layout::BOOT_A)?;
        self.fill(&layout::ROOT_B, image, &layout::ROOT_A)
    }

    /// Overwrites a place of the disk, bytes from its start.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn overwrite(&self, at: u64, bytes: &[u8]) -> Result<()> {
        Ok(self.file.write_all_at(bytes, at)?)
    }

    /// Reads a place of the disk, bytes from its start.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, at: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    /// The boot state on the disk, also while the machine runs.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn state(&self) -> Result<SlotDisk> {
        Ok(SlotDisk::open(&self.path, STATE.start_bytes())?)
    }

    /// Switches a machine with this disk on.
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn start(&self) -> Result<Machine> {
        self.start_from(&self.path)
    }

    /// Switches a machine on whose disk is `disk`: another way to this site's disk.
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn start_from(&self, disk: &Path) -> Result<Machine> {
        self.start_with(disk, None)
    }

    /// Switches a machine with this disk on whose clock shows `clock`, such as `1970-01-01T00:00:00` (UTC).
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn start_at(&self, clock: &str) -> Result<Machine> {
        self.start_with(&self.path, Some(clock))
    }

    /// Switches a machine with this disk on that `firmware` starts; the others start by BIOS.
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn start_by(&self, firmware: Firmware) -> Result<Machine> {
        let setup = self.setup(&self.path);
        Machine::start(&Setup { firmware, ..setup })
    }

    fn start_with(&self, disk: &Path, clock: Option<&str>) -> Result<Machine> {
        let setup = self.setup(disk);
        Machine::start(&Setup { clock, ..setup })
    }

    /// Switches a machine with this disk on whose board has no watchdog.
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn start_without_watchdog(&self) -> Result<Machine> {
        let setup = self.setup(&self.path);
        Machine::start(&Setup {
            watchdog: false,
            ..setup
        })
    }

    fn setup<'a>(&'a self, disk: &'a Path) -> Setup<'a> {
        Setup::small_box(Firmware::Bios, Disk::Raw(disk), self.port, &self.folder)
    }

    /// Scheme, host and port of the machine's door.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until userspace runs: the door's nginx answers, whatever it says; the page of a shut door counts.
    ///
    /// # Errors
    /// When nothing answers within `bound`.
    pub fn wait_for_userspace(&self, bound: Duration) -> Result<()> {
        let url = format!("{}/", self.url());
        wait::until("any answer of the machine's web server", bound, || {
            Ok(http::get(&url, ANSWER_LIMIT).ok())
        })
        .map(drop)
    }

    /// Waits until OpenMRS answers through the door.
    ///
    /// # Errors
    /// After `bound`; the error has the door's last answer, the end of the serial line's words and of the box's own journal.
    pub fn wait_for_open_door(&self, bound: Duration) -> Result<()> {
        let url = format!("{}/openmrs/health/started", self.url());
        let mut last = None;
        let open = wait::until("the open door", bound, || {
            let answer = http::get(&url, ANSWER_LIMIT);
            let open = matches!(&answer, Ok(answer) if answer.status == 200);
            last = Some(answer.map(|answer| answer.status));
            Ok(open.then_some(()))
        });
        open.with_context(|| {
            format!(
                "the door's last answer: {last:?}\n{}the box's journal ends so:\n{}",
                self.end_of_serial(),
                self.end_of_journal()
                    .unwrap_or_else(|error| format!("cannot be read: {error:#}"))
            )
        })
    }

    /// The last words on the serial line, of each firmware that this disk was started by.
    fn end_of_serial(&self) -> String {
        let firmwares = [Firmware::Bios, Firmware::Uefi];
        let ends = firmwares.iter().filter_map(|firmware| {
            let log = serial_log(&self.folder, *firmware);
            let text = String::from_utf8_lossy(&std::fs::read(log).ok()?).into_owned();
            let mut last: Vec<&str> = text.lines().rev().take(20).collect();
            last.reverse();
            let (name, last) = (firmware.name(), last.join("\n"));
            Some(format!("the serial line ({name}) ends so:\n{last}\n"))
        });
        ends.collect()
    }

    /// What the running box last wrote down of itself.
    fn end_of_journal(&self) -> Result<String> {
        let data = self.running_data()?;
        command::run(&[
            "journalctl".as_ref(),
            "--directory".as_ref(),
            data.path().join("var/log/journal").as_os_str(),
            "--lines=150".as_ref(),
            "--output=short-monotonic".as_ref(),
            "--no-pager".as_ref(),
        ])
    }

    /// OpenMRS's administrator, with the password that this box made for itself.
    ///
    /// # Errors
    /// When it is not on the disk after `bound`.
    pub fn admin(&self, bound: Duration) -> Result<Clinic> {
        let password = wait::until("the admin password on the disk", bound, || {
            let data = self.running_data()?;
            let file = data.path().join("secrets/openmrs-admin-password");
            Ok(std::fs::read_to_string(file).ok())
        })?;
        Ok(Clinic::new(&self.url(), "admin", password.trim()))
    }

    /// The data partition of a machine that is off. Its file system's log is replayed, as the next boot would.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn data(&self) -> Result<Mounted> {
        self.mount("rw,noatime")
    }

    /// The data partition of a running machine, as it stands on the disk at this moment: for files written minutes ago.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn running_data(&self) -> Result<Mounted> {
        self.mount("ro,norecovery")
    }

    fn mount(&self, how: &str) -> Result<Mounted> {
        let at = tempfile::Builder::new().prefix("posto-data").tempdir()?;
        let options = format!("loop,nouuid,{how},offset={}", DATA.start_bytes());
        command::run(&[
            "mount".as_ref(),
            "-o".as_ref(),
            options.as_ref(),
            self.path.as_os_str(),
            at.path().as_os_str(),
        ])?;
        Ok(Mounted { at })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The disk is large and can be made again.
            std::fs::remove_file(&self.path).ok();
        } else {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// A mounted data partition; unmounted with this value.
#[derive(Debug)]
pub struct Mounted {
    at: tempfile::TempDir,
}

impl Mounted {
    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.at.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A failure shows when the folder cannot be removed; the machine's next boot is what is tested.
        command::ask(&["umount".as_ref(), self.at.path().as_os_str()]).ok();
    }
}
