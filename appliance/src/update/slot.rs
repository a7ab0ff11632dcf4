//! The inactive slot: made unbootable, filled, read back, and only then made bootable. That it is bootable is the only sign that a
//! release is staged: no note beside it can lie.
//!
//! `slot.env away -> root (whoever has it writes it), read back -> hash tree -> kernel, initrd, sums -> these read back, too -> slot.env`

mod error;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use posto_release::manifest::{FileEntry, Manifest};
use posto_release::slot_env::{self, INITRD, KERNEL, SLOT_ENV, SLOT_ENV_BYTES, SUMS, SlotEnv};
use posto_release::verity;
use rustix::fs::{Advice, fadvise};
use sha2::{Digest, Sha256};

pub use error::SlotError;

use crate::system::durable::{self, Owner};

/// A boot partition has 256 MiB; what is read back into memory is far less.
const BOOT_FILE_MAX_BYTES: u64 = 128 << 20;

/// A slot: its root partition, and where its boot partition is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// A block device, or an image.
    pub root: PathBuf,
    /// A directory.
    pub boot: PathBuf,
}

/// A slot that is being filled. It is not bootable from [`Filling::begin`] to [`Filling::finish`], and stays so if it is dropped.
#[derive(Debug)]
pub struct Filling {
    slot: Slot,
    root: File,
    manifest: Manifest,
    env: Vec<u8>,
}

/// A release that stands in a slot, every byte of it read back from the disk after it was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Staged {
    env: SlotEnv,
}

impl Staged {
    /// Which release, and how its root is verified.
    #[must_use]
    pub fn env(&self) -> &SlotEnv {
        &self.env
    }
}

/// What a slot says that it holds. `None`: it is empty, half filled or damaged, and GRUB passes it over.
///
/// # Errors
/// When the boot partition cannot be read.
pub fn said(slot: &Slot) -> Result<Option<SlotEnv>, SlotError> {
    let content = durable::read(&slot.boot.join(SLOT_ENV), SLOT_ENV_BYTES as u64)?;
    Ok(content.and_then(|content| SlotEnv::parse(&content).ok()))
}

impl Filling {
    /// Makes the slot unbootable and opens its root. The caller makes sure that it is not the running one, and that the manifest is
    /// a signed one.
    ///
    /// # Errors
    /// [`SlotError`]; what the slot held is bootable as before only if it says so.
    pub fn begin(slot: Slot, manifest: Manifest) -> Result<Self, SlotError> {
        let env = env(&manifest)?;
        for name in [KERNEL, INITRD] {
            entry(&manifest, name)?;
        }
        let root = File::options()
            .read(true)
            .write(true)
            .open(&slot.root)
            .map_err(error::at(&slot.root, "opened"))?;
        let (has_bytes, needs_bytes) = (length(&root, &slot.root)?, manifest.verity.end_bytes());
        if has_bytes < needs_bytes {
            return Err(SlotError::TooSmall {
                has_bytes,
                needs_bytes,
            });
        }
        durable::remove(&slot.boot.join(SLOT_ENV))?;
        Ok(Self {
            slot,
            root,
            manifest,
            env,
        })
    }

    /// The root partition, for whoever writes the root image from its first byte on. What was written earlier may be gone on with:
    /// [`Self::finish`] reads all of it.
    #[must_use]
    pub fn root(&self) -> &File {
        &self.root
    }

