//! Where files of an export go: they lie in a directory, or pass through one into a tar stream.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::ExportError;
use crate::system::durable;

/// The place of an export's files.
pub(super) struct Sink {
    directory: PathBuf,
    onward: Option<Onward>,
}

struct Onward {
    tar: Builder<Box<dyn Write>>,
    /// The directory's name inside.
    name: String,
}

impl Sink {
    /// Files stay in `directory`.
    pub(super) fn directory(directory: PathBuf) -> Self {
        let onward = None;
        Self { directory, onward }
    }

    /// Files go into a tar stream, under the directory `name`.
    pub(super) fn stream(scratch: PathBuf, name: String, out: Box<dyn Write>) -> Self {
        let tar = Builder::new(out);
        Self {
            directory: scratch,
            onward: Some(Onward { tar, name }),
        }
    }

    /// Where the file of this name is made.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The file of this name is whole.
    pub(super) fn pass_on(&mut self, name: &str) -> Result<(), ExportError> {
        let Some(onward) = &mut self.onward else {
            return Ok(());
        };
        let path = self.directory.join(name);
        onward.append(&path, name).map_err(ExportError::Stream)?;
        Ok(durable::remove(&path)?)
    }

    /// Ends the stream.
    pub(super) fn end(self) -> Result<(), ExportError> {
        let Some(onward) = self.onward else {
            return Ok(());
        };
        let ended = onward.tar.into_inner().and_then(|mut out| out.flush());
        ended.map_err(ExportError::Stream)
    }
}

impl Onward {
    fn append(&mut self, path: &Path, name: &str) -> std::io::Result<()> {
        let file = File::open(path)?;
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(file.metadata()?.len());
        header.set_mode(0o600);
        let inside = Path::new(&self.name).join(name);
        self.tar.append_data(&mut header, inside, file)
    }
}
