//! Files of the build: bounded reads, and copies in which runs of zeros stay holes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{BootError, io};

const CHUNK_BYTES: usize = 1024 * 1024;
/// Granularity of holes, bytes: the usual block of the build machine's file system.
const HOLE_BYTES: usize = 4096;

/// Makes a file with these contents. The build's work folder is thrown away after a crash, so nothing is synced.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<(), BootError> {
    File::create(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(io(path, "written"))
}

/// Makes a file of `size` bytes without contents.
pub(super) fn create_empty(path: &Path, size: u64) -> Result<File, BootError> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(io(path, "written"))?;
    file.set_len(size).map_err(io(path, "written"))?;
    Ok(file)
}

/// Reads a file of at most `limit` bytes.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, BootError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(io(path, "read"))?;
    if bytes.len() as u64 > limit {
        return Err(BootError::TooLarge {
            what: "a file of the boot chain",
            bytes: bytes.len() as u64,
            limit,
        });
    }
    Ok(bytes)
}

/// Copies `from` into `to` at `offset`; blocks of zeros are not written. Refuses more than `limit` bytes.
pub(super) fn copy_into(
    to: &File,
    to_path: &Path,
    offset: u64,
    from: &Path,
    what: &'static str,
    limit: u64,
) -> Result<(), BootError> {
    let mut source = File::open(from).map_err(io(from, "read"))?;
    let bytes = source.metadata().map_err(io(from, "read"))?.len();
    if bytes > limit {
        return Err(BootError::TooLarge { what, bytes, limit });
    }
    let mut buffer = vec![0_u8; CHUNK_BYTES];
    let mut at = offset;
    loop {
        let length = source.read(&mut buffer).map_err(io(from, "read"))?;
        if length == 0 {
            return Ok(());
        }
        for block in buffer.get(..length).unwrap_or_default().chunks(HOLE_BYTES) {
            if block.iter().any(|byte| *byte != 0) {
                to.write_all_at(block, at).map_err(io(to_path, "written"))?;
            }
            at += block.len() as u64;
        }
    }
}
