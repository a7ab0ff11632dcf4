//! The slots of a real box: which one may be filled now, with both boot partitions mounted where only this process sees them.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use posto_release::kernel_line::Mode;
use posto_release::layout;
use posto_release::slot::{BootState, Slot as Letter};
use posto_release::slot_disk::{SlotDisk, SlotDiskError};

use super::slot::Slot;
use crate::places::Places;
use crate::release::{self, RunningError};
use crate::system::block::{Disk, DiskError};
use crate::system::durable::{self, DurableError, Owner};
use crate::system::medium::{Access, Kind, MediumError, Mounted};
use crate::system::process::{Invocation, ProcessError};

/// 256 MiB, on an old disk behind everybody else.
const FORMAT_LIMIT: Duration = Duration::from_secs(120);

/// Why no slot may be filled now. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// A container.
    #[error("this box has no slots (a container): releases are not staged here")]
    NoSlots,
    /// Trial or rescue.
    #[error(
        "the box runs from slot {running}, slot {committed} is the committed one: the other slot is not touched before that is settled"
    )]
    NotCommitted {
        /// Where it runs from.
        running: Letter,
        /// What boots.
        committed: String,
    },
    /// The other slot is about to be tried.
    #[error("slot {0} is armed for a trial and is not touched before that is over")]
    Armed(Letter),
    /// What is running.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// A partition is missing.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The boot state.
    #[error(transparent)]
    State(#[from] SlotDiskError),
    /// A boot partition.
    #[error(transparent)]
    Mount(#[from] MediumError),
    /// It could not be formatted.
    #[error(transparent)]
    Format(#[from] ProcessError),
    /// The place where it is mounted.
    #[error(transparent)]
    Durable(#[from] DurableError),
}

/// Which slot may be filled: the other one, while the committed one runs and nothing is armed.
///
/// # Errors
/// [`SlotsError::NotCommitted`], [`SlotsError::Armed`].
pub fn free(running: Letter, mode: Mode, state: &BootState) -> Result<Letter, SlotsError> {
    let committed = state.committed();
    if mode != Mode::Normal || committed != Some(running) {
        return Err(SlotsError::NotCommitted {
            running,
            committed: committed.map_or_else(|| "?".to_owned(), |slot| slot.to_string()),
        });
    }
    if state.pending_trial().is_some() {
        return Err(SlotsError::Armed(running.other()));
    }
    Ok(running.other())
}

/// Both slots, mounted as long as this lives.
#[derive(Debug)]
pub struct Slots {
    /// Where the box runs from; only read.
    pub running: Slot,
    /// The one that may be filled.
    pub other: Slot,
    _mounted: [Mounted; 2],
}

impl Slots {
    /// Mounts them.
    ///
    /// # Errors
    /// [`SlotsError`].
    pub fn open(places: &Places) -> Result<Self, SlotsError> {
        let running = release::running(places)?.slot.ok_or(SlotsError::NoSlots)?;
        let mode = release::mode(places).unwrap_or(Mode::Rescue);
        let disk = Disk::of(&places.data())?;
        let state = SlotDisk::open(&disk.partition(&layout::STATE)?, 0)?.read();
        let other = free(running, mode, &state)?;
        let other_boot = disk.partition(layout::boot(other))?;
        if !is_fat(&other_boot) {
            format(&other_boot)?;
        }
        durable::directory(&places.update_boots(), Owner::mode(0o700))?;
        let at = |slot: Letter| places.update_boots().join(slot.letter());
        let running_boot = disk.partition(layout::boot(running))?;
        let mounted = [
            Mounted::at(&running_boot, &at(running), Access::Read)?,
            Mounted::at(&other_boot, &at(other), Access::Write)?,
        ];
        let slot = |slot: Letter| -> Result<Slot, SlotsError> {
            Ok(Slot {
                root: disk.partition(layout::root(slot))?,
                boot: at(slot),
            })
        };
        Ok(Self {
            running: slot(running)?,
            other: slot(other)?,
            _mounted: mounted,
        })
    }
}

/// A new box has nothing in its second boot partition, and FAT has no journal: what is no FAT is made one. Only ever the slot that is about
/// to be filled.
fn is_fat(device: &Path) -> bool {
    let mut head = Vec::new();
    let read = std::fs::File::open(device).and_then(|file| file.take(4096).read_to_end(&mut head));
    read.is_ok() && Kind::of(&head) == Some(Kind::Vfat)
}

/// As `posto-image` makes the first one.
fn format(device: &Path) -> Result<(), SlotsError> {
    Invocation::new("/usr/sbin/mkfs.vfat")
        .args(["-F", "16", "-s", "16", "-n", "POSTO-BOOT"])
        .arg(device)
        .run(FORMAT_LIMIT)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use posto_release::slot::{Trial, TrialKind};

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test's files")]
    fn an_empty_boot_partition_is_made_a_fat_and_one_that_is_stays() {
        if !Path::new("/usr/sbin/mkfs.vfat").exists() {
            eprintln!("SKIPPED: needs mkfs.vfat (package dosfstools)");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("boot");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(posto_release::layout::boot(Letter::B).size_bytes())
            .unwrap();
        assert!(!is_fat(&path));
        format(&path).unwrap();
        assert!(is_fat(&path));
    }

    #[test]
    fn only_the_other_slot_of_a_settled_box_is_filled() {
        let settled = BootState {
            c1: Some(Letter::A),
            c2: Some(Letter::A),
            t: None,
            w: None,
        };
        assert_eq!(free(Letter::A, Mode::Normal, &settled).unwrap(), Letter::B);
        for (running, mode) in [
            (Letter::B, Mode::Trial),
            (Letter::B, Mode::Rescue),
            (Letter::B, Mode::Normal),
            (Letter::A, Mode::Trial),
        ] {
            let refused = free(running, mode, &settled);
            assert!(matches!(refused, Err(SlotsError::NotCommitted { .. })));
        }
        let lost = BootState {
            c1: None,
            c2: None,
            ..settled
        };
        assert!(free(Letter::A, Mode::Normal, &lost).is_err());
        let armed = |left| BootState {
            t: Some(Trial {
                slot: Letter::B,
                left,
                kind: TrialKind::Trial,
            }),
            ..settled
        };
        assert!(matches!(
            free(Letter::A, Mode::Normal, &armed(1)),
            Err(SlotsError::Armed(Letter::B))
        ));
        assert!(free(Letter::A, Mode::Normal, &armed(0)).is_ok());
    }
}
