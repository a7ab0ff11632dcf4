//! Full proofs: the pages of every file of InnoDB, read once from end to end after a clean stop.

use std::path::{Path, PathBuf};

use super::judge::Ending;
use super::progress::Done;
use super::{Phase, ProveError, Setting, Watch};
use crate::database::pages::{Scan, Step};
use crate::system::clock;

/// A box has some hundred tables; a directory that is full of something else is not walked for ever.
const FILES: usize = 100_000;

/// Reads what earlier nights did not.
pub(super) async fn read_all(
    data: &Path,
    setting: &Setting,
    done: &mut Done,
    show: &mut dyn FnMut(&Watch),
) -> Result<(), Ending> {
    let files = files(data)?;
    let whole = files
        .iter()
        .map(|file| super::length(&data.join(file)))
        .sum();
    let mut watch = Watch {
        phase: Phase::Reading,
        whole,
        ..Watch::default()
    };
    for file in files {
        let path = data.join(&file);
        let name = file.display().to_string();
        if done.files.contains(&name) {
            watch.done += super::length(&path);
            continue;
        }
        if setting
            .until
            .is_some_and(|until| clock::since_boot() >= until)
        {
            return Err(Ending::Later {
                done: done.tables.len() as u64,
                tables: 0,
            });
        }
        watch.what.clone_from(&name);
        read(&path, &name, &mut watch, show).await?;
        done.files.insert(name);
    }
    Ok(())
}

async fn read(
    path: &Path,
    name: &str,
    watch: &mut Watch,
    show: &mut dyn FnMut(&Watch),
) -> Result<(), Ending> {
    let failed = |source: std::io::Error| ProveError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut scan = Scan::open(path).map_err(failed)?;
    loop {
        show(watch);
        // Between steps a request to stop is heard.
        tokio::task::yield_now().await;
        match scan.step() {
            Ok(Step::More(bytes)) => watch.done += bytes,
            Ok(Step::Done) => return Ok(()),
            Ok(Step::Damaged(damage)) => {
                return Err(Ending::bad(format!("database/{name}: {damage}")));
            }
            // The clone shares the snapshot's blocks: what the disk does not give of it is lost.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                return Err(Ending::bad(format!(
                    "database/{name}: the disk does not give it"
                )));
            }
            Err(error) => return Err(failed(error).into()),
        }
    }
}

/// InnoDB's files, relative to the data directory, in order: the system's, the undo's, the tables'.
fn files(data: &Path) -> Result<Vec<PathBuf>, ProveError> {
    let mut found = Vec::new();
    for directory in std::iter::once(PathBuf::new()).chain(directories(data)?) {
        for name in names(&data.join(&directory))? {
            let path = directory.join(&name);
            let table = !directory.as_os_str().is_empty() && has_ending(&path, "ibd");
            let system = directory.as_os_str().is_empty()
                && name
                    .to_str()
                    .is_some_and(|name| name == "ibdata1" || is_undo(name));
            if (table || system) && found.len() < FILES {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn directories(data: &Path) -> Result<Vec<PathBuf>, ProveError> {
    let is_directory = |name: &std::ffi::OsString| {
        std::fs::symlink_metadata(data.join(name)).is_ok_and(|found| found.is_dir())
    };
    let all = names(data)?;
    Ok(all
        .into_iter()
        .filter(is_directory)
        .map(Into::into)
        .collect())
}

fn names(directory: &Path) -> Result<Vec<std::ffi::OsString>, ProveError> {
    let failed = |source| ProveError::Read {
        path: directory.to_path_buf(),
        source,
    };
    std::fs::read_dir(directory)
        .map_err(failed)?
        .map(|entry| Ok(entry.map_err(failed)?.file_name()))
        .collect()
}

/// `undo001` and so on.
fn is_undo(name: &str) -> bool {
    name.strip_prefix("undo")
        .is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}
