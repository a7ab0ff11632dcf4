use posto_delta::make::{self, Options, Pair, Source};
use posto_release::slot_env::{INITRD, KERNEL};

use super::super::ground::{Ground, ROOM, Release, ground, release, tells_the_truth};
use super::super::slot::said;
use super::*;
use crate::system::durable::Owner;

const OPTIONS: Options = Options {
    threads: 1,
    level: 3,
    frame_bytes: 64 << 10,
};

fn patch_of(old: Option<&Release>, new: &Release) -> Vec<u8> {
    let images = |release: &Release| {
        [
            release.root.clone(),
            release.kernel.clone(),
            release.initrd.clone(),
        ]
    };
    let (before, after) = (old.map(images), images(new));
    let source = |data| Source {
        data,
        bytes: <Vec<u8>>::len(data) as u64,
        root_hash: [0; 32],
    };
    let pairs: Vec<_> = [ROOT, KERNEL, INITRD]
        .into_iter()
        .enumerate()
        .map(|(at, name)| Pair {
            name,
            old: before.as_ref().map(|before| source(&before[at])),
            new: source(&after[at]),
        })
        .collect();
    let mut bytes = Vec::new();
    make::patch(&pairs, &OPTIONS)
        .unwrap()
        .write(&mut bytes)
        .unwrap();
    bytes
}

/// A box that runs `old`, with an empty slot, and a patch.
struct Place {
    running: Ground,
    inactive: Ground,
    patch: PathBuf,
}

fn place(old: &Release, patch: &[u8]) -> Place {
    let (running, inactive) = (ground(ROOM), ground(ROOM));
    let put =
        |path: PathBuf, content: &[u8]| durable::write(&path, content, Owner::mode(0o644)).unwrap();
    put(running.slot.root.clone(), &old.root);
    put(running.slot.boot.join(KERNEL), &old.kernel);
    put(running.slot.boot.join(INITRD), &old.initrd);
    let path = running.folder.path().join("patch");
    put(path.clone(), patch);
    Place {
        running,
        inactive,
        patch: path,
    }
}

fn staged(place: &Place, new: &Release) -> (Result<Staged, StageError>, Vec<Progress>) {
    let mut said = Vec::new();
    let outcome = stage(
        place.inactive.slot.clone(),
        &place.running.slot,
        new.manifest.clone(),
        &File::open(&place.patch).unwrap(),
        place.inactive.folder.path(),
        &mut |progress| said.push(progress),
    );
    (outcome, said)
}

#[test]
fn a_patch_and_the_running_release_make_a_proven_slot() {
    let (old, new) = (release("2026.10-1", 3), release("2026.11-1", 7));
    for patch in [patch_of(Some(&old), &new), patch_of(None, &new)] {
        let place = place(&old, &patch);
        let (outcome, progress) = staged(&place, &new);
        assert_eq!(outcome.unwrap().env().release.as_str(), "2026.11-1");
        assert!(tells_the_truth(&place.inactive.slot));
        assert_eq!(progress.last().unwrap().done, progress.last().unwrap().all);
        assert!(!place.inactive.folder.path().join(KERNEL).exists());
    }
}

#[test]
fn a_patch_that_ends_early_or_is_damaged_is_gone_on_with_behind_its_last_good_frame() {
    let (old, new) = (release("2026.10-1", 3), release("2026.11-1", 7));
    let patch = patch_of(Some(&old), &new);
    let mut damaged = patch.clone();
    let middle = damaged.len() * 2 / 3;
    damaged[middle] ^= 1;
    for broken in [patch[..middle].to_vec(), damaged] {
        let place = place(&old, &broken);
        let (outcome, before) = staged(&place, &new);
        assert!(outcome.is_err());
        assert_eq!(said(&place.inactive.slot).unwrap(), None);
        durable::write(&place.patch, &patch, Owner::mode(0o644)).unwrap();
        let (outcome, after) = staged(&place, &new);
        assert!(outcome.is_ok());
        assert!(tells_the_truth(&place.inactive.slot));
        // The first thing it says is what stood there.
        let reached = before.last().unwrap().done;
        assert!(after.first().unwrap().done >= reached.min(new.root.len() / (64 << 10)));
    }
}

#[test]
fn a_patch_for_another_base_or_another_release_is_told_apart_and_stages_nothing() {
    let (old, new, other) = (
        release("2026.10-1", 3),
        release("2026.11-1", 7),
        release("2026.09-1", 9),
    );
    let place_of_other = place(&other, &patch_of(Some(&old), &new));
    let (outcome, _) = staged(&place_of_other, &new);
    assert!(outcome.unwrap_err().is_other_base());
    assert_eq!(said(&place_of_other.inactive.slot).unwrap(), None);

    let place_of_old = place(&old, &patch_of(Some(&old), &other));
    let (outcome, _) = staged(&place_of_old, &new);
    assert!(matches!(outcome, Err(StageError::NotTheManifests(ROOT))));
}
