//! From a patch to a proven slot: the running release's images and a patch's frames make the new ones, in at most 32 MiB of memory.
//!
//! Nothing is kept beside the slot that says how far it is: what stands there already is known by its frames' hashes, so that a cut costs one
//! frame. The patch was signed and compared as a whole before; what it says is compared with the signed manifest all the same.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};

use posto_delta::apply::{self, ApplyError};
use posto_delta::index::{Image, Index, IndexError};
use posto_delta::storage::{ReadAt, WriteAt};
use posto_delta::written;
use posto_release::manifest::{Manifest, ROOT};
use posto_release::slot_env::{INITRD, KERNEL};

use super::slot::{Filling, Slot, SlotError, Staged};
use crate::system::durable::{self, DurableError};

/// Why no release was staged. The slot is not bootable then, the running one is untouched.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The slot.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The patch's head.
    #[error("{0}; nothing was written")]
    Index(#[from] IndexError),
    /// A frame.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The patch lacks an image, or makes another one than the manifest names.
    #[error(
        "the patch does not make the release's {0}; nothing was written, take the whole release"
    )]
    NotTheManifests(&'static str),
    /// A file of the running release, or of the work in between.
    #[error("{path}: {source}; the new release is not staged, the running one goes on")]
    File {
        /// Which.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// What lay there from another try.
    #[error("{0}; the new release is not staged, the running one goes on")]
    Durable(#[from] DurableError),
}

impl StageError {
    /// Whether the patch was made against another release than the running one: whole frames are the way then.
    #[must_use]
    pub fn is_other_base(&self) -> bool {
        matches!(self, Self::Apply(ApplyError::OtherBase { .. }))
    }
}

/// How far it is: frames that stand in the slot, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Written and flushed, now or before.
    pub done: usize,
    /// Of all images.
    pub all: usize,
}

/// Fills `slot` with the release of `manifest` from `patch` and the `running` slot. `scratch`: a directory on the data partition for kernel
/// and initrd until they are whole.
///
/// # Errors
/// [`StageError`]; the next call goes on behind the last frame.
pub fn stage(
    slot: Slot,
    running: &Slot,
    manifest: Manifest,
    patch: &File,
    scratch: &Path,
    say: &mut dyn FnMut(Progress),
) -> Result<Staged, StageError> {
    let mut head = patch;
    let index = Index::read(&mut head)?;
    let root = image(&index, &manifest, ROOT)?;
    let (kernel, initrd) = (
        image(&index, &manifest, KERNEL)?,
        image(&index, &manifest, INITRD)?,
    );
    let filling = Filling::begin(slot, manifest)?;
    let mut work = Work {
        index: &index,
        patch,
        done: 0,
        say,
    };
    let base = opened(&running.root)?;
    work.write(root, &base, filling.root())?;
    let mut written = Vec::new();
    for (number, name) in [(kernel, KERNEL), (initrd, INITRD)] {
        let (base, path) = (opened(&running.boot.join(name))?, scratch.join(name));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(at(&path))?;
        file.set_len(work.target_bytes(number)).map_err(at(&path))?;
        work.write(number, &base, &file)?;
        written.push(file);
    }
    let [kernel, initrd] = written.as_mut_slice() else {
        return Err(StageError::NotTheManifests(KERNEL));
    };
    let staged = filling.finish(kernel, initrd)?;
    for name in [KERNEL, INITRD] {
        durable::remove(&scratch.join(name))?;
    }
    Ok(staged)
}

struct Work<'a> {
    index: &'a Index,
    patch: &'a File,
    done: usize,
    say: &'a mut dyn FnMut(Progress),
}

impl Work<'_> {
    /// Writes one image behind what stands there of it.
    fn write(
        &mut self,
        image: usize,
        base: &File,
        target: &(impl ReadAt + WriteAt),
    ) -> Result<(), StageError> {
        let (before, all) = (self.done, self.index.frames().len());
        let from = written::frames(self.index, image, target, usize::MAX);
        let say = &mut self.say;
        let mut progress = |frames| {
            say(Progress {
                done: before + frames,
                all,
            });
        };
        progress(from);
        apply::image(self.index, image, from, self.patch, base, target, progress)?;
        self.done += self.index.frames_of(image).count();
        Ok(())
    }

    fn target_bytes(&self, image: usize) -> u64 {
        let image = self.index.images().get(image);
        image.map_or(0, |image| image.target.bytes)
    }
}

/// The number of the image of this name, if it makes what the manifest names.
fn image(index: &Index, manifest: &Manifest, name: &'static str) -> Result<usize, StageError> {
    let is_it = |image: &Image| {
        let entry = manifest.files.get(name);
        image.name == name
            && entry.is_some_and(|entry| {
                entry.bytes == image.target.bytes && entry.sha256 == image.target.sha256
            })
    };
    let found = index.images().iter().position(is_it);
    found.ok_or(StageError::NotTheManifests(name))
}

fn opened(path: &Path) -> Result<File, StageError> {
    File::open(path).map_err(at(path))
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> StageError + use<> {
    let path = path.to_path_buf();
    move |source| StageError::File {
        path: path.clone(),
        source,
    }
}
