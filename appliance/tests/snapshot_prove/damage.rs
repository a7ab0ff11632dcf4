//! Damaged snapshots: each must be found out, and what was found stays.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use posto::snapshot::proof::Depth;
use posto::snapshot::prove::{self, NotProven, ProvenSnapshot};
use posto::snapshot::shelf;

use crate::shelf::{Box, LETTER};

const PAGE: usize = 16384;

#[test]
fn what_is_lost_of_a_snapshot_is_found_out_at_quick_depth() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let sound = ground.crash_image(&server);
    let stopped = ground.stopped_image(server);
    // Words that the verdict must say, the snapshot, what is done to it.
    type Case = (&'static str, bool, fn(&Path));
    let cases: [Case; 9] = [
        ("ib_logfile0", true, |d| gone(d, "ib_logfile0")),
        ("ibdata1", true, |d| gone(d, "ibdata1")),
        ("ibdata1", false, |d| cut(d, "ibdata1", 5 << 20)),
        ("users", true, |d| gone(d, "openmrs/users.ibd")),
        ("users", false, |d| gone(d, "openmrs/users.ibd")),
        ("openmrs.users has lost its definition", true, |d| {
            gone(d, "openmrs/users.frm")
        }),
        ("users", false, |d| {
            cut(d, "openmrs/users.ibd", 2 * PAGE as u64)
        }),
        ("proc", true, |d| gone(d, "mysql/proc.MAD")),
        ("global_priv", true, |d| gone(d, "mysql/global_priv.frm")),
    ];
    for (words, crashed, change) in cases {
        let damaged = ground.changed(if crashed { &sound } else { &stopped }, change);
        let reason = ground.bad(&damaged, Depth::Quick);
        assert!(reason.contains(words), "{words}: {reason}");
    }
    let damaged = ground.changed(&stopped, |d| std::fs::remove_dir_all(d).unwrap());
    assert!(ground.bad(&damaged, Depth::Quick).contains("missing"));
    let damaged = ground.changed(&stopped, |d| {
        std::fs::remove_dir_all(d.join("openmrs")).unwrap()
    });
    assert!(ground.bad(&damaged, Depth::Quick).contains("openmrs"));
}

#[test]
fn acknowledged_rows_that_are_not_there_make_it_bad() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let mut taken = ground.crash_image(&server);
    *taken.manifest.highest.get_mut("obs").unwrap() += 1;
    let reason = ground.bad(&taken, Depth::Quick);
    assert!(reason.contains("obs ends at row"), "{reason}");
    taken.manifest.highest = [("visit".to_string(), 1)].into();
    let reason = ground.bad(&taken, Depth::Quick);
    assert!(reason.contains("visit"), "{reason}");
}

#[test]
fn a_changed_byte_is_found_at_full_depth_wherever_it_lies() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let uuid: String =
        server.rows::<String>("SELECT uuid FROM openmrs.obs WHERE obs_id = 9000")[0].clone();
    let sound = ground.stopped_image(server);

    let in_a_page = ground.changed(&sound, |d| {
        flip(&d.join("openmrs/obs.ibd"), 100 * PAGE + 8000)
    });
    let reason = ground.bad(&in_a_page, Depth::Full);
    assert!(reason.contains("obs.ibd"), "{reason}");

    // CHECK TABLE does not read these pages.
    let in_a_long_text = ground.changed(&sound, |d| {
        let path = d.join("openmrs/attachment.ibd");
        let at = find(&path, &[LETTER; 64]).last().unwrap() - 1000;
        flip(&path, at);
    });
    let reason = ground.bad(&in_a_long_text, Depth::Full);
    assert!(reason.contains("attachment.ibd"), "{reason}");

    // The page is right by its checksum, but row and index do not say the same.
    let in_an_index = ground.changed(&sound, |d| {
        let path = d.join("openmrs/obs.ibd");
        let at = find(&path, uuid.as_bytes())[0];
        flip(&path, at);
        seal(&path, at / PAGE);
    });
    let reason = ground.bad(&in_an_index, Depth::Full);
    assert!(reason.contains("openmrs.obs"), "{reason}");

    for damaged in [in_a_page, in_a_long_text, in_an_index] {
        eprintln!(
            "at quick depth: {:?}",
            ground.proof(&damaged, Depth::Quick).verdict
        );
    }
}

#[test]
fn a_bad_verdict_stays_with_what_the_server_said() {
    let Some((ground, server)) = Box::with_clinic() else {
        return;
    };
    let sound = ground.crash_image(&server);
    let damaged = ground.changed(&sound, |d| gone(d, "openmrs/users.ibd"));
    ground.proof(&damaged, Depth::Quick);
    let log = std::fs::read_to_string(damaged.directory.join(prove::LOG)).unwrap();
    assert!(log.contains("openmrs/users"), "{log}");
    let now = shelf::list(&ground.places).unwrap();
    let damaged = now
        .iter()
        .find(|found| found.manifest.id == damaged.manifest.id)
        .unwrap();
    assert!(matches!(
        ProvenSnapshot::of(damaged),
        Err(NotProven::Bad { .. })
    ));
    assert!(damaged.directory.join("database/ibdata1").exists());
}

fn gone(database: &Path, name: &str) {
    std::fs::remove_file(database.join(name)).unwrap();
}

fn cut(database: &Path, name: &str, bytes: u64) {
    let file = File::options()
        .write(true)
        .open(database.join(name))
        .unwrap();
    file.set_len(bytes).unwrap();
}

fn flip(path: &Path, at: usize) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at as u64).unwrap();
}

/// Where `bytes` lie in the file.
fn find(path: &Path, bytes: &[u8]) -> Vec<usize> {
    let all = std::fs::read(path).unwrap();
    memchr::memmem::find_iter(&all, bytes).collect()
}

/// Gives a page the checksum of what it now holds (full_crc32).
fn seal(path: &Path, page: usize) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut bytes = vec![0; PAGE];
    file.read_exact_at(&mut bytes, (page * PAGE) as u64)
        .unwrap();
    let mut crc = u32::MAX;
    for byte in &bytes[..PAGE - 4] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    file.write_all_at(&(!crc).to_be_bytes(), ((page + 1) * PAGE - 4) as u64)
        .unwrap();
}
