//! What the first sector of an XFS says. Source: Linux fs/xfs/libxfs/xfs_format.h, struct xfs_dsb (big-endian).

const MAGIC: &[u8] = b"XFSB";
const LABEL_AT: usize = 108;
const LABEL_BYTES: usize = 12;
const IN_PROGRESS_AT: usize = 126;

/// What stands at the start of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Superblock {
    /// The disk cannot read it.
    Unreadable,
    /// No XFS.
    Absent,
    /// An XFS.
    Xfs {
        /// Its label, without the padding; a label that is not UTF-8 is shown with replacement characters, and is not ours.
        label: String,
        /// mkfs.xfs began and did not finish.
        in_progress: bool,
    },
}

/// Reads a first sector; anything shorter than one counts as unreadable.
#[must_use]
pub fn read_superblock(sector: &[u8]) -> Superblock {
    let Some(sector) = sector.get(..512) else {
        return Superblock::Unreadable;
    };
    if !sector.starts_with(MAGIC) {
        return Superblock::Absent;
    }
    let label = sector
        .get(LABEL_AT..LABEL_AT + LABEL_BYTES)
        .unwrap_or_default();
    let label: Vec<u8> = label
        .iter()
        .copied()
        .take_while(|byte| *byte != 0)
        .collect();
    Superblock::Xfs {
        label: String::from_utf8_lossy(&label).into_owned(),
        in_progress: sector.get(IN_PROGRESS_AT).is_some_and(|byte| *byte != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First sector of a file system made by mkfs.xfs 6.13 -L posto-virgin -m reflink=1,rmapbt=0 on 512 MiB.
    const MADE_BY_MKFS: &[u8] = include_bytes!("xfs_first_sector.bin");

    #[test]
    fn the_first_sector_that_mkfs_writes_is_read() {
        let expected = Superblock::Xfs {
            label: "posto-virgin".into(),
            in_progress: false,
        };
        assert_eq!(read_superblock(MADE_BY_MKFS), expected);
    }

    #[test]
    fn zeros_and_other_file_systems_are_no_xfs() {
        assert_eq!(read_superblock(&[0; 512]), Superblock::Absent);
        assert_eq!(read_superblock(&[b'X'; 512]), Superblock::Absent);
        assert_eq!(read_superblock(b"XFSB"), Superblock::Unreadable);
    }
}
