//! A release booted by systemd-nspawn: the same read-only root as on a box, its own network namespace, and a data
//! partition that is an XFS file behind a loop device. What needs a bootloader or dm-verity runs in QEMU instead.

mod data;
mod limits;
mod nspawn;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{Said, ask, run};
use crate::{http, wait};

pub use data::{DataFile, facility_file, host_address};
pub use limits::Limits;
pub use nspawn::enter_prefix;

/// What to boot, and on what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Release directory: `root.erofs`.
    pub release: PathBuf,
    /// The data partition's file (see [`DataFile`]); kept after the container ends.
    pub data: PathBuf,
    /// Selects name and address: host 10.213.N.1, container 10.213.N.2. Two containers at once need two numbers; two
    /// runs of tests at once need two bases (`POSTO_CONTAINER_BASE`, added to every number).
    pub number: u8,
    /// Memory and disk limits of the pretended box.
    pub limits: Limits,
    /// Where the container's console goes; `None`: this process's standard output.
    pub console: Option<PathBuf>,
    /// Units that are left out, to see what they are good for.
    pub masked: Vec<String>,
}

/// A running container. Dropped without [`Container::stop`], it is killed as by a power cut of its processes.
#[derive(Debug)]
pub struct Container {
    nspawn: Child,
    leader: Pid,
    number: u8,
    limits: Limits,
    data_loop: PathBuf,
    data_file: PathBuf,
    // Mount points live below it; the mounts themselves are in this thread's mount namespace.
    mounts: tempfile::TempDir,
}

impl Container {
    /// Boots and returns when the container's PID 1 runs and its network is up; not when anything answers yet.
    /// Moves the calling thread into a mount namespace of its own, so that no mount outlives the process.
    ///
    /// # Errors
    /// What is missing on the host, or the console's last lines.
    pub fn start(options: &Options) -> Result<Self> {
        own_mount_namespace()?;
        let root_image = options.release.join("root.erofs");
        if !root_image.is_file() {
            bail!(
                "{} is not there: build the image first (./start does)",
                root_image.display()
            );
        }
        let mounts = tempfile::tempdir()?;
        let (root, data) = (mounts.path().join("root"), mounts.path().join("data"));
        std::fs::create_dir(&root)?;
        std::fs::create_dir(&data)?;
        run(&[
            "mount",
            "-t",
            "erofs",
            "-o",
            "loop,ro",
            path(&root_image)?,
            path(&root)?,
        ])?;
        run(&[
            "mount",
            "-t",
            "xfs",
            "-o",
            "loop,nosuid,nodev,noexec",
            path(&options.data)?,
            path(&data)?,
        ])?;
        let loops = (loop_device(&root)?, loop_device(&data)?);
        // On a box the initrd does these two.
        std::fs::create_dir_all(data.join("var"))?;
        let machine_id = data::machine_id(&data)?;

        let number = data::on_this_machine(options.number);
        let name = format!("posto-{number}");
        let console = options.console.as_deref();
        let mut nspawn = nspawn::boot(&name, &machine_id, &root, &data, options.limits, console)?
            // In a container PID 1's arguments are the kernel line (systemd-debug-generator(8)).
            .args(
                options
                    .masked
                    .iter()
                    .map(|unit| format!("systemd.mask={unit}")),
            )
            .spawn()
            .context("cannot start systemd-nspawn (packages systemd-container, util-linux)")?;
        let nspawn_pid = nspawn.id();
        let leader = wait::until("the container's PID 1", Duration::from_secs(30), || {
            if let Some(status) = nspawn.try_wait()? {
                bail!("systemd-nspawn ended with {status}; its words are on the console");
            }
            Ok(nspawn::leader_of(nspawn_pid))
        })?;
        options.limits.throttle(&[&loops.0, &loops.1])?;
        let container = Self {
            nspawn,
            leader,
            number,
            limits: options.limits,
            data_loop: loops.1,
            data_file: options.data.canonicalize()?,
            mounts,
        };
        container.network_up(&name)?;
        Ok(container)
    }