    /// Writes what belongs to the root, reads everything back from the disk, and makes the slot bootable.
    ///
    /// # Errors
    /// [`SlotError`]; the slot is not bootable then.
    pub fn finish(self, kernel: &mut dyn Read, initrd: &mut dyn Read) -> Result<Staged, SlotError> {
        let tree = self.read_root_back()?;
        self.write_tree(&tree)?;
        let kernel = self.write_boot_file(KERNEL, kernel)?;
        let initrd = self.write_boot_file(INITRD, initrd)?;
        let sums = slot_env::sums(kernel, initrd, Sha256::digest(&self.env).into());
        self.write(SUMS, sums.as_bytes())?;

        self.forget_what_is_in_memory()?;
        verity::verify_stored(&self.root, &self.manifest.verity, &tree)?;
        for (name, expected) in [(KERNEL, kernel), (INITRD, initrd)] {
            if self.read_back(name)? != expected {
                return Err(SlotError::ReadBack(self.slot.boot.join(name)));
            }
        }
        let text = durable::read(&self.slot.boot.join(SUMS), SLOT_ENV_BYTES as u64)?;
        if text.as_deref() != Some(sums.as_bytes()) {
            return Err(SlotError::ReadBack(self.slot.boot.join(SUMS)));
        }

        self.write(SLOT_ENV, &self.env)?;
        match said(&self.slot)? {
            Some(env) => Ok(Staged { env }),
            None => Err(SlotError::ReadBack(self.slot.boot.join(SLOT_ENV))),
        }
    }

    /// Reads the root, as the disk keeps it, against its root hash; the tree that belongs behind it.
    fn read_root_back(&self) -> Result<verity::Tree, SlotError> {
        self.root
            .sync_all()
            .map_err(error::at(&self.slot.root, "written"))?;
        self.forget_root()?;
        Ok(verity::tree_of(&self.root, &self.manifest.verity)?)
    }

    fn write_tree(&self, tree: &verity::Tree) -> Result<(), SlotError> {
        let failed = error::at(&self.slot.root, "written");
        let start = self.manifest.verity.hash_start * verity::BLOCK_BYTES as u64;
        durable::step().map_err(&failed)?;
        self.root
            .write_all_at(&tree.bytes, start)
            .and_then(|()| self.root.sync_all())
            .map_err(failed)
    }

    /// Takes one of the boot partition's files, if it is the manifest's.
    fn write_boot_file(
        &self,
        name: &'static str,
        from: &mut dyn Read,
    ) -> Result<[u8; 32], SlotError> {
        let said = entry(&self.manifest, name)?;
        let mut content = Vec::new();
        from.take(said.bytes.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(error::at(Path::new(name), "read"))?;
        let found: [u8; 32] = Sha256::digest(&content).into();
        if content.len() as u64 != said.bytes || found != said.sha256 {
            return Err(SlotError::NotTheManifests(name));
        }
        self.write(name, &content)?;
        Ok(found)
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), SlotError> {
        let path = self.slot.boot.join(name);
        Ok(durable::write(&path, content, Owner::mode(0o644))?)
    }

    /// What is read back next comes from the disk.
    fn forget_what_is_in_memory(&self) -> Result<(), SlotError> {
        self.forget_root()?;
        for name in [KERNEL, INITRD, SUMS] {
            let path = self.slot.boot.join(name);
            File::open(&path)
                .and_then(|file| Ok(fadvise(&file, 0, None, Advice::DontNeed)?))
                .map_err(error::at(&path, "read back"))?;
        }
        Ok(())
    }

    fn forget_root(&self) -> Result<(), SlotError> {
        fadvise(&self.root, 0, None, Advice::DontNeed)
            .map_err(|error| error::at(&self.slot.root, "read back")(error.into()))
    }

    fn read_back(&self, name: &str) -> Result<[u8; 32], SlotError> {
        let content = durable::read(&self.slot.boot.join(name), BOOT_FILE_MAX_BYTES)?;
        Ok(Sha256::digest(content.unwrap_or_default()).into())
    }
}

/// The bytes of slot.env for this release.
fn env(manifest: &Manifest) -> Result<Vec<u8>, SlotError> {
    let env = SlotEnv {
        release: posto_release::kernel_line::ReleaseName::parse(&manifest.identity.release)?,
        verity: manifest.verity.clone(),
    };
    Ok(env.to_bytes()?)
}

fn entry<'a>(manifest: &'a Manifest, name: &'static str) -> Result<&'a FileEntry, SlotError> {
    let found = manifest.files.get(name);
    found
        .filter(|entry| entry.bytes <= BOOT_FILE_MAX_BYTES)
        .ok_or(SlotError::NoFile(name))
}

/// Of a block device or a file.
fn length(file: &File, path: &Path) -> Result<u64, SlotError> {
    let mut file = file;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(error::at(path, "measured"))
}
