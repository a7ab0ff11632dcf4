//! The box's own view of the file system, for work that systemd starts inside a unit's narrow one.

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
