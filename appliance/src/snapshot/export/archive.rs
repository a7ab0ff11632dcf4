//! The tar stream (GNU form, for long names and large files). The same snapshot gives the same bytes each time: a piece of an earlier
//! attempt fits, or is seen not to.

use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use tar::{Builder, EntryType, Header};

use super::ExportError;
use super::contents::{Contents, Entry, Kind};

/// A link that was put in a file's place is refused.
const NOFOLLOW: i32 = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .bits()
    .cast_signed();
/// Told this often.
const TELL_EVERY_BYTES: u64 = 4 << 20;

/// Writes `contents` of `directory` into `out` and gives it back. `tell` hears how many bytes were read.
pub(super) fn write<W: Write>(
    directory: &Path,
    contents: &Contents,
    out: W,
    tell: &mut dyn FnMut(u64),
) -> std::io::Result<W> {
    let mut tar = Builder::new(out);
    let mut told = Told {
        done: 0,
        untold: 0,
        tell,
    };
    for Entry { path, kind } in &contents.entries {
        let full = directory.join(path);
        let failed = |source| {
            std::io::Error::other(ExportError::Read {
                path: full.clone(),
                source,
            })
        };
        if let Kind::Link(target) = kind {
            let found = std::fs::symlink_metadata(&full).map_err(failed)?;
            let mut header = header(&found);
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, path, target)?;
            continue;
        }
        let file = File::options()
            .read(true)
            .custom_flags(NOFOLLOW)
            .open(&full)
            .map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        let mut header = header(&found);
        match kind {
            Kind::Directory => {
                header.set_entry_type(EntryType::Directory);
                header.set_size(0);
                tar.append_data(&mut header, path, std::io::empty())?;
            }
            Kind::Link(_) => {}
            Kind::File(bytes) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(*bytes);
                let mut reader = Exactly {
                    file,
                    left: *bytes,
                    path: &full,
                    told: &mut told,
                };
                tar.append_data(&mut header, path, &mut reader)?;
            }
        }
    }
    let out = tar.into_inner()?;
    (told.tell)(told.done);
    Ok(out)
}

/// How much was read, and who hears of it.
struct Told<'a> {
    done: u64,
    untold: u64,
    tell: &'a mut dyn FnMut(u64),
}

impl Told<'_> {
    fn more(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        self.untold = self.untold.saturating_add(bytes);
        if self.untold >= TELL_EVERY_BYTES {
            self.untold = 0;
            (self.tell)(self.done);
        }
    }
}

fn header(found: &Metadata) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(found.mode() & 0o777);
    header.set_uid(u64::from(found.uid()));
    header.set_gid(u64::from(found.gid()));
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
    header
}

/// A file of a snapshot has the length that it had when it was listed; a shorter one would shift all that follows.
struct Exactly<'a, 'b> {
    file: File,
    left: u64,
    path: &'a Path,
    told: &'a mut Told<'b>,
}

impl Read for Exactly<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let failed = |source| {
            std::io::Error::other(ExportError::Read {
                path: self.path.to_path_buf(),
                source,
            })
        };
        let read = self.file.read(buffer).map_err(failed)?;
        if read == 0 {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let bytes = u64::try_from(read).unwrap_or(0);
        self.left = self.left.saturating_sub(bytes);
        self.told.more(bytes);
        Ok(read)
    }
}
