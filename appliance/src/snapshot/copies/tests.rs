#![allow(clippy::disallowed_methods, reason = "a test's files")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::facility::Target;
use crate::snapshot::export::tests::{plan_of, ready_box, snapshot, tree};
use crate::snapshot::import;
use crate::system::process::Invocation;

const LIMIT: Duration = Duration::from_secs(60);
const CLOCKS: (u64, Duration) = (1_795_369_791, Duration::from_secs(100));

fn copies(keep: u32) -> Copies {
    Copies {
        to: Target::Labelled,
        keep,
        alarm_days: 3,
    }
}

fn copy_now(places: &Places, to: &Path, keep: u32) -> Result<Exported, CopiesError> {
    copy(places, to, &copies(keep), CLOCKS, &mut |_| {})
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_newest_proven_goes_each_time_and_the_oldest_beyond_keep_leaves() {
    let (dir, places) = ready_box();
    let to = dir.path().join("disk");
    std::fs::create_dir(&to).unwrap();
    assert!(matches!(
        copy_now(&places, &to, 2),
        Err(CopiesError::NoneProven)
    ));
    for number in 1..=4u64 {
        let id = snapshot(&places);
        let done = copy_now(&places, &to, 2).unwrap();
        assert!(done.name.starts_with(&format!("posto-{}", id.directory())));
        let record = Record::read(&places);
        assert_eq!(record.last.unwrap().id, id);
        assert_eq!(names(&to).len(), usize::try_from(number.min(2)).unwrap());
    }
    let left = names(&to);
    assert!(
        left[0].contains("000003") && left[1].contains("000004"),
        "{left:?}"
    );
}

#[test]
fn another_boxs_copies_and_damaged_ones_are_never_removed_nor_counted() {
    let (dir, places) = ready_box();
    let (other_home, other) = ready_box();
    let to = dir.path().join("disk");
    std::fs::create_dir(&to).unwrap();
    snapshot(&other);
    let foreign = copy_now(&other, &to, 2).unwrap().path.unwrap();
    snapshot(&places);
    let damaged = copy_now(&places, &to, 2).unwrap().path.unwrap();
    std::fs::remove_file(damaged.join("0001.age")).unwrap();
    for _ in 0..3 {
        snapshot(&places);
        copy_now(&places, &to, 2).unwrap();
    }
    assert!(foreign.exists() && damaged.exists());
    assert_eq!(names(&to).len(), 4);
    drop(other_home);
}

#[test]
fn what_an_older_night_left_unfinished_goes_and_this_snapshots_stays() {
    let (dir, places) = ready_box();
    let to = dir.path().join("disk");
    snapshot(&places);
    let old = plan_of(&places, crate::snapshot::id::Id::new(1).unwrap());
    let stale = to.join(format!("{}.posto.partial", old.name()));
    std::fs::create_dir_all(&stale).unwrap();
    std::fs::write(stale.join("0001.age"), b"x").unwrap();
    let foreign = to.join("posto-000001-19700101-ffff.posto.partial");
    std::fs::create_dir(&foreign).unwrap();
    snapshot(&places);
    copy_now(&places, &to, 2).unwrap();
    assert!(!stale.exists() && foreign.exists());
}

/// A file as a disk with a file system, mounted. Dropping it takes all away.
struct Disk {
    device: PathBuf,
    mounted: Option<Mounted>,
    at: PathBuf,
}

impl Disk {
    /// `None` where it cannot be had: no root, no mkfs, no such file system in this kernel.
    fn new(dir: &Path, mkfs: &[&str], megabytes: u64) -> Option<Self> {
        let kind = mkfs[0].trim_start_matches("mkfs.");
        let kernel = std::fs::read_to_string("/proc/filesystems").unwrap();
        let known = kernel.lines().any(|line| line.trim() == kind);
        let has_tool = ["/usr/sbin", "/sbin"]
            .iter()
            .any(|folder| Path::new(folder).join(mkfs[0]).exists());
        if !rustix::process::geteuid().is_root() || !has_tool || !known {
            eprintln!("SKIPPED: needs root, {} and the kernel's {kind}", mkfs[0]);
            return None;
        }
        let file = dir.join("disk.img");
        std::fs::File::create(&file)
            .unwrap()
            .set_len(megabytes << 20)
            .unwrap();
        Invocation::new(mkfs[0])
            .args(&mkfs[1..])
            .arg(&file)
            .run(LIMIT)
            .unwrap();
        let attached = Invocation::new("losetup")
            .args(["--find", "--show"])
            .arg(&file)
            .run(LIMIT)
            .unwrap();
        let device = PathBuf::from(String::from_utf8(attached).unwrap().trim());
        let mut disk = Self {
            device,
            mounted: None,
            at: dir.join("mounted"),
        };
        disk.mount();
        Some(disk)
    }

    fn mount(&mut self) {
        self.mounted = Some(Mounted::at(&self.device, &self.at, Access::Write).unwrap());
    }

    fn unmount(&mut self) {
        self.mounted.take().unwrap().end().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.mounted.take());
        let _ = Invocation::new("losetup")
            .arg("--detach")
            .arg(&self.device)
            .run(LIMIT);
    }
}

const FAT: [&str; 4] = ["mkfs.vfat", "-F32", "-n", disk::LABEL];
const EXT4: [&str; 6] = ["mkfs.ext4", "-q", "-m", "0", "-L", "posto-copies"];

