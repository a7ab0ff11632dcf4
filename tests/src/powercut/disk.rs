//! A disk with a volatile cache, in front of a file that is its medium.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::drive::Disk;
use super::fate::{Fate, Loss, survivors};
use super::pending::{Pending, Write};

/// The cache of a usual disk; what exceeds it is on the medium, oldest first.
const CACHE_BYTES: usize = 64 << 20;

/// What the disk does when it is asked to make its cache durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushes {
    /// As it must.
    Kept,
    /// It says yes and does nothing, as if one fsync were missing on the way.
    Ignored,
}

/// Whether the disk has power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    On,
    /// It goes at the moment when so many writes are pending.
    UntilPending(usize),
    /// The moment has come: nothing is answered any more, also not the write that brought it.
    Gone,
    /// The machine is ended too: whoever still asks is refused.
    Off,
}

/// The disk. Every write arrives here before the machine hears that it was accepted.
#[derive(Debug)]
pub struct CutDisk {
    state: Mutex<State>,
    power_changed: Condvar,
    length: u64,
}

#[derive(Debug)]
struct State {
    medium: File,
    pending: Pending,
    flushes: Flushes,
    flush_count: u64,
    power: Power,
}

impl State {
    fn settle(&self, writes: &[Write]) -> std::io::Result<()> {
        writes
            .iter()
            .try_for_each(|write| self.medium.write_all_at(&write.bytes, write.at))
    }
}

impl CutDisk {
    /// A disk whose medium is the file `medium`, with an empty cache.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(medium: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).open(medium);
        let medium = file.with_context(|| format!("cannot open the disk {}", medium.display()))?;
        Ok(Self {
            length: medium.metadata()?.len(),
            state: Mutex::new(State {
                medium,
                pending: Pending::default(),
                flushes: Flushes::Kept,
                flush_count: 0,
                power: Power::On,
            }),
            power_changed: Condvar::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a request while the power is gone.
    fn powered(&self) -> std::io::Result<MutexGuard<'_, State>> {
        let state = self
            .power_changed
            .wait_while(self.state(), |state| state.power == Power::Gone)
            .unwrap_or_else(PoisonError::into_inner);
        match state.power {
            Power::Off => Err(std::io::Error::other("the disk has no power")),
            _ => Ok(state),
        }
    }

    fn set_power(&self, power: Power) {
        self.state().power = power;
        self.power_changed.notify_all();
    }

    /// Lets the power go at the moment when so many `writes` are pending, at once if they are.
    pub fn lose_power_at(&self, writes: usize) {
        let there = self.state().pending.count() >= writes;
        self.set_power(if there {
            Power::Gone
        } else {
            Power::UntilPending(writes)
        });
    }

    /// Waits until the power is gone, at most `bound`; whether it is.
    #[must_use]
    pub fn wait_for_loss(&self, bound: Duration) -> bool {
        let (state, _) = self
            .power_changed
            .wait_timeout_while(self.state(), bound, |state| state.power != Power::Gone)
            .unwrap_or_else(PoisonError::into_inner);
        state.power == Power::Gone
    }

    /// Refuses everything from now on: the machine is being ended.
    pub fn switch_off(&self) {
        self.set_power(Power::Off);
    }

    /// Flushes asked for until now.
    #[must_use]
    pub fn flush_count(&self) -> u64 {
        self.state().flush_count
    }

    /// Changes how flushes are answered from now on.
    pub fn set_flushes(&self, flushes: Flushes) {
        self.state().flushes = flushes;
    }

    /// What the cut leaves, once the machine has ended: the cache is gone, but for what `fate` and `seed` say had already been
    /// written out. Then the power is back, and flushes are kept again.
    ///
    /// # Errors
    /// When the medium cannot be written.
    pub fn cut(&self, fate: Fate, seed: u64) -> Result<Loss> {
        let mut state = self.state();
        let (kept, loss) = survivors(state.pending.take_all(), fate, seed);
        state.settle(&kept)?;
        state.flushes = Flushes::Kept;
        state.power = Power::On;
        Ok(loss)
    }
}

impl Disk for CutDisk {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&self, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        let state = self.powered()?;
        state.medium.read_exact_at(&mut bytes, at)?;
        state.pending.overlay(at, &mut bytes);
        Ok(bytes)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> std::io::Result<()> {
        if at.saturating_add(bytes.len() as u64) > self.length {
            return Err(std::io::Error::other("a write beyond the disk's end"));
        }
        let mut state = self.powered()?;
        let write = Write {
            at,
            bytes: bytes.to_vec(),
        };
        state.pending.accept(write).map_err(std::io::Error::other)?;
        let surplus = state.pending.take_surplus(CACHE_BYTES);
        state.settle(&surplus)?;
        let goes =
            matches!(state.power, Power::UntilPending(writes) if state.pending.count() >= writes);
        drop(state);
        if goes {
            self.set_power(Power::Gone);
            drop(self.powered()?);
        }
        Ok(())
    }

