#![allow(clippy::disallowed_methods, reason = "a test's files")]

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use super::contents::{Contents, Entry, Kind};
use super::*;
use crate::box_key::tests::box_with_key;
use crate::snapshot::id::Id;
use crate::snapshot::proof::Verdict;
use crate::snapshot::shelf::tests::{manifest, proof_of};
use crate::snapshot::shelf::{self, Shelf};
use crate::system::process::Invocation;

/// Of the tests: many in a small snapshot.
pub(crate) const SMALL_PIECES: u64 = 300_000;
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// The first leads out and stays behind; the others go along.
const LINKS: [(&str, &str); 4] = [
    ("link", "/etc/passwd"),
    ("modules/up", "../nowhere"),
    ("current", "modules"),
    ("again", "current/up"),
];

/// A box with keys and nothing on its shelf.
pub(crate) fn ready_box() -> (tempfile::TempDir, Places) {
    let (dir, places) = box_with_key();
    std::fs::create_dir_all(places.staging()).unwrap();
    recovery::tests::ensure_quickly(&places, None);
    (dir, places)
}

/// The same noise every time: nothing compresses it.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut out = Vec::with_capacity(bytes);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out
}

/// A snapshot with all that is hard to carry, proven.
pub(crate) fn snapshot(places: &Places) -> Id {
    let mut shelf = Shelf::open(places).unwrap();
    let unfinished = shelf.begin().unwrap();
    let root = &unfinished.directory;
    for folder in ["database/openmrs", "database/empty", "openmrs/modules"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    let id = unfinished.id;
    let noise_of = |more: u64, bytes| noise(id.number() * 10 + more, bytes);
    std::fs::write(
        root.join("database/openmrs/obs.ibd"),
        noise_of(1, 1_500_000),
    )
    .unwrap();
    // Sparse, as the redo log's clone is.
    let redo = std::fs::File::create(root.join("database/ib_logfile0")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&redo, &noise_of(2, 70_000), 3 << 20).unwrap();
    redo.set_len(64 << 20).unwrap();
    std::fs::write(root.join("database/zero"), b"").unwrap();
    std::fs::write(root.join("openmrs").join("n".repeat(180)), b"long").unwrap();
    let not_text = std::ffi::OsStr::from_bytes(b"\xE9t\xE9");
    std::fs::write(root.join("openmrs").join(not_text), b"latin").unwrap();
    for (link, target) in LINKS {
        std::os::unix::fs::symlink(target, root.join("openmrs").join(link)).unwrap();
    }
    shelf.finish(unfinished, &manifest(id.number())).unwrap();
    shelf.proved(&proof_of(id.number(), Verdict::Good)).unwrap();
    id
}

/// Each file's content, where each link leads, and each directory, by path.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let contents = Contents::of(root).unwrap();
    let content = |entry: &Entry| match &entry.kind {
        Kind::Directory => None,
        Kind::File(_) => Some(std::fs::read(root.join(&entry.path)).unwrap()),
        Kind::Link(target) => Some([b"-> ", target.as_os_str().as_bytes()].concat()),
    };
    let entries = contents
        .entries
        .iter()
        .filter(|entry| !entry.path.ends_with("manifest.json"));
    entries
        .map(|entry| (entry.path.clone(), content(entry)))
        .collect()
}

pub(crate) fn plan_of(places: &Places, id: Id) -> Plan {
    plan(places, id, false)
        .unwrap()
        .with_pieces_of(SMALL_PIECES)
}

