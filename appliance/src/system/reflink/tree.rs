//! Whole directories cloned file by file.

use std::fs::{File, FileTimes, Metadata, Permissions};
use std::os::unix::fs::{
    DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown, symlink,
};
use std::path::{Path, PathBuf};

use super::{PIECE_BYTES, ReflinkError, clone_file};

/// No tree of a box is deeper; a loop of mounts would be.
const DEPTH_LIMIT: usize = 64;
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// What was cloned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cloned {
    /// Regular files.
    pub files: u64,
    /// Their lengths, in bytes.
    pub bytes: u64,
}

/// Clones the directory `from` as the new directory `to` on the same file system, with owners, modes and times of
/// modification. Symbolic links are made again and never followed; sockets, pipes and devices are left out, and so is every
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
    tree.directory(Path::new(""), 0, &mut cloned)?;
    Ok(cloned)
}

/// Clones one file as the new file `to`, with owner, mode and time of modification. `None`: there is no such file (any more).
///
/// # Errors
/// [`ReflinkError`].
pub(crate) fn clone_one(from: &Path, to: &Path) -> Result<Option<u64>, ReflinkError> {
    let Some(source) = gone_is_none(File::options().read(true).custom_flags(NOFOLLOW).open(from))
        .map_err(at(from))?
    else {
        return Ok(None);
    };
    let found = source.metadata().map_err(at(from))?;
    let target = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(at(to))?;
    let bytes = clone_file(&source, &target, PIECE_BYTES).map_err(|source| ReflinkError::File {
        path: from.to_path_buf(),
        source: Box::new(source),
    })?;
    dress(&target, &found).map_err(at(to))?;
    Ok(Some(bytes))
}

struct Tree<'a> {
    from: &'a Path,
    to: &'a Path,
    leave_out: &'a dyn Fn(&Path) -> bool,
}

impl Tree<'_> {
    fn directory(
        &self,
        relative: &Path,
        depth: usize,
        cloned: &mut Cloned,
    ) -> Result<(), ReflinkError> {
        let (from, to) = (self.from.join(relative), self.to.join(relative));
        if depth > DEPTH_LIMIT {
            return Err(at(&from)(std::io::ErrorKind::QuotaExceeded.into()));
        }
        let entries = std::fs::read_dir(&from).map_err(at(&from))?;
        let found = std::fs::symlink_metadata(&from).map_err(at(&from))?;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&to)
            .map_err(at(&to))?;
        for entry in entries {
            let name = relative.join(entry.map_err(at(&from))?.file_name());
            if !(self.leave_out)(&name) {
                self.entry(&name, depth, cloned)?;
            }
        }
        // Last: what is made inside changes the directory's own time.
        File::open(&to)
            .and_then(|directory| dress(&directory, &found))
            .map_err(at(&to))
    }

    fn entry(
        &self,
        relative: &Path,
        depth: usize,
        cloned: &mut Cloned,
    ) -> Result<(), ReflinkError> {
        let (from, to) = (self.from.join(relative), self.to.join(relative));
        let Some(found) = gone_is_none(std::fs::symlink_metadata(&from)).map_err(at(&from))? else {
            return Ok(());
        };
        let kind = found.file_type();
        if kind.is_dir() {
            self.directory(relative, depth + 1, cloned)?;
        } else if kind.is_symlink() {
            let target = std::fs::read_link(&from).map_err(at(&from))?;
            symlink(target, &to).map_err(at(&to))?;
            lchown(&to, Some(found.uid()), Some(found.gid())).map_err(at(&to))?;
        } else if kind.is_file()
            && let Some(bytes) = clone_one(&from, &to)?
        {
            cloned.files += 1;
            cloned.bytes += bytes;
        }
        Ok(())
    }
}

/// Owner first: a change of owner takes the set-user-id bits away.
fn dress(target: &File, like: &Metadata) -> std::io::Result<()> {
    fchown(target, Some(like.uid()), Some(like.gid()))?;
    target.set_permissions(Permissions::from_mode(like.mode() & 0o7777))?;
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
