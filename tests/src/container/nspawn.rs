//! The systemd-nspawn that runs a container, and the way in.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use nix::unistd::Pid;

use super::Limits;
use crate::command::ending_with_us;

/// The command that boots `root` read-only with `data` on `/data`, as machine `name`.
pub(super) fn boot(
    name: &str,
    machine_id: &str,
    root: &Path,
    data: &Path,
    limits: Limits,
    console: Option<&Path>,
) -> Result<Command> {
    let mut nspawn = ending_with_us(&limits.prefix(name)?);
    // A killed systemd-nspawn leaves its container running. As the first process of a PID namespace it cannot: the
    // kernel ends all others with it, also when only the process that called us was killed.
    nspawn.args([
        "unshare",
        "--pid",
        "--fork",
        "--kill-child=KILL",
        "--mount-proc",
    ]);
    nspawn.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    nspawn.args([
        "systemd-nspawn",
        "--quiet",
        "--register=no",
        "--keep-unit",
        "--boot",
        "--read-only",
    ]);
    nspawn.args([
        "--network-veth",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=pipe",
    ]);
    nspawn
        .arg(format!("--machine={name}"))
        .arg(format!("--uuid={machine_id}"));
    nspawn.arg(format!("--directory={}", root.display()));
    nspawn.arg(format!("--bind={}:/data", data.display()));
    nspawn.arg(format!("--bind={}:/var", data.join("var").display()));
    nspawn.stdin(Stdio::null());
    if let Some(console) = console {
        let file = std::fs::File::create(console)?;
        nspawn.stdout(file.try_clone()?).stderr(file);
    }
    Ok(nspawn)
}

/// The container's PID 1 among the children of our child: unshare -> nspawn -> (outer child, ends) -> PID 1, which is the
/// one called systemd in another PID namespace.
pub(super) fn leader_of(child: u32) -> Option<Pid> {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let mut queue = vec![child.to_string()];
    while let Some(pid) = queue.pop() {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        for child in children.split_whitespace() {
            let comm = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
            if namespace(child) != namespace("self") && comm.trim() == "systemd" {
                return child.parse().ok().map(Pid::from_raw);
            }
            queue.push(child.to_owned());
        }
    }
    None
}

/// What to put before a command to run it inside the container with this PID 1.
pub fn enter_prefix(leader: i32) -> Vec<String> {
    [
        "nsenter",
        "--target",
        &leader.to_string(),
        "--mount",
        "--uts",
        "--ipc",
        "--net",
        "--pid",
        "--cgroup",
        "--root",
        "--wd=/",
        "env",
        "-i",
        "PATH=/usr/sbin:/usr/bin",
        "LC_ALL=C.UTF-8",
        "HOME=/root",
        "TERM=dumb",
    ]
    .map(str::to_owned)
    .to_vec()
}
