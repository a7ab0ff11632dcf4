use std::fs::File;
use std::os::unix::fs::FileExt;

use super::*;
use crate::layout::IMAGE_MIB;

fn apply(disk: &File, writes: &[TableWrite]) {
    for write in writes {
        disk.write_all_at(&write.bytes, write.offset).unwrap();
    }
}

fn installed() -> (File, Guids) {
    let mut disk = tempfile::tempfile().unwrap();
    disk.set_len(IMAGE_MIB * MIB).unwrap();
    let guids = Guids::derived_from("test");
    for stage in make(&mut disk, &guids, &[0x90; 440]).unwrap() {
        apply(&disk, &stage);
    }
    (disk, guids)
}

fn data_bytes(disk: &mut File, guids: &Guids) -> u64 {
    let guid = PartUuid::parse(&guids.partitions[7].to_string()).unwrap();
    Table::read(disk).unwrap().find(&guid).unwrap().bytes
}

#[test]
fn a_new_table_is_found_again_by_its_guids() {
    let (mut disk, guids) = installed();
    let table = Table::read(&mut disk).unwrap();
    for (partition, guid) in PARTITIONS.iter().zip(guids.partitions) {
        let found = table
            .find(&PartUuid::parse(&guid.to_string()).unwrap())
            .unwrap();
        assert_eq!(
            (found.number, found.start, found.bytes),
            (
                partition.number,
                partition.start_bytes(),
                partition.size_bytes()
            )
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_guids_and_another_seed_none_of_them() {
    let (one, again, other) = (
        Guids::derived_from("x"),
        Guids::derived_from("x"),
        Guids::derived_from("y"),
    );
    assert_eq!(one, again);
    assert!(
        one.partitions
            .iter()
            .all(|guid| !other.partitions.contains(guid) && *guid != one.disk)
    );
}

#[test]
fn growing_reaches_the_disks_end_and_a_second_time_changes_nothing() {
    let (mut disk, guids) = installed();
    disk.set_len(40_000 * MIB + 512).unwrap();
    for stage in mend(&mut disk, true).unwrap() {
        apply(&disk, &stage);
    }
    assert_eq!(
        data_bytes(&mut disk, &guids),
        (40_000 - 1) * MIB - DATA.start_bytes()
    );
    assert_eq!(mend(&mut disk, true).unwrap(), [vec![], vec![], vec![]]);
}

/// Any number of sectors in order, as the stages allow, then the power is gone.
#[test]
fn growing_cut_after_any_sector_leaves_a_readable_table_with_all_partitions() {
    let (mut first, guids) = installed();
    first.set_len(20_000 * MIB).unwrap();
    let stages = mend(&mut first, true).unwrap();
    let writes: Vec<TableWrite> = stages.iter().flatten().cloned().collect();
    let backup = stages[0].len();
    // Within a stage the order is free, so the reverse order is tried as well.
    for reversed in [false, true] {
        for cut in 0..=writes.len() {
            let (mut disk, _) = installed();
            disk.set_len(20_000 * MIB).unwrap();
            let ordered: Vec<TableWrite> = if reversed {
                stages
                    .iter()
                    .flat_map(|stage| stage.iter().rev().cloned())
                    .collect()
            } else {
                writes.clone()
            };
            apply(&disk, &ordered[..cut]);
            let bytes = data_bytes(&mut disk, &guids);
            assert!(
                bytes == DATA.size_bytes() || cut >= backup,
                "cut after {cut}"
            );
            for stage in mend(&mut disk, true).unwrap() {
                apply(&disk, &stage);
            }
            assert_eq!(
                data_bytes(&mut disk, &guids),
                (20_000 - 1) * MIB - DATA.start_bytes()
            );
            assert!(Table::read(&mut disk).unwrap().primary_is_whole);
        }
    }
}

#[test]
fn a_destroyed_primary_is_mended_from_the_backup_without_growing() {
    let (mut disk, guids) = installed();
    disk.write_all_at(&[0; 512], 512).unwrap();
    assert!(!Table::read(&mut disk).unwrap().primary_is_whole);
    for stage in mend(&mut disk, false).unwrap() {
        apply(&disk, &stage);
    }
    assert!(Table::read(&mut disk).unwrap().primary_is_whole);
    assert_eq!(data_bytes(&mut disk, &guids), DATA.size_bytes());
}

#[test]
fn a_foreign_table_is_not_touched() {
    let (mut disk, _) = installed();
    let mut table = GptConfig::new()
        .writable(true)
        .open_from_device(&mut disk)
        .unwrap();
    let mut entries = table.partitions().clone();
    entries.get_mut(&8).unwrap().first_lba += 2048;
    table.update_partitions(entries).unwrap();
    table.write_inplace().unwrap();
    assert!(matches!(mend(&mut disk, true), Err(TableError::NotOurs(8))));
}

#[test]
fn an_empty_disk_has_no_table() {
    let mut disk = tempfile::tempfile().unwrap();
    disk.set_len(10 * MIB).unwrap();
    assert!(Table::read(&mut disk).is_err());
}
