//! Starting a machine and ending it.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::debugger::Debugger;
use super::qmp::Qmp;
use super::serial::Serial;
use crate::{command, wait};

/// UEFI firmware of Debian's package ovmf.
const UEFI_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const UEFI_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// QEMU's names of the disk's image and of the file below it.
pub(super) const IMAGE_NODE: &str = "disk-image";
pub(super) const FILE_NODE: &str = "disk-file";
/// And of the controller with sockets for USB.
pub(super) const USB: &str = "usb";

/// QEMU's own sockets.
const CONTROL: &str = "qmp";
const DEBUG: &str = "gdb";
const HAND: &str = "hand";

/// Which firmware starts the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF.
    Uefi,
}

impl Firmware {
    /// For file names and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }
}

/// The machine's disk.
#[derive(Debug, Clone, Copy)]
pub enum Disk<'a> {
    /// A raw image that the machine writes to.
    Raw(&'a Path),
    /// A qcow2 image, usually an overlay.
    Qcow2(&'a Path),
}

/// What machine is started.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Firmware.
    pub firmware: Firmware,
    /// Its one disk, on AHCI.
    pub disk: Disk<'a>,
    /// Memory, MiB.
    pub memory_mib: u32,
    /// Processors.
    pub processors: u32,
    /// A port of this host's loopback that leads to the machine's port 80; without one the machine has no network.
    pub http_port: Option<u16>,
    /// What its clock shows at power-on, such as `1970-01-01T00:00:00` (UTC); without one this machine's time.
    pub clock: Option<&'a str>,
    /// Whether the board's watchdog works; a board without one has the kernel's.
    pub watchdog: bool,
    /// Folder for the serial log, the control socket and the firmware's variables.
    pub folder: &'a Path,
}

impl<'a> Setup<'a> {
    /// A small box: 4 GiB, two processors, its door on `http_port`.
    #[must_use]
    pub fn small_box(firmware: Firmware, disk: Disk<'a>, http_port: u16, folder: &'a Path) -> Self {
        Self {
            firmware,
            disk,
            memory_mib: 4096,
            processors: 2,
            http_port: Some(http_port),
            clock: None,
            watchdog: true,
            folder,
        }
    }
}

/// A running machine; it ends with this value.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    /// Its serial line.
    pub serial: Serial,
    qmp: Qmp,
    sockets: tempfile::TempDir,
}

/// Makes an overlay, so that the release's image stays as it is; `size` in bytes.
///
/// # Errors
/// When qemu-img fails.
pub fn overlay(base: &Path, at: &Path, size: u64) -> Result<()> {
    let base = base
        .canonicalize()
        .with_context(|| format!("there is no {}", base.display()))?;
    let (base, at) = (base.display().to_string(), at.display().to_string());
    command::run(&[
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        "raw",
        "-b",
        &base,
        &at,
        &size.to_string(),
    ])?;
    Ok(())
}

fn arguments(setup: &Setup<'_>, sockets: &Path) -> Result<Vec<String>> {
    let socket = |name: &str| format!("unix:{},server=on,wait=off", sockets.join(name).display());
    let folder = setup.folder;
    let (format, path) = match setup.disk {
        Disk::Raw(path) => ("raw", path),
        Disk::Qcow2(path) => ("qcow2", path),
    };
    let mut arguments: Vec<String> = [
        "-machine",
        if setup.watchdog { "q35" } else { "pc" },
        "-accel",
        "tcg,thread=multi",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-monitor",
        "none",
    ]
    .map(str::to_owned)
    .into();
    let mut add = |words: &[String]| arguments.extend_from_slice(words);
    add(&[
        "-m".into(),
        setup.memory_mib.to_string(),
        "-smp".into(),
        setup.processors.to_string(),
    ]);
    add(&["-qmp".into(), socket(CONTROL)]);
    // The second serial line: ttyS1, where a hand inside listens (see `hand`).
    add(&["-serial".into(), socket(HAND)]);
    add(&["-device".into(), format!("qemu-xhci,id={USB}")]);
    add(&[
        "-drive".into(),
        format!(
            "if=none,id=disk,node-name={IMAGE_NODE},format={format},cache=writeback,file.driver=file,\
             file.node-name={FILE_NODE},file.filename={}",
            path.display()
        ),
    ]);
    add(&["-gdb".into(), socket(DEBUG)]);
    if setup.watchdog {
        // The chipset's watchdog may reset the machine, as a board's does.
        add(&["-global".into(), "ICH9-LPC.noreboot=false".into()]);
        add(&["-device".into(), "ide-hd,drive=disk,bootindex=0".into()]);
    } else {
        // A board without one (q35's is found by its driver however it is strapped), with the same disk controller.
        add(&["-device".into(), "ich9-ahci,id=sata".into()]);
        add(&[
            "-device".into(),
            "ide-hd,drive=disk,bus=sata.0,bootindex=0".into(),
        ]);
    }
    if let Some(clock) = setup.clock {
        add(&["-rtc".into(), format!("base={clock},clock=vm")]);
    }
    match setup.http_port {
        Some(port) => add(&[
            "-nic".into(),
            format!("user,model=e1000,hostfwd=tcp:127.0.0.1:{port}-:80"),
        ]),
        None => add(&["-nic".into(), "none".into()]),
    }
    if setup.firmware == Firmware::Uefi {
        let variables: PathBuf = folder.join("uefi-variables.fd");
        std::fs::copy(UEFI_VARIABLES, &variables)
            .with_context(|| format!("{UEFI_VARIABLES}: install the package ovmf"))?;
        add(&[
            "-drive".into(),
            format!("if=pflash,format=raw,unit=0,readonly=on,file={UEFI_CODE}"),
        ]);
        add(&[
            "-drive".into(),
            format!("if=pflash,format=raw,unit=1,file={}", variables.display()),
        ]);
    }
    Ok(arguments)
}

