//! How a file lies on the disk: FS_IOC_FIEMAP (linux/fs.h, linux/fiemap.h).

use std::fs::File;
use std::path::Path;

use rustix::ioctl::{Direction, Opcode, Updater, ioctl, opcode};

use super::ReflinkError;

/// Extents that one call gives: 28 KB of answer.
const AT_ONCE: usize = 500;
const LAST: u32 = 0x1;
const SHARED: u32 = 0x2000;
/// FIEMAP_FLAG_SYNC: what is not yet on the disk is written first, else it has no place to tell.
const SYNC: u32 = 0x1;
/// `struct fiemap` without its array of extents.
const HEAD_BYTES: usize = 32;
const FIEMAP: Opcode = opcode::from_components(Direction::ReadWrite, b'f', 11, HEAD_BYTES);

#[repr(C)]
#[derive(Clone, Copy)]
struct Extent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved: [u64; 2],
    flags: u32,
    reserved_too: [u32; 3],
}

#[repr(C)]
struct Request {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
    extents: [Extent; AT_ONCE],
}

/// How a file or a tree lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Space {
    /// Pieces that lie in one place each. Reading and cloning cost time for each.
    pub extents: u64,
    /// Bytes that the disk holds for it, shared ones included; holes not.
    pub held_bytes: u64,
    /// Bytes that nobody else shares: what would become free without it.
    pub exclusive_bytes: u64,
}

impl Space {
    fn with(self, other: Self) -> Self {
        Self {
            extents: self.extents + other.extents,
            held_bytes: self.held_bytes + other.held_bytes,
            exclusive_bytes: self.exclusive_bytes + other.exclusive_bytes,
        }
    }
}

/// How one open file lies on the disk.
///
/// # Errors
/// The kernel's answer; also on file systems that do not know FIEMAP (tmpfs).
pub fn space_of(file: &File) -> std::io::Result<Space> {
    const NOTHING: Extent = Extent {
        logical: 0,
        physical: 0,
        length: 0,
        reserved: [0; 2],
        flags: 0,
        reserved_too: [0; 3],
    };
    let mut space = Space::default();
    let mut request = Box::new(Request {
        start: 0,
        length: 0,
        flags: 0,
        mapped: 0,
        count: 0,
        reserved: 0,
        extents: [NOTHING; AT_ONCE],
    });
    loop {
        request.length = u64::MAX - request.start;
        request.flags = SYNC;
        request.count = u32::try_from(AT_ONCE).unwrap_or(0);
        // Why unsafe: rustix leaves ioctls unsafe because the kernel trusts the size; FS_IOC_FIEMAP reads struct fiemap and
        // writes at most `count` extents behind it: exactly the array that stands there.
        #[allow(unsafe_code)]
        unsafe { ioctl(file, Updater::<FIEMAP, Request>::new(&mut request)) }?;
        let mapped = usize::try_from(request.mapped).unwrap_or(0);
        let found = request.extents.get(..mapped).unwrap_or_default();
        for extent in found {
            space = space.with(of_one(extent));
        }
        match found.last() {
            Some(last) if last.flags & LAST == 0 => request.start = last.logical + last.length,
            _ => return Ok(space),
        }
    }
}

fn of_one(extent: &Extent) -> Space {
    let shared = extent.flags & SHARED != 0;
    Space {
        extents: 1,
        held_bytes: extent.length,
        exclusive_bytes: if shared { 0 } else { extent.length },
    }
}

/// The extents of one file.
///
/// # Errors
/// As [`space_of`].
pub fn extents(file: &File) -> std::io::Result<u64> {
    Ok(space_of(file)?.extents)
}

/// How all regular files under `tree` lie on the disk together. Links are not followed; what goes away meanwhile is left out.
///
/// # Errors
/// [`ReflinkError::Extents`].
pub fn space_of_tree(tree: &Path) -> Result<Space, ReflinkError> {
    let mut space = Space::default();
    let mut pending = vec![tree.to_path_buf()];
    while let Some(path) = pending.pop() {
        match look(&path, &mut pending) {
            Ok(one) => space = space.with(one),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(ReflinkError::Extents { path, source }),
        }
    }
    Ok(space)
}

/// The bytes under `tree` that nobody else shares: what would become free if it were removed. Blocks that two files of the tree
/// share with each other only are not counted.
///
/// # Errors
/// [`ReflinkError::Extents`].
pub fn exclusive_bytes(tree: &Path) -> Result<u64, ReflinkError> {
    Ok(space_of_tree(tree)?.exclusive_bytes)
}

fn look(path: &Path, pending: &mut Vec<std::path::PathBuf>) -> std::io::Result<Space> {
    let kind = std::fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        for entry in std::fs::read_dir(path)? {
            pending.push(entry?.path());
        }
    } else if kind.is_file() {
        return space_of(&File::open(path)?);
    }
    Ok(Space::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_the_kernels() {
        // FS_IOC_FIEMAP of linux/fs.h: _IOWR('f', 11, struct fiemap); sizes of linux/fiemap.h.
        assert_eq!(FIEMAP, 0xc020_660b);
        assert_eq!(size_of::<Extent>(), 56);
        assert_eq!(size_of::<Request>(), HEAD_BYTES + 56 * AT_ONCE);
    }
}