/// A stick with FAT, or with ext4 where the kernel has no FAT.
fn stick(dir: &Path) -> Option<Disk> {
    Disk::new(dir, &FAT, 40).or_else(|| Disk::new(dir, &EXT4, 40))
}

#[test]
fn each_file_system_that_a_disk_may_have_is_known_mounted_and_takes_a_copy() {
    let makers: [&[&str]; 3] = [&FAT, &EXT4, &["mkfs.xfs", "-q", "-L", "posto-copies"]];
    for mkfs in makers {
        let (dir, places) = ready_box();
        snapshot(&places);
        let Some(mut disk) = Disk::new(dir.path(), mkfs, 320) else {
            continue;
        };
        let done = copy_now(&places, &disk.at, 2).unwrap();
        disk.unmount();
        assert!(
            names(&disk.at).is_empty(),
            "it is mounted for the copy alone"
        );
        disk.mount();
        let accepted = import::accept(&places, &disk.at, None).unwrap();
        let identity = crate::recovery::identity(&places).unwrap();
        let id = accepted
            .bring_in(&places, &[identity], CLOCKS, &mut |_| {})
            .unwrap();
        let brought = places.snapshots().join(id.directory());
        assert_eq!(tree(&brought), tree(&places.snapshots().join("000001")));
        assert!(done.pieces > 0);
    }
}

#[test]
fn a_protected_stick_is_told_from_a_broken_one() {
    let (dir, _places) = ready_box();
    let Some(mut disk) = stick(dir.path()) else {
        return;
    };
    disk.unmount();
    let set = |how: &str| {
        let set = Invocation::new("blockdev").arg(how).arg(&disk.device);
        set.run(LIMIT).unwrap();
    };
    set("--setro");
    let refused = Mounted::at(&disk.device, &disk.at, Access::Write).unwrap_err();
    assert!(matches!(refused, MediumError::Protected(_)), "{refused}");
    set("--setrw");
    disk.mount();
}

#[test]
fn a_stick_that_fails_in_the_middle_keeps_what_is_whole_and_the_next_run_goes_on() {
    let (dir, places) = ready_box();
    let id = snapshot(&places);
    let Some(mut disk) = stick(dir.path()) else {
        return;
    };
    // No room after three pieces: the write fails as a pulled stick's does.
    let space = rustix::fs::statvfs(&disk.at).unwrap();
    let free = space.f_bavail * space.f_frsize;
    let filler = disk.at.join("holiday.mov");
    std::fs::write(&filler, vec![7; usize::try_from(free - 1_050_000).unwrap()]).unwrap();
    let plan = plan_of(&places, id);
    assert!(matches!(
        plan.check_room(&disk.at),
        Err(ExportError::NoRoom { .. })
    ));
    let failed = export::to_directory(&places, &plan, &disk.at, &mut |_| {}).unwrap_err();
    let words = failed.to_string();
    assert!(
        words.contains("what is whole of it stays") && words.contains("0004.age"),
        "{words}"
    );
    disk.unmount();
    disk.mount();
    assert!(matches!(
        import::accept(&places, &disk.at, None),
        Err(import::ImportError::Unfinished(_))
    ));
    std::fs::remove_file(&filler).unwrap();
    let done = export::to_directory(&places, &plan, &disk.at, &mut |_| {}).unwrap();
    assert_eq!(done.kept, 3, "{done:?}");
    let accepted = import::accept(&places, &disk.at, None).unwrap();
    let identity = crate::recovery::identity(&places).unwrap();
    let brought = accepted
        .bring_in(&places, &[identity], CLOCKS, &mut |_| {})
        .unwrap();
    let brought = places.snapshots().join(brought.directory());
    assert_eq!(tree(&brought), tree(&places.snapshots().join("000001")));
}

#[test]
fn without_room_the_oldest_goes_early_but_never_the_only_copy() {
    let (dir, places) = ready_box();
    let Some(disk) = stick(dir.path()) else {
        return;
    };
    for _ in 0..2 {
        snapshot(&places);
        copy_now(&places, &disk.at, 7).unwrap();
    }
    let space = rustix::fs::statvfs(&disk.at).unwrap();
    let free = space.f_bavail * space.f_frsize;
    // Room for two copies, and then for not even one more beside the one.
    let filler = disk.at.join("holiday.mov");
    std::fs::write(&filler, vec![7; usize::try_from(free - 1_300_000).unwrap()]).unwrap();
    snapshot(&places);
    copy_now(&places, &disk.at, 7).unwrap();
    let left = names(&disk.at);
    assert!(left.iter().any(|name| name.contains("000003")), "{left:?}");
    assert!(!left.iter().any(|name| name.contains("000001")), "{left:?}");
    let two: Vec<String> = left
        .into_iter()
        .filter(|name| name.ends_with(".posto"))
        .collect();
    assert_eq!(two.len(), 2);
    let key = BoxKey::read(&places).unwrap().public();
    let there = rotation::copies(&disk.at, &key).unwrap();
    rotation::throw_away(&there[0]).unwrap();
    let space = rustix::fs::statvfs(&disk.at).unwrap();
    let free = space.f_bavail * space.f_frsize;
    let more = disk.at.join("more.mov");
    std::fs::write(&more, vec![7; usize::try_from(free - 500_000).unwrap()]).unwrap();
    snapshot(&places);
    let refused = copy_now(&places, &disk.at, 7).unwrap_err();
    assert!(matches!(refused, CopiesError::OnlyOne), "{refused}");
    assert_eq!(rotation::copies(&disk.at, &key).unwrap().len(), 1);
}