/// Where a machine's words on the serial line are kept.
pub(super) fn serial_log(folder: &Path, firmware: Firmware) -> PathBuf {
    folder.join(format!("serial-{}.log", firmware.name()))
}

impl Machine {
    /// Starts it.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub fn start(setup: &Setup<'_>) -> Result<Self> {
        // Sockets have short paths only, so a folder of its own under the system's one for temporary files.
        let sockets = tempfile::Builder::new().prefix("posto-qemu").tempdir()?;
        let mut child = command::ending_with_us(&["qemu-system-x86_64"])
            .args(arguments(setup, sockets.path())?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("cannot start qemu-system-x86_64: install the package qemu-system-x86")?;
        let started = Self::connect(&mut child, setup, &sockets.path().join(CONTROL));
        match started {
            Ok((serial, qmp)) => Ok(Self {
                child,
                serial,
                qmp,
                sockets,
            }),
            Err(error) => {
                // Already failing; the process must not stay.
                child.kill().ok();
                child.wait().ok();
                Err(error)
            }
        }
    }

    fn connect(child: &mut Child, setup: &Setup<'_>, control: &Path) -> Result<(Serial, Qmp)> {
        let out = child.stdout.take().context("no serial line")?;
        let log = serial_log(setup.folder, setup.firmware);
        let serial = Serial::read(out, &log)?;
        let qmp = wait::until("QEMU's control socket", Duration::from_secs(30), || {
            if let Some(status) = child.try_wait()? {
                bail!("QEMU ended at once: {status}");
            }
            Ok(Qmp::connect(control).ok())
        })?;
        Ok((serial, qmp))
    }

    /// The process, for a kill without warning.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its control connection.
    pub fn control(&mut self) -> &mut Qmp {
        &mut self.qmp
    }

    /// Stops the machine and looks inside; it goes on when the debugger is dropped.
    ///
    /// # Errors
    /// When QEMU's debugger does not answer.
    pub fn debugger(&self) -> Result<Debugger> {
        Debugger::connect(&self.sockets.path().join(DEBUG))
    }

    /// A folder that goes with the machine.
    pub(super) fn scratch(&self) -> &Path {
        self.sockets.path()
    }

    /// The other end of the machine's second serial line.
    pub(super) fn second_line(&self) -> Result<UnixStream> {
        let path = self.sockets.path().join(HAND);
        UnixStream::connect(&path).with_context(|| format!("no serial line at {}", path.display()))
    }

    /// Presses the power button shortly (ACPI).
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub fn press_power_button(&mut self) -> Result<()> {
        self.qmp.command("system_powerdown")
    }

    /// Presses the reset button.
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub fn reset(&mut self) -> Result<()> {
        self.qmp.command("system_reset")
    }

    /// Pulls the plug and does not wait: the process may hang on a disk that does not answer. Then comes `power_off`.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub fn pull_plug(&mut self) -> Result<()> {
        Ok(self.child.kill()?)
    }

    /// Pulls the plug and waits until the process is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn power_off(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until the serial line says `words`; everything said up to their end.
    ///
    /// # Errors
    /// After `bound`, or when the machine has ended; the last lines are in the error.
    pub fn wait_for(&mut self, words: &str, bound: Duration) -> Result<String> {
        Ok(self.serial.wait_for(&[words], bound)?.1)
    }

    /// Waits until the machine has switched itself off (or was ended), at most `bound`.
    ///
    /// # Errors
    /// After `bound`.
    pub fn wait_for_end(&mut self, bound: Duration) -> Result<()> {
        wait::until("the machine to switch itself off", bound, || {
            Ok(self.child.try_wait()?.map(|_| ()))
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
