//! Looks at the data partition and acts: the reserve, the journal, alarm, events.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FallocateFlags, StatVfsMountFlags, fallocate};

use super::{Level, RESERVE_BYTES, Reserve, Space};
use crate::alarms::{Alarm, Source};
use crate::events::{self, Event};
use crate::guards::{Hold, show};
use crate::places::Places;
use crate::system::durable;
use crate::system::log::log;
use crate::system::units::Units;

const MB: u64 = 1_000_000;
/// Thinning again only helps when something was written since.
const THIN_EVERY: Duration = Duration::from_secs(3600);
/// Of `/data/replaced`: more entries than this are not counted.
const COUNT_LIMIT: usize = 200_000;

/// The disk guard between two rounds.
#[derive(Debug, Default)]
pub(in crate::guards) struct Disk {
    level: Option<Level>,
    thinned: Option<Duration>,
}

impl Disk {
    /// One look. `now` is time since boot.
    pub(in crate::guards) async fn look(&mut self, places: &Places, now: Duration) -> Option<Hold> {
        let space = space(places)?;
        let level = super::level(self.level, space);
        if self.level.is_some_and(|before| before != level)
            || (self.level.is_none() && level != Level::Ample)
        {
            tell(places, level, space);
        }
        self.level = Some(level);
        match super::reserve(level, space) {
            Some(Reserve::Make) => {
                if let Err(error) = make_reserve(&places.reserve()) {
                    log(&format!("the reserve could not be made: {error}"));
                }
            }
            Some(Reserve::GiveBack) => match durable::remove(&places.reserve()) {
                Ok(()) => events::record(places, &Event::new("reserve-given")),
                Err(error) => log(&error.to_string()),
            },
            None => {}
        }
        let due = self
            .thinned
            .is_none_or(|last| now.saturating_sub(last) >= THIN_EVERY);
        if level != Level::Ample && due {
            self.thinned = Some(now);
            thin_logs().await;
        }
        (level == Level::Full).then_some(Hold::DiskFull)
    }
}

/// How the data disk stands; `None`: there is no data partition, or it cannot be written anyway.
#[must_use]
pub fn room(places: &Places) -> Option<super::Room> {
    let space = space(places)?;
    Some(super::Room {
        size_bytes: space.size_bytes,
        room_bytes: space.room_bytes(),
    })
}

/// `None`: there is no data partition to look at, or it cannot be written anyway.
fn space(places: &Places) -> Option<Space> {
    let found = rustix::fs::statvfs(places.data()).ok()?;
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) || !places.posto().is_dir() {
        return None;
    }
    Some(Space {
        size_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        reserve: std::fs::metadata(places.reserve())
            .is_ok_and(|file| file.blocks().saturating_mul(512) >= RESERVE_BYTES),
    })
}

fn make_reserve(path: &Path) -> std::io::Result<()> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES)?;
    file.sync_all()
}

fn tell(places: &Places, level: Level, space: Space) {
    let (free, size) = (space.free_bytes / MB, space.size_bytes / MB);
    let name = match level {
        Level::Ample => "disk-room",
        Level::Low => "disk-low",
        Level::Full => "disk-full",
    };
    events::record(
        places,
        &Event::new(name).with("free_mb", free).with("size_mb", size),
    );
    let alarm = (level != Level::Ample).then(|| {
        // Never removed by itself: it is somebody's data.
        let replaced = tree_bytes(&places.replaced()) / MB;
        let values = [
            ("free", free.into()),
            ("size", size.into()),
            ("replaced", replaced.into()),
        ];
        // The alarm has the event's name.
        Alarm::new(name, &values)
    });
    show(places, Source::DiskRoom, alarm.as_ref());
}

/// What a tree takes on the disk, bytes, as far as it can be read. Links are not followed.
fn tree_bytes(tree: &Path) -> u64 {
    let mut pending = vec![tree.to_path_buf()];
    let (mut bytes, mut count) = (0u64, 0usize);
    while let Some(directory) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            count += 1;
            if count > COUNT_LIMIT {
                return bytes;
            }
            let Ok(found) = entry.metadata() else {
                continue;
            };
            bytes = bytes.saturating_add(found.blocks().saturating_mul(512));
            if found.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    bytes
}

/// Apart from the daemon: its sandbox does not let it remove journald's files.
async fn thin_logs() {
    let argv = ["/usr/bin/journalctl", "--rotate", "--vacuum-size=48M"];
    let done = async {
        Units::connect()
            .await?
            .run_apart("posto-thin-logs.service", &argv)
            .await
    };
    if let Err(error) = done.await {
        log(&format!("the journal could not be thinned: {error}"));
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_takes_its_room_at_once_and_not_by_writing() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.posto()).unwrap();
        let before = space(&places).unwrap();
        assert!(!before.reserve);
        make_reserve(&places.reserve()).unwrap();
        assert!(space(&places).unwrap().reserve);
        durable::remove(&places.reserve()).unwrap();
        assert!(!space(&places).unwrap().reserve);
    }

    #[test]
    fn what_was_replaced_is_counted_without_following_links() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("replaced/20260101T000000Z-import");
        std::fs::create_dir_all(&tree).unwrap();
        std::fs::write(tree.join("ibdata1"), vec![1; 3 << 20]).unwrap();
        std::os::unix::fs::symlink("/", tree.join("link")).unwrap();
        let bytes = tree_bytes(&dir.path().join("replaced"));
        assert!((3 << 20..5 << 20).contains(&bytes), "{bytes}");
    }

    #[test]
    fn without_a_data_partition_nothing_is_held() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(space(&Places::under(dir.path())), None);
    }
}
