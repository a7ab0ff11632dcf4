//! What posto-init does, decided without touching anything.

use posto_release::kernel_line::Mode;
use posto_release::layout::{LABEL_DATA, LABEL_VIRGIN};
use posto_release::slot::{BootState, Slot};

use crate::xfs::Superblock;

/// Unfinished boots of the committed slot in succession after which its root is read through before the next one.
/// One unlucky power cut during a boot costs nothing; the second one costs one read of the root.
pub const UNFINISHED_BEFORE_CHECK: u8 = 2;

/// What was seen on the data partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSeen {
    /// The first sector.
    pub superblock: Superblock,
    /// The raw virgin mark stands, whole.
    pub mark: bool,
}

/// What is done with the data partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataAction {
    /// Grow the partition, make the file system, remove the raw mark.
    Format,
    /// The file system was made and a power cut kept the raw mark: remove it, then mount.
    ClearMark,
    /// Mount.
    Mount,
    /// Leave everything as it is; boot without data, door shut, and say so.
    Degraded(Reason),
}

/// Why the box runs without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// GRUB or the table knows no such partition.
    NoPartition,
    /// The disk cannot read it.
    Unreadable,
    /// No XFS there, and no virgin mark either.
    NoFileSystem,
    /// The file system was begun and not finished, without the virgin mark.
    Unfinished,
    /// An XFS with a label that is not ours.
    Foreign,
    /// The virgin partition could not be grown or made.
    FormatFailed,
    /// XFS refuses the mount, and xfs_repair did not help.
    MountFailed,
}

/// The virgin mark rule (docs/architecture.md): the only place where a file system is ever made.
///
/// While the raw mark stands nothing was ever mounted here: it is removed before the first mount. So an unfinished
/// mkfs under our own virgin label, cut by the power, is made again; everything else that is not ours stays untouched.
#[must_use]
pub fn data_action(seen: &DataSeen) -> DataAction {
    match (&seen.superblock, seen.mark) {
        (Superblock::Unreadable, _) => DataAction::Degraded(Reason::Unreadable),
        (Superblock::Absent, true) => DataAction::Format,
        (Superblock::Absent, false) => DataAction::Degraded(Reason::NoFileSystem),
        (
            Superblock::Xfs {
                in_progress: true,
                label,
            },
            true,
        ) if label == LABEL_VIRGIN => DataAction::Format,
        (
            Superblock::Xfs {
                in_progress: true, ..
            },
            _,
        ) => DataAction::Degraded(Reason::Unfinished),
        (Superblock::Xfs { label, .. }, true) if label == LABEL_VIRGIN => DataAction::ClearMark,
        (Superblock::Xfs { label, .. }, _) if label == LABEL_VIRGIN || label == LABEL_DATA => {
            DataAction::Mount
        }
        (Superblock::Xfs { .. }, _) => DataAction::Degraded(Reason::Foreign),
    }
}

/// After XFS refused a mount: is one run of xfs_repair (never -L) worth it?
/// EUCLEAN and EBADMSG are XFS's words for broken metadata. Anything else, EIO above all, is the disk or the kernel, and
/// writing to a failing disk makes it worse.
#[must_use]
pub fn repair_may_help(mount_error: rustix::io::Errno) -> bool {
    mount_error == rustix::io::Errno::UCLEAN || mount_error == rustix::io::Errno::BADMSG
}

/// Whether the root is read through before it is mounted.
#[must_use]
pub fn root_is_checked(state: &BootState, running: Slot, mode: Mode) -> bool {
    let unfinished = state
        .w
        .filter(|watch| watch.slot == running)
        .map_or(0, |watch| watch.unfinished);
    mode == Mode::Normal && unfinished >= UNFINISHED_BEFORE_CHECK
}

/// Whether the other slot gets one attempt after this failure. Only the committed slot calls for it: a trial falls back
/// by GRUB's counting, and a rescue that fails too goes back to the committed slot. A missing disk is not the slot's fault.
#[must_use]
pub fn rescue_is_armed(mode: Option<Mode>, other_is_bootable: bool) -> bool {
    mode == Some(Mode::Normal) && other_is_bootable
}

