//! The label of a mounted file system, read and set while it is mounted (FS_IOC_GETFSLABEL, FS_IOC_SETFSLABEL:
//! linux/fs.h). XFS keeps 12 bytes and writes both superblock copies before the call returns.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::ioctl::{Getter, Setter, ioctl, opcode};

/// FSLABEL_MAX of linux/fs.h.
const LABEL_BYTES: usize = 256;
/// XFSLABEL_MAX: what fits the superblock.
const XFS_LABEL_BYTES: usize = 12;
const GET: rustix::ioctl::Opcode = opcode::read::<[u8; LABEL_BYTES]>(0x94, 49);
const SET: rustix::ioctl::Opcode = opcode::write::<[u8; LABEL_BYTES]>(0x94, 50);

/// Why a label could not be read or set.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// No file system there that has a label.
    #[error(
        "{path} is not on a file system with a label ({source}): the data partition is not mounted there"
    )]
    Read {
        /// A directory on the file system.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// It could not be set.
    #[error(
        "the label of the file system at {path} could not be set to '{label}': {source}; it is as before"
    )]
    Write {
        /// A directory on the file system.
        path: PathBuf,
        /// The new label.
        label: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// The label of the file system that `path` is on.
///
/// # Errors
/// [`LabelError::Read`], also where the file system knows no labels.
pub fn read(path: &Path) -> Result<String, LabelError> {
    let failed = |source| LabelError::Read {
        path: path.to_path_buf(),
        source,
    };
    let directory = File::open(path).map_err(failed)?;
    // Why unsafe: rustix leaves ioctls unsafe because the kernel trusts the size; FS_IOC_GETFSLABEL fills exactly
    // char[FSLABEL_MAX], the type given here.
    #[allow(unsafe_code)]
    let bytes: [u8; LABEL_BYTES] =
        unsafe { ioctl(&directory, Getter::<GET, [u8; LABEL_BYTES]>::new()) }
            .map_err(|error| failed(error.into()))?;
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// Sets the label of the file system that `path` is on, durably.
///
/// # Errors
/// [`LabelError::Write`]; also for labels longer than XFS's 12 bytes.
pub fn write(path: &Path, label: &str) -> Result<(), LabelError> {
    let failed = |source| LabelError::Write {
        path: path.to_path_buf(),
        label: label.to_string(),
        source,
    };
    if label.len() > XFS_LABEL_BYTES {
        return Err(failed(std::io::ErrorKind::InvalidInput.into()));
    }
    let directory = File::open(path).map_err(failed)?;
    let mut bytes = [0u8; LABEL_BYTES];
    for (to, from) in bytes.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    // Why unsafe: as above; FS_IOC_SETFSLABEL reads exactly char[FSLABEL_MAX].
    #[allow(unsafe_code)]
    unsafe { ioctl(&directory, Setter::<SET, [u8; LABEL_BYTES]>::new(bytes)) }
        .map_err(|error| failed(error.into()))?;
    rustix::fs::syncfs(&directory).map_err(|error| failed(error.into()))
}
