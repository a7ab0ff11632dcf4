//! Views of the box: the whole file system for work that systemd starts inside a unit's narrow one; no network for work that
//! needs none.

use std::fs::File;

/// Moves this process (while it has one thread) into the mount namespace of PID 1.
///
/// systemd's `+` takes a command out of the unit's sandbox, but not out of its `TemporaryFileSystem=` and `BindPaths=`
/// (seen with 257): without this openmrs-prepare would see of /data only what OpenMRS may see.
///
/// # Errors
/// When this is not root.
pub fn enter_the_box() -> std::io::Result<()> {
    let box_view = File::open("/proc/1/ns/mnt")?;
    rustix::thread::move_into_link_name_space(
        std::os::fd::AsFd::as_fd(&box_view),
        Some(rustix::thread::LinkNameSpaceType::Mount),
    )?;
    Ok(())
}

/// Moves this thread, with what it starts from now on, into a network namespace of its own: no interface but `lo`, which
/// is down. Sockets that are open stay as they are; Unix sockets with a path are reached as before, since they belong to
/// the file system (unix(7), network_namespaces(7)).
///
/// # Errors
/// When this is not root, or the kernel or a unit's sandbox refuses.
pub fn leave_the_network() -> std::io::Result<()> {
    Ok(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)?)
}

/// Moves this process (while it has one thread) into a mount namespace of its own: what it mounts nobody else sees, and it goes with the
/// process, however that ends (mount_namespaces(7)).
///
/// # Errors
/// When this is not root, or a unit's sandbox refuses.
pub fn own_mounts() -> std::io::Result<()> {
    use rustix::mount::{MountPropagationFlags, mount_change};
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?;
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    Ok(mount_change("/", flags)?)
}
