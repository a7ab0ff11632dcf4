//! Files that a power cut cannot leave half-written.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};

/// What failed, on which path; what was there before is unchanged.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}: {source}")]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// `could not write`, ...
    pub doing: &'static str,
    /// The kernel's answer.
    pub source: std::io::Error,
}

/// What the kernel said about `path`.
pub(crate) fn failed(
    doing: &'static str,
    path: &Path,
) -> impl Fn(std::io::Error) -> FileError + use<> {
    let path = path.to_path_buf();
    move |source| FileError {
        path: path.clone(),
        doing,
        source,
    }
}

/// A new file that gets its name when all of it is there and flushed.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Begins the file beside its place. `mode`: permission bits.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn begin(path: &Path, mode: u32) -> Result<Self, FileError> {
        let mut temporary = path.as_os_str().to_os_string();
        temporary.push(".part");
        let temporary = PathBuf::from(temporary);
        // Left by a run that was cut; its permissions must not live on.
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("could not replace", &temporary)(error));
            }
            _ => {}
        }
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)
            .map_err(failed("could not write", &temporary))?;
        Ok(Self {
            file,
            temporary,
            path: path.to_path_buf(),
        })
    }

    /// The next piece.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all(piece)
            .map_err(failed("could not write", &self.path))
    }

    /// Flushes it, gives it its name, flushes the name.
    ///
    /// # Errors
    /// When the kernel refuses; the old file stands.
    pub fn finish(self) -> Result<(), FileError> {
        let refused = failed("could not write", &self.path);
        self.file.sync_all().map_err(&refused)?;
        renameat_with(CWD, &self.temporary, CWD, &self.path, RenameFlags::empty())
            .map_err(|error| refused(error.into()))?;
        // FAT keeps length and first cluster beside the name, and the kernel writes them to the new place only with the file.
        self.file.sync_all().map_err(&refused)?;
        sync_parent(&self.path).map_err(&refused)
    }

    /// Throws it away.
    pub fn forget(self) {
        // A left-over is replaced by the next attempt.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// Writes a whole file.
///
/// # Errors
/// When the kernel refuses; the old file stands.
pub fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let mut file = NewFile::begin(path, mode)?;
    match file.write(content) {
        Ok(()) => file.finish(),
        Err(error) => {
            file.forget();
            Err(error)
        }
    }
}

/// Makes a directory and those above it, and makes their names last.
///
/// # Errors
/// When the kernel refuses.
pub fn directory(path: &Path) -> Result<(), FileError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        directory(parent)?;
    }
    let refused = failed("could not make the directory", path);
    std::fs::create_dir(path).map_err(&refused)?;
    sync_parent(path).map_err(&refused)
}

/// Removes a file, if it is there, and makes that last.
///
/// # Errors
/// When the kernel refuses.
pub fn remove(path: &Path) -> Result<(), FileError> {
    let refused = failed("could not remove", path);
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refused(error)),
        Ok(()) => sync_parent(path).map_err(&refused),
    }
}

/// Gives a file another name, and makes that last.
///
/// # Errors
/// When the kernel refuses.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    let refused = failed("could not rename", from);
    renameat_with(CWD, from, CWD, to, RenameFlags::empty())
        .map_err(|error| refused(error.into()))?;
    sync_parent(to).map_err(&refused)
}

/// Opens a regular file for reading; links, pipes and devices are refused: a stick may hold anything. `None`: not there.
///
/// # Errors
/// When the kernel refuses, or it is not a regular file.
pub fn open(path: &Path) -> Result<Option<File>, FileError> {
    let refused = failed("could not read", path);
    match open_regular(path, File::options().read(true)) {
        Ok(file) => Ok(Some(file)),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(refused(error)),
    }
}

/// Opens a file in the way that `options` say; links, pipes and devices are refused.
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(std::io::Error::other("it is not a regular file"))
    }
}

/// Reads a file of at most `max_bytes`. `None`: not there.
///
/// # Errors
/// When the kernel refuses, or there is more.
pub fn read(path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    let refused = failed("could not read", path);
    let mut content = Vec::new();
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(&refused)?;
    if content.len() as u64 > max_bytes {
        return Err(refused(std::io::Error::other(format!(
            "it has more than the {max_bytes} bytes that belong there"
        ))));
    }
    Ok(Some(content))
}

/// Makes a new name last.
pub(crate) fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)?.sync_all()
}