/// Exports snapshot `id` and gives the directory.
pub(crate) fn export(places: &Places, id: Id, to: &Path) -> PathBuf {
    let done = to_directory(places, &plan_of(places, id), to, &mut |_| {}).unwrap();
    done.path.unwrap()
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
fn an_export_is_a_directory_of_small_pieces_a_signed_bill_and_the_sealed_key() {
    let (dir, places) = ready_box();
    let id = snapshot(&places);
    let to = dir.path().join("stick");
    std::fs::create_dir(&to).unwrap();
    let plan = plan_of(&places, id);
    let mut told = Vec::new();
    let done = to_directory(&places, &plan, &to, &mut |progress| told.push(progress)).unwrap();
    assert_eq!((done.kept, done.was_there), (0, false));
    assert_eq!(done.left_out.told(), "openmrs/link -> /etc/passwd");
    assert!((6..=7).contains(&done.pieces), "{done:?}");
    let key = BoxKey::read(&places).unwrap().public();
    let name = format!("posto-000001-19700101-{}.posto", key.fingerprint().short());
    assert_eq!(names(&to), std::slice::from_ref(&name));
    let found = names(&to.join(&name));
    assert_eq!(found.len(), done.pieces + 3, "{found:?}");
    for entry in std::fs::read_dir(to.join(&name)).unwrap() {
        let bytes = entry.unwrap().metadata().unwrap().len();
        assert!(bytes <= SMALL_PIECES + 1000, "{bytes}");
    }
    // The holes cost next to nothing, and the estimate is about right, never short.
    assert!(done.bytes < 1_700_000, "{done:?}");
    assert!(
        (done.bytes..done.bytes + 2_500_000).contains(&plan.estimate_bytes),
        "{} for {}",
        plan.estimate_bytes,
        done.bytes
    );
    let all = plan.content_bytes();
    assert!(told.iter().any(|progress| matches!(progress, Progress::Packing { done, all: of, .. } if *done > 0 && *of == all)));
    // Once more: it is there already.
    let again = to_directory(&places, &plan, &to, &mut |_| {}).unwrap();
    assert!(again.was_there && again.kept == done.pieces);
}

#[test]
fn only_a_proven_snapshot_is_exported_unless_somebody_takes_it_as_it_is() {
    let (_dir, places) = ready_box();
    let mut shelf = Shelf::open(&places).unwrap();
    let id = crate::snapshot::shelf::tests::take(&mut shelf).unwrap();
    drop(shelf);
    assert!(matches!(
        plan(&places, id, false),
        Err(ExportError::NotProven(_))
    ));
    plan(&places, id, true).unwrap();
    let none = Id::new(99).unwrap();
    assert!(matches!(
        plan(&places, none, true),
        Err(ExportError::Shelf(shelf::ShelfError::Unknown(_)))
    ));
}

#[test]
fn an_interrupted_export_goes_on_with_the_piece_that_was_not_whole() {
    let (dir, places) = ready_box();
    let id = snapshot(&places);
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    std::fs::create_dir(&first).unwrap();
    std::fs::create_dir(&second).unwrap();
    let whole = export(&places, id, &first);
    // As a pulled stick leaves it: three whole pieces, the fourth torn.
    let plan = plan_of(&places, id);
    let partial = second.join(plan.partial());
    std::fs::create_dir(&partial).unwrap();
    kept::begin(&partial, &plan).unwrap();
    for name in ["0001.age", "0002.age", "0003.age"] {
        std::fs::copy(whole.join(name), partial.join(name)).unwrap();
    }
    let torn = std::fs::read(whole.join("0004.age")).unwrap();
    std::fs::write(partial.join("0004.age"), &torn[..torn.len() / 2]).unwrap();
    let inodes = |name: &str| std::fs::metadata(partial.join(name)).unwrap().ino();
    let before = inodes("0002.age");
    let done = to_directory(&places, &plan, &second, &mut |_| {}).unwrap();
    assert_eq!(done.kept, 3);
    let path = done.path.unwrap();
    assert_eq!(
        std::fs::metadata(path.join("0002.age")).unwrap().ino(),
        before
    );
    assert!(!names(&path).contains(&"begun.json".to_string()));
    stock_tools_open(
        &places,
        &path,
        &dir.path().join("out"),
        &places.snapshots().join("000001"),
    );
}

#[test]
fn pieces_of_another_snapshot_or_for_other_keys_are_made_anew() {
    let (dir, places) = ready_box();
    let (one, other) = (snapshot(&places), snapshot(&places));
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    std::fs::create_dir(&first).unwrap();
    std::fs::create_dir(&second).unwrap();
    let whole = export(&places, one, &first);
    let plan = plan_of(&places, other);
    for begun in [true, false] {
        let partial = second.join(plan.partial());
        std::fs::create_dir(&partial).unwrap();
        if begun {
            kept::begin(&partial, &plan).unwrap();
        } else {
            std::fs::write(partial.join("begun.json"), b"{}").unwrap();
        }
        std::fs::copy(whole.join("0001.age"), partial.join("0001.age")).unwrap();
        let done = to_directory(&places, &plan, &second, &mut |_| {}).unwrap();
        assert_eq!(done.kept, 0);
        let path = done.path.unwrap();
        let out = dir.path().join(format!("out-{begun}"));
        stock_tools_open(&places, &path, &out, &places.snapshots().join("000002"));
        std::fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn a_damaged_copy_in_the_way_is_not_taken_for_whole_nor_overwritten() {
    let (dir, places) = ready_box();
    let id = snapshot(&places);
    let path = export(&places, id, dir.path());
    let piece = path.join("0002.age");
    let mut bytes = std::fs::read(&piece).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&piece, &bytes).unwrap();
    let again = to_directory(&places, &plan_of(&places, id), dir.path(), &mut |_| {});
    assert!(matches!(again, Err(ExportError::InTheWay(_))), "{again:?}");
    assert_eq!(std::fs::read(&piece).unwrap(), bytes);
}

#[test]
fn stock_age_zstd_and_tar_open_what_the_programme_and_the_recovery_code_may_read() {
    let (dir, places) = ready_box();
    let id = snapshot(&places);
    let path = export(&places, id, dir.path());
    stock_tools_open(
        &places,
        &path,
        &dir.path().join("out"),
        &places.snapshots().join("000001"),
    );
}

#[test]
fn the_programmes_key_opens_a_copy_with_stock_tools() {
    let (dir, places) = ready_box();
    let programme = age::x25519::Identity::generate();
    std::fs::create_dir_all(places.zoneinfo().join("Africa")).unwrap();
    std::fs::write(places.zoneinfo().join("Africa/Maputo"), b"").unwrap();
    let text = format!("[programme]\nage_recipient = '{}'\n", programme.to_public());
    std::fs::write(places.facility(), text).unwrap();
    let id = snapshot(&places);
    let path = export(&places, id, dir.path());
    let key = dir.path().join("programme.txt");
    let secret = age::secrecy::ExposeSecret::expose_secret(&programme.to_string()).to_owned();
    std::fs::write(&key, secret).unwrap();
    opens_with(
        &key,
        &path,
        &dir.path().join("out"),
        &places.snapshots().join("000001"),
    );
}

fn stock_tools_open(places: &Places, export: &Path, out: &Path, original: &Path) {
    opens_with(&places.recovery_identity(), export, out, original);
}

/// Runs the line of the docs.
fn opens_with(key: &Path, export: &Path, out: &Path, original: &Path) {
    if !Path::new("/usr/bin/age").exists() {
        eprintln!("SKIPPED: needs the package age");
        return;
    }
    std::fs::create_dir(out).unwrap();
    let line = "set -o pipefail; for p in \"$1\"/*.age; do age -d -i \"$2\" \"$p\" || exit; done | zstd -d | tar x -C \"$3\"";
    Invocation::new("bash")
        .args(["-c", line, "bash"])
        .args([export, key, out])
        .run(LIMIT)
        .unwrap();
    assert_eq!(tree(out), tree(original));
}
