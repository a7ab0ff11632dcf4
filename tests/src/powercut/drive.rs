//! The FUSE program that serves a [`Disk`] as one file: a machine's disk for QEMU, or what stands behind a loop device.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyWrite, Request, WriteFlags,
};

use super::disk::CutDisk;

const NAME: &str = "disk";
const FILE: INodeNo = INodeNo(2);
/// Neither size nor name ever change.
const LASTING: Duration = Duration::from_secs(3600);

/// What can be served.
pub trait Disk: Send + Sync + 'static {
    /// Size, bytes.
    fn length(&self) -> u64;

    /// Reads, shorter at the disk's end.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, at: u64, length: usize) -> std::io::Result<Vec<u8>>;

    /// Accepts a write.
    ///
    /// # Errors
    /// When it is not made of whole sectors within the disk, or cannot be taken.
    fn write(&self, at: u64, bytes: &[u8]) -> std::io::Result<()>;

    /// Makes everything accepted durable.
    ///
    /// # Errors
    /// When it cannot.
    fn flush(&self) -> std::io::Result<()>;
}

/// A mounted disk; unmounted with this value.
#[derive(Debug)]
pub struct Drive<D = CutDisk> {
    /// What is behind it.
    pub disk: Arc<D>,
    // Dropped before the folder that it is mounted on.
    session: Option<BackgroundSession>,
    folder: tempfile::TempDir,
}

impl Drive {
    /// Serves the file `medium` as a disk with a volatile cache. Needs root.
    ///
    /// # Errors
    /// When it cannot be opened, or FUSE is not there.
    pub fn mount(medium: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("posto-drive").tempdir()?;
        Self::serve(CutDisk::open(medium)?, folder)
    }
}

impl<D: Disk> Drive<D> {
    /// Serves `disk` in the empty `folder`. Needs root.
    ///
    /// # Errors
    /// When FUSE is not there.
    pub fn serve(disk: D, folder: tempfile::TempDir) -> Result<Self> {
        let disk = Arc::new(disk);
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("posto-drive".to_owned())];
        let served = Served {
            disk: Arc::clone(&disk),
        };
        let session = fuser::spawn_mount(served, folder.path(), &config)
            .context("cannot mount a FUSE file system: needs root and /dev/fuse")?;
        Ok(Self {
            disk,
            session: Some(session),
            folder,
        })
    }

    /// The file for QEMU or a loop device.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(NAME)
    }
}

impl<D> Drop for Drive<D> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // A failure shows when the folder cannot be removed.
            session.umount_and_join().ok();
        }
    }
}

struct Served<D> {
    disk: Arc<D>,
}

impl<D: Disk> Served<D> {
    fn attributes(&self, of: INodeNo) -> FileAttr {
        let folder = of == INodeNo::ROOT;
        FileAttr {
            ino: of,
            size: if folder { 0 } else { self.disk.length() },
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if folder {
                FileType::Directory
            } else {
                FileType::RegularFile
            },
            perm: if folder { 0o700 } else { 0o600 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl<D: Disk> Filesystem for Served<D> {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if parent == INodeNo::ROOT && name == NAME {
            reply.entry(&LASTING, &self.attributes(FILE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, of: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&LASTING, &self.attributes(of));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Past this machine's page cache: a write is here before QEMU, and so the machine, hears that it was accepted.
        let flags = FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES;
        reply.opened(FileHandle(0), flags);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.disk.read(offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(Errno::from(error)),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match (self.disk.write(offset, data), u32::try_from(data.len())) {
            (Ok(()), Ok(length)) => reply.written(length),
            (Err(error), _) => reply.error(Errno::from(error)),
            (_, Err(_)) => reply.error(Errno::EIO),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        match self.disk.flush() {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(Errno::from(error)),
        }
    }

    /// A close of the file: no disk hears of it.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }
}
