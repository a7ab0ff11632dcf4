//! The recording disk, a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use posto::system::process::{Invocation, Running};
use posto_tests::powercut::Record;

use super::ground::{self, Ground, Watchdog};

const LIMIT: Duration = Duration::from_secs(60);

/// The recording disk's process. Dropping it ends it.
pub(crate) struct Disk<'a> {
    process: Running,
    /// The disk as a file.
    pub(crate) served: PathBuf,
    pub(crate) record: Record,
    watchdog: &'a Watchdog,
}

impl<'a> Disk<'a> {
    /// Serves what `image` holds.
    pub(crate) fn serve(ground: &Ground, image: &Path, watchdog: &'a Watchdog) -> Self {
        let folder = ground.base().join("recorded");
        std::fs::create_dir(&folder).unwrap();
        let medium = ground.bench().join("medium");
        ground::clone(image, &medium);
        let mut process = Invocation::new(env!("CARGO_BIN_EXE_posto-disk"))
            .args([&medium, &folder])
            .piped_stdin()
            .piped_stdout()
            .dies_with_us()
            .spawn()
            .unwrap();
        watchdog.watch(Some(process.id()));
        let mut line = String::new();
        BufReader::new(process.stdout().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(!line.is_empty(), "no disk: {:?}", process.has_ended());
        Self {
            process,
            served: PathBuf::from(line.trim()),
            record: Record::in_folder(&folder),
            watchdog,
        }
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(self.process.stdin());
        // How it ended does not matter: what it recorded is what counts.
        let _ = self.process.wait(LIMIT);
        // It unmounts itself, unless it was killed or the kernel was still letting go of the loop device.
        let folder = self.served.parent().unwrap_or(&self.served);
        let gone = |error: std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        if !folder.symlink_metadata().is_err_and(gone) {
            ground::unmount(folder);
        }
        self.watchdog.watch(None);
    }
}