    fn flush(&self) -> std::io::Result<()> {
        let mut state = self.powered()?;
        state.flush_count += 1;
        if state.flushes == Flushes::Ignored {
            return Ok(());
        }
        let all = state.pending.take_all();
        state.settle(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (tempfile::NamedTempFile, CutDisk) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        let disk = CutDisk::open(file.path()).unwrap();
        (file, disk)
    }

    #[test]
    fn a_flushed_write_outlives_the_cut_and_an_unflushed_one_does_not() {
        let (_file, disk) = disk();
        disk.write(512, &[1; 512]).unwrap();
        disk.flush().unwrap();
        disk.write(512, &[2; 512]).unwrap();
        disk.write(1024, &[3; 512]).unwrap();
        assert_eq!(
            disk.read(512, 1024).unwrap(),
            [[2; 512], [3; 512]].concat(),
            "before the cut everything is seen"
        );
        let loss = disk.cut(Fate::AllLost, 1).unwrap();
        assert_eq!((loss.pending_writes, loss.lost_sectors), (2, 2));
        assert_eq!(disk.read(512, 1024).unwrap(), [[1; 512], [0; 512]].concat());
    }

    #[test]
    fn a_disk_that_ignores_flushes_loses_what_it_called_durable() {
        let (_file, disk) = disk();
        disk.set_flushes(Flushes::Ignored);
        disk.write(0, &[1; 512]).unwrap();
        disk.flush().unwrap();
        disk.cut(Fate::AllLost, 1).unwrap();
        assert_eq!(disk.read(0, 512).unwrap(), [0; 512]);
    }

    #[test]
    fn the_power_goes_at_the_wanted_write_and_nothing_is_answered_until_the_machine_has_ended() {
        let (_file, disk) = disk();
        disk.lose_power_at(2);
        std::thread::scope(|scope| {
            let machine = scope.spawn(|| {
                let first = disk.write(0, &[1; 512]).is_ok();
                (
                    first,
                    disk.write(512, &[2; 512]).is_ok(),
                    disk.flush().is_ok(),
                )
            });
            assert!(disk.wait_for_loss(Duration::from_secs(20)));
            assert!(!machine.is_finished(), "the second write is not answered");
            disk.switch_off();
            assert_eq!(machine.join().unwrap(), (true, false, false));
        });
        assert_eq!(disk.cut(Fate::AllKept, 1).unwrap().pending_writes, 2);
        assert!(disk.flush().is_ok(), "the power is back");
    }

    #[test]
    fn nothing_is_written_or_read_beyond_the_end() {
        let (_file, disk) = disk();
        assert!(disk.write((1 << 20) - 512, &[1; 1024]).is_err());
        assert_eq!(disk.read((1 << 20) - 512, 4096).unwrap().len(), 512);
        assert!(disk.read(2 << 20, 4096).unwrap().is_empty());
    }
}
