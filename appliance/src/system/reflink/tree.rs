//! Whole directories cloned file by file.

use std::fs::{File, FileTimes, Metadata, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{
    DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown, symlink,
};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{PIECE_BYTES, ReflinkError, clone_file};

/// No tree of a box is deeper; a loop of mounts would be.
const DEPTH_LIMIT: usize = 64;
/// A link is refused, and a pipe that was put in a file's place is not waited for.
const NOFOLLOW: i32 = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .bits()
    .cast_signed();

/// What was cloned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cloned {
    /// Regular files.
    pub files: u64,
    /// Their lengths, in bytes.
    pub bytes: u64,
}

/// Clones the directory `from` as the new directory `to` on the same file system, with owners, modes (but no set-id bits) and times
/// of modification. Symbolic links are made again and never followed; sockets, pipes and devices are left out, and so is every
/// file or directory of which `leave_out` says so (it gets the path relative to `from`). A file that goes away meanwhile is left
/// out, too. Nothing is flushed: that is [`crate::system::durable::sync_tree`]'s.
///
/// # Errors
/// [`ReflinkError`]; `to` may then hold a part.
pub fn clone_tree(
    from: &Path,
    to: &Path,
    leave_out: &dyn Fn(&Path) -> bool,
) -> Result<Cloned, ReflinkError> {
    let mut cloned = Cloned::default();
    let tree = Tree {
        from,
        to,
        leave_out,
    };
    let source = open_directory(from).map_err(at(from))?;
    tree.directory(&source, Path::new(""), 0, &mut cloned)?;
    Ok(cloned)
}

/// A file and its clone to be: both open, the clone empty.
#[derive(Debug)]
pub struct Pair {
    from: File,
    to: File,
    path: PathBuf,
    like: Metadata,
}

impl Pair {
    /// Opens `from` and makes `to` with its owner and mode. `None`: there is no such file (any more), or it is no regular one.
    ///
    /// # Errors
    /// [`ReflinkError::Path`], also where `to` is there already.
    pub fn open(from: &Path, to: &Path) -> Result<Option<Self>, ReflinkError> {
        let source = File::options().read(true).custom_flags(NOFOLLOW).open(from);
        let Some(source) = gone_is_none(source).map_err(at(from))? else {
            return Ok(None);
        };
        let like = source.metadata().map_err(at(from))?;
        if !like.is_file() {
            return Ok(None);
        }
        let target = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(at(to))?;
        dress(&target, &like).map_err(at(to))?;
        Ok(Some(Self {
            from: source,
            to: target,
            path: from.to_path_buf(),
            like,
        }))
    }

    /// Writes to the disk what the source's last writers left in memory: the clone needs it there, and may be in a hurry.
    ///
    /// # Errors
    /// [`ReflinkError::Path`].
    pub fn flush_source(&self) -> Result<(), ReflinkError> {
        self.from.sync_data().map_err(at(&self.path))
    }

    /// Clones the content as it is now; gives its bytes.
    ///
    /// # Errors
    /// [`ReflinkError::File`].
    pub fn clone_content(&self) -> Result<u64, ReflinkError> {
        clone_file(&self.from, &self.to, PIECE_BYTES).map_err(|source| ReflinkError::File {
            path: self.path.clone(),
            source: Box::new(source),
        })
    }

    /// Gives the clone the source's time of modification, as it was when the pair was opened.
    ///
    /// # Errors
    /// [`ReflinkError::Path`].
    pub fn finish(self) -> Result<(), ReflinkError> {
        dress(&self.to, &self.like).map_err(at(&self.path))
    }
}

/// Makes the new directory `to` with the owner and mode of the directory `from`.
///
/// # Errors
/// [`ReflinkError::Path`], also where `to` is there already.
pub fn directory_like(from: &Path, to: &Path) -> Result<(), ReflinkError> {
    let found = std::fs::symlink_metadata(from).map_err(at(from))?;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(to)
        .map_err(at(to))?;
    File::open(to)
        .and_then(|directory| dress(&directory, &found))
        .map_err(at(to))
}

struct Tree<'a> {
    from: &'a Path,
    to: &'a Path,
    leave_out: &'a dyn Fn(&Path) -> bool,
}

impl Tree<'_> {
    /// Goes by open directories: whoever may write in the tree could put a link in a name's place while we are on our way.
    fn directory(
        &self,
        source: &File,
        relative: &Path,
        depth: usize,
        cloned: &mut Cloned,
    ) -> Result<(), ReflinkError> {
        let (from, to) = (self.from.join(relative), self.to.join(relative));
        if depth > DEPTH_LIMIT {
            return Err(at(&from)(std::io::ErrorKind::QuotaExceeded.into()));
        }
        let here = PathBuf::from(format!("/proc/self/fd/{}", source.as_raw_fd()));
        let found = source.metadata().map_err(at(&from))?;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&to)
            .map_err(at(&to))?;
        for entry in std::fs::read_dir(&here).map_err(at(&from))? {
            let name = entry.map_err(at(&from))?.file_name();
            let inside = relative.join(&name);
            if !(self.leave_out)(&inside) {
                self.entry(&here.join(&name), &inside, depth, cloned)?;
            }
        }
        // Last: what is made inside changes the directory's own time.
        File::open(&to)
            .and_then(|directory| dress(&directory, &found))
            .map_err(at(&to))
    }

    fn entry(
        &self,
        source: &Path,
        relative: &Path,
        depth: usize,
        cloned: &mut Cloned,
    ) -> Result<(), ReflinkError> {
        let (from, to) = (self.from.join(relative), self.to.join(relative));
        let Some(found) = gone_is_none(std::fs::symlink_metadata(source)).map_err(at(&from))?
        else {
            return Ok(());
        };
        let kind = found.file_type();
        if kind.is_dir() {
            let Some(directory) = gone_is_none(open_directory(source)).map_err(at(&from))? else {
                return Ok(());
            };
            self.directory(&directory, relative, depth + 1, cloned)?;
        } else if kind.is_symlink() {
            let target = std::fs::read_link(source).map_err(at(&from))?;
            symlink(target, &to).map_err(at(&to))?;
            lchown(&to, Some(found.uid()), Some(found.gid())).map_err(at(&to))?;
        } else if kind.is_file()
            && let Some(pair) = Pair::open(source, &to)?
        {
            cloned.files += 1;
            cloned.bytes += pair.clone_content()?;
            pair.finish()?;
        }
        Ok(())
    }
}

fn open_directory(path: &Path) -> std::io::Result<File> {
    File::options()
        .read(true)
        .custom_flags(NOFOLLOW | OFlags::DIRECTORY.bits().cast_signed())
        .open(path)
}

/// Without set-user-id and set-group-id: nothing on a data partition needs them, and the units that clone may not give them.
fn dress(target: &File, like: &Metadata) -> std::io::Result<()> {
    fchown(target, Some(like.uid()), Some(like.gid()))?;
    target.set_permissions(Permissions::from_mode(like.mode() & 0o1777))?;
    target.set_times(FileTimes::new().set_modified(like.modified()?))
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> ReflinkError {
    let path = PathBuf::from(path);
    move |source| ReflinkError::Path {
        path: path.clone(),
        source,
    }
}

fn gone_is_none<T>(found: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
