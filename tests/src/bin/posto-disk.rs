//! Serves the file MEDIUM as a disk by FUSE and records in FOLDER what it is told (`posto_tests::powercut::record`). Prints the
//! served file's path, and ends with its standard input.
//!
//! A process of its own: whoever mounts a file system on the disk may wait for it while holding what this one needs, and a
//! disk that does not answer any more is ended by ending this.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use posto_tests::powercut::{Drive, Recorder};

#[derive(Parser)]
#[command(about = "A disk that records every write and flush")]
struct Arguments {
    /// The disk's content
    medium: PathBuf,
    /// Where the record goes, and the served file
    folder: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // This process stands between a file system and its disk: memory that it asks for must not wait for that file system
    // (PR_SET_IO_FLUSHER, prctl(2)). Best effort: without the right to it a shortage of memory could only slow the test down to
    // its time limit.
    let _ = rustix::process::configure_io_flusher_behavior(true);
    let folder = tempfile::Builder::new()
        .prefix("served")
        .tempdir_in(&arguments.folder)?;
    let disk = Recorder::open(&arguments.medium, &arguments.folder)?;
    let drive = Drive::serve(disk, folder)?;
    println!("{}", drive.path().display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
