//! What is running: the release, and on a real box its slot and root hash.

use posto_release::identity::{self, ReleaseIdentity};
use posto_release::kernel_line::{self, KernelLine, Mode};
use posto_release::slot::Slot;

use crate::places::Places;
use crate::system::durable;

/// The running release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Release name.
    pub release: String,
    /// Where it was booted from; `None` in a container.
    pub slot: Option<Slot>,
    /// The verified root's hash, lower hex; `None` in a container.
    pub root_hash: Option<String>,
}

/// Why nobody can tell what is running.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// The identity file.
    #[error("{0}")]
    File(#[from] durable::DurableError),
    /// No identity file.
    #[error("the root has no /usr/lib/posto/release.json; it was not made by posto-image")]
    Absent,
    /// Its content.
    #[error("{0}")]
    Identity(#[from] identity::IdentityError),
    /// Not started by Posto's GRUB, and not a container either.
    #[error("{0}")]
    KernelLine(#[from] kernel_line::KernelLineError),
}

/// The identity file of the root.
///
/// # Errors
/// When it is not there or not readable.
pub fn identity(places: &Places) -> Result<ReleaseIdentity, RunningError> {
    let text = durable::read(&places.release(), identity::SIZE_LIMIT_BYTES as u64)?
        .ok_or(RunningError::Absent)?;
    Ok(ReleaseIdentity::from_json(&text)?)
}

/// What is running. In a container the kernel line is the host's and is not looked at.
///
/// # Errors
/// When the identity or (on a real box) the kernel line cannot be read.
pub fn running(places: &Places) -> Result<Running, RunningError> {
    let identity = identity(places)?;
    if places.container().exists() {
        return Ok(Running {
            release: identity.release,
            slot: None,
            root_hash: None,
        });
    }
    let limit = kernel_line::LENGTH_LIMIT_BYTES as u64;
    let line = durable::read(&places.kernel_line(), limit)?.unwrap_or_default();
    let line = KernelLine::parse(&String::from_utf8_lossy(&line))?;
    Ok(Running {
        release: identity.release,
        slot: Some(line.slot),
        root_hash: Some(hex::encode(line.verity.root_hash)),
    })
}

/// How the box was booted; a container has no slots and counts as normal. `None`: nobody can tell.
#[must_use]
pub fn mode(places: &Places) -> Option<Mode> {
    if places.container().exists() {
        return Some(Mode::Normal);
    }
    let line = durable::read(&places.kernel_line(), 16 * 1024).ok()??;
    let line = KernelLine::parse(&String::from_utf8_lossy(&line)).ok()?;
    Some(line.mode)
}