    /// The address the host reaches the box's LAN side at.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, self.number, 2)
    }

    /// This machine's address on the link to it.
    #[must_use]
    pub fn host_address(&self) -> String {
        format!("10.213.{}.1", self.number)
    }

    /// Its name on this machine: of its memory group and its network interface (`ve-` before it).
    pub fn name(&self) -> String {
        format!("posto-{}", self.number)
    }

    /// The process id of the container's PID 1, as the host sees it.
    pub fn leader(&self) -> i32 {
        self.leader.as_raw()
    }

    /// The loop device that carries the data partition.
    pub fn data_loop(&self) -> &Path {
        &self.data_loop
    }

    /// The data partition, seen from the host.
    pub fn data(&self) -> PathBuf {
        self.mounts.path().join("data")
    }

    /// Runs a program inside as root; what it said, also on failure.
    ///
    /// # Errors
    /// Only when it cannot be started.
    pub fn ask(&self, argv: &[&str]) -> Result<Said> {
        let mut full = enter_prefix(self.leader.as_raw());
        full.extend(argv.iter().map(|&word| word.to_owned()));
        ask(&full)
    }

    /// Runs a program inside as root; its standard output.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, argv: &[&str]) -> Result<String> {
        let said = self.ask(argv)?;
        if said.code != 0 {
            bail!(
                "in the container {argv:?} ended with {}: {}{}",
                said.code,
                said.out,
                said.err
            );
        }
        Ok(said.out)
    }

    /// Whether systemd says that the unit is active.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    pub fn is_active(&self, unit: &str) -> Result<bool> {
        Ok(self.ask(&["systemctl", "is-active", "--quiet", unit])?.code == 0)
    }

    /// A unit's property (systemctl(1), `show`), such as `MainPID`; empty when the unit has none of this name.
    ///
    /// # Errors
    /// When systemd cannot be asked.
    pub fn property(&self, unit: &str, name: &str) -> Result<String> {
        let value = self.run(&["systemctl", "show", "-P", name, unit])?;
        Ok(value.trim().to_owned())
    }

    /// GET through the door.
    ///
    /// # Errors
    /// When nobody answers in 5 s.
    pub fn get(&self, path: &str) -> Result<http::Answer> {
        http::get(
            &format!("http://{}{path}", self.address()),
            Duration::from_secs(5),
        )
    }

    /// Waits until OpenMRS says through the open door that it has started.
    ///
    /// # Errors
    /// After `bound`.
    pub fn wait_open(&mut self, bound: Duration) -> Result<()> {
        let url = format!("http://{}/openmrs/health/started", self.address());
        wait::until("OpenMRS through the open door", bound, || {
            if let Some(status) = self.nspawn.try_wait()? {
                bail!("the container ended by itself: {status}");
            }
            Ok(http::get(&url, Duration::from_secs(5))
                .ok()
                .filter(|answer| answer.status == 200)
                .map(|_| ()))
        })
    }

    /// Orderly power-off, as by the power button.
    ///
    /// # Errors
    /// When it has not ended after 2 minutes (it is killed then).
    pub fn stop(mut self) -> Result<()> {
        // systemd(1): SIGRTMIN+4 starts poweroff.target. nix has no name for realtime signals.
        run(&["kill", "-s", "RTMIN+4", &self.leader.to_string()])?;
        wait::until("an orderly power-off", Duration::from_secs(120), || {
            Ok(self.nspawn.try_wait()?.map(|_| ()))
        })
    }

    /// Waits until the box has switched itself off.
    ///
    /// # Errors
    /// When it has not after `bound`.
    pub fn wait_end(mut self, bound: Duration) -> Result<()> {
        wait::until("the box's own end", bound, || {
            Ok(self.nspawn.try_wait()?.map(|_| ()))
        })
    }

    /// Ends every process at once. The host's page cache stays: this is a crash of the software, not of the disk.
    ///
    /// # Errors
    /// When the container's processes cannot be reaped.
    pub fn kill(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if self.nspawn.try_wait()?.is_none() {
            kill(self.leader, Signal::SIGKILL).ok();
            self.nspawn.kill()?;
            self.nspawn.wait()?;
        }
        Ok(())
    }

    fn network_up(&self, name: &str) -> Result<()> {
        let interface = format!("ve-{name}");
        wait::until(
            "the container's network interface",
            Duration::from_secs(20),
            || {
                Ok(Path::new("/sys/class/net")
                    .join(&interface)
                    .exists()
                    .then_some(()))
            },
        )?;
        run(&[
            "ip",
            "address",
            "replace",
            &format!("{}/24", self.host_address()),
            "dev",
            &interface,
        ])?;
        run(&["ip", "link", "set", &interface, "up"])?;
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.end().ok();
        self.limits.unthrottle().ok();
        let gone = || -> Result<()> {
            for mount in ["root", "data"] {
                let at = self.mounts.path().join(mount);
                wait::until("unmounting", Duration::from_secs(30), || {
                    let said = ask(&["umount", path(&at)?])?;
                    Ok((said.code == 0 || said.err.contains("not mounted")).then_some(()))
                })?;
            }
            // The killed container's own namespaces end a moment later. Until the loop device is free the file system is
            // still mounted there, and a second mount of the same file would corrupt it.
            wait::until(
                "the end of the container's namespaces",
                Duration::from_secs(60),
                || {
                    let busy = ask(&[
                        "losetup",
                        "--noheadings",
                        "--output",
                        "BACK-FILE",
                        path(&self.data_loop)?,
                    ])?;
                    let interface = format!("/sys/class/net/ve-posto-{}", self.number);
                    let free = busy.out.trim() != path(&self.data_file)?
                        && !Path::new(&interface).exists();
                    Ok(free.then_some(()))
                },
            )
        };
        if let Err(error) = gone() {
            eprintln!("cleaning up after a container: {error:#}");
        }
    }
}

fn own_mount_namespace() -> Result<()> {
    use nix::mount::{MsFlags, mount};
    unshare(CloneFlags::CLONE_NEWNS).context("cannot make a mount namespace: root is needed")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?;
    Ok(())
}

fn loop_device(mount_point: &Path) -> Result<PathBuf> {
    Ok(PathBuf::from(
        run(&[
            "findmnt",
            "--noheadings",
            "--output",
            "SOURCE",
            path(mount_point)?,
        ])?
        .trim(),
    ))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