#[cfg(test)]
mod tests {
    use posto_release::slot::Watch;
    use proptest::prelude::*;

    use super::*;

    fn xfs(label: &str, in_progress: bool) -> Superblock {
        Superblock::Xfs {
            label: label.to_owned(),
            in_progress,
        }
    }

    #[test]
    fn the_table_of_what_is_done_with_the_data_partition() {
        let degraded = DataAction::Degraded;
        let table = [
            (Superblock::Absent, true, DataAction::Format),
            (Superblock::Absent, false, degraded(Reason::NoFileSystem)),
            (Superblock::Unreadable, true, degraded(Reason::Unreadable)),
            (Superblock::Unreadable, false, degraded(Reason::Unreadable)),
            (xfs(LABEL_VIRGIN, false), true, DataAction::ClearMark),
            (xfs(LABEL_VIRGIN, false), false, DataAction::Mount),
            (xfs(LABEL_VIRGIN, true), true, DataAction::Format),
            (xfs(LABEL_VIRGIN, true), false, degraded(Reason::Unfinished)),
            (xfs(LABEL_DATA, false), true, DataAction::Mount),
            (xfs(LABEL_DATA, false), false, DataAction::Mount),
            (xfs(LABEL_DATA, true), true, degraded(Reason::Unfinished)),
            (xfs("", false), true, degraded(Reason::Foreign)),
            (xfs("backup", false), false, degraded(Reason::Foreign)),
        ];
        for (superblock, mark, action) in table {
            let seen = DataSeen { superblock, mark };
            assert_eq!(data_action(&seen), action, "{seen:?}");
        }
    }

    #[test]
    fn only_broken_metadata_is_repaired_and_never_a_failing_disk() {
        use rustix::io::Errno;
        assert!(repair_may_help(Errno::UCLEAN) && repair_may_help(Errno::BADMSG));
        assert!(
            ![
                Errno::IO,
                Errno::INVAL,
                Errno::NODEV,
                Errno::NOENT,
                Errno::NOMEM
            ]
            .into_iter()
            .any(repair_may_help)
        );
    }

    #[test]
    fn the_root_is_checked_from_the_third_boot_in_succession_that_did_not_come_up() {
        let after = |unfinished| BootState {
            w: Some(Watch {
                slot: Slot::A,
                unfinished,
            }),
            ..BootState::default()
        };
        assert!(!root_is_checked(
            &BootState::default(),
            Slot::A,
            Mode::Normal
        ));
        assert!(!root_is_checked(&after(1), Slot::A, Mode::Normal));
        assert!(root_is_checked(&after(2), Slot::A, Mode::Normal));
        assert!(!root_is_checked(&after(9), Slot::B, Mode::Normal));
        assert!(!root_is_checked(&after(9), Slot::A, Mode::Trial));
    }

    #[test]
    fn only_the_committed_slot_calls_the_other_one_for_rescue() {
        assert!(rescue_is_armed(Some(Mode::Normal), true));
        assert!(!rescue_is_armed(Some(Mode::Normal), false));
        assert!(!rescue_is_armed(Some(Mode::Trial), true));
        assert!(!rescue_is_armed(Some(Mode::Rescue), true));
        assert!(!rescue_is_armed(None, true));
    }

    proptest! {
        #[test]
        fn nothing_is_formatted_without_the_raw_mark(first in proptest::collection::vec(any::<u8>(), 0..1024)) {
            let action = data_action(&DataSeen { superblock: crate::xfs::read_superblock(&first), mark: false });
            prop_assert!(action != DataAction::Format && action != DataAction::ClearMark);
        }

        #[test]
        fn no_finished_file_system_is_ever_formatted(label in "[ -~]{0,12}", mark in any::<bool>()) {
            let superblock = Superblock::Xfs { label, in_progress: false };
            prop_assert_ne!(data_action(&DataSeen { superblock, mark }), DataAction::Format);
        }
    }
}
