//! The disk as a power cut at any position of a [`Record`] could have left it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::fate::{Fate, Loss, survivors};
use super::pending::Write;
use super::record::{Bytes, Entry, Record};

/// What is durable at a position, in an image that goes on from position to position; cuts must come in their order.
#[derive(Debug)]
pub struct Rebuilt {
    image: File,
    entries: Vec<Entry>,
    bytes: Bytes,
    /// The entries before this one are on the image.
    applied: usize,
}

impl Rebuilt {
    /// Begins with `image`, which is as the recorded disk was when the record began.
    ///
    /// # Errors
    /// When something cannot be opened or read.
    pub fn begin(image: &Path, record: &Record) -> Result<Self> {
        let file = File::options().write(true).open(image);
        Ok(Self {
            image: file.with_context(|| format!("cannot open {}", image.display()))?,
            entries: record.entries()?,
            bytes: record.bytes()?,
            applied: 0,
        })
    }

    /// What was recorded.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Brings the image to what is durable for certain when the power goes at `position`, and gives what besides may have
    /// reached the medium by then, as `fate` and `seed` say.
    ///
    /// # Errors
    /// When the image is already beyond it, or something cannot be read or written.
    pub fn cut(&mut self, position: u64, fate: Fate, seed: u64) -> Result<(Vec<Write>, Loss)> {
        let position = usize::try_from(position)?;
        let before = self
            .entries
            .get(..position)
            .context("beyond the record's end")?;
        let last_flush = before.iter().rposition(|entry| *entry == Entry::Flush);
        let durable = last_flush.map_or(0, |flush| flush + 1);
        if durable < self.applied {
            bail!("the image is at entry {}, not at {durable}", self.applied);
        }
        let (settled, pending) = before.split_at(durable);
        for entry in settled.iter().skip(self.applied) {
            if let Some(write) = self.bytes.of(*entry)? {
                self.image.write_all_at(&write.bytes, write.at)?;
            }
        }
        self.applied = durable;
        let mut writes = Vec::new();
        for entry in pending {
            writes.extend(self.bytes.of(*entry)?);
        }
        Ok(survivors(writes, fate, seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::powercut::{Disk, Recorder};

    #[test]
    fn what_was_flushed_before_the_position_is_there_and_what_came_later_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (medium, image) = (folder.path().join("medium"), folder.path().join("image"));
        for path in [&medium, &image] {
            File::create(path).unwrap().set_len(8192).unwrap();
        }
        let disk = Recorder::open(&medium, folder.path()).unwrap();
        let record = Record::in_folder(folder.path());
        let mut positions = Vec::new();
        for number in 1..=4u8 {
            disk.write(u64::from(number) * 512, &[number; 512]).unwrap();
            disk.write(0, &[number; 512]).unwrap();
            positions.push(record.position().unwrap());
            disk.flush().unwrap();
        }
        assert!(disk.write(1, &[0; 512]).is_err());
        assert!(disk.write(8192, &[0; 512]).is_err());
        assert_eq!(disk.read(0, 512).unwrap(), [4; 512]);

        let mut rebuilt = Rebuilt::begin(&image, &record).unwrap();
        let (kept, loss) = rebuilt.cut(positions[2], Fate::AllLost, 1).unwrap();
        assert_eq!((kept.len(), loss.pending_writes), (0, 2));
        let found = std::fs::read(&image).unwrap();
        assert_eq!(found[..512], [2; 512]);
        assert_eq!(found[3 * 512..4 * 512], [0; 512]);
        let (kept, _) = rebuilt.cut(positions[2], Fate::AllKept, 1).unwrap();
        assert_eq!(kept.len(), 2);
        assert!(rebuilt.cut(positions[0], Fate::AllLost, 1).is_err());
        // With its flush nothing is pending any more.
        let (_, loss) = rebuilt.cut(positions[3] + 1, Fate::AllLost, 1).unwrap();
        assert_eq!(loss.pending_writes, 0);
        assert_eq!(std::fs::read(&image).unwrap()[..512], [4; 512]);
        assert!(rebuilt.cut(positions[3] + 2, Fate::AllLost, 1).is_err());
    }
}
