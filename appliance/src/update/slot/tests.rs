use std::os::unix::fs::FileExt;

use posto_release::verity::tree_blocks;

use super::super::ground::{BLOCKS, ROOM, Release, ground, release, tells_the_truth};
use super::*;
use crate::system::durable::power;

fn fill(slot: &Slot, release: &Release) -> Result<Staged, SlotError> {
    let filling = Filling::begin(slot.clone(), release.manifest.clone())?;
    // As frames are written: in parts, each flushed.
    for (number, part) in release.root.chunks(256 << 10).enumerate() {
        let failed = error::at(&slot.root, "written");
        durable::step().map_err(&failed)?;
        let at = (number * (256 << 10)) as u64;
        filling.root().write_all_at(part, at).map_err(failed)?;
    }
    filling.finish(&mut &release.kernel[..], &mut &release.initrd[..])
}

#[test]
fn a_filled_slot_says_what_it_holds_and_holds_it() {
    let ground = ground(ROOM);
    assert_eq!(said(&ground.slot).unwrap(), None);
    let staged = fill(&ground.slot, &release("2026.11-1", 7)).unwrap();
    assert_eq!(said(&ground.slot).unwrap().as_ref(), Some(staged.env()));
    assert_eq!(staged.env().release.as_str(), "2026.11-1");
    assert!(tells_the_truth(&ground.slot));
}

#[test]
fn a_power_cut_before_any_step_leaves_a_slot_that_is_whole_or_not_bootable() {
    let (old, new) = (release("2026.10-1", 3), release("2026.11-1", 7));
    let (mut steps, mut unbootable) = (0, 0);
    loop {
        let ground = ground(ROOM);
        fill(&ground.slot, &old).unwrap();
        power::cut_after(steps);
        let outcome = fill(&ground.slot, &new);
        power::back();
        assert!(tells_the_truth(&ground.slot), "cut after {steps} steps");
        match said(&ground.slot).unwrap() {
            None => unbootable += 1,
            Some(env) => assert_eq!(env.release.as_str() == "2026.11-1", outcome.is_ok()),
        }
        // The next try has the power.
        fill(&ground.slot, &new).unwrap();
        assert!(tells_the_truth(&ground.slot));
        if outcome.is_ok() {
            break;
        }
        steps += 1;
    }
    eprintln!("{steps} cuts, {unbootable} left an unbootable slot");
    assert!(unbootable > 8);
}

#[test]
fn what_is_not_the_manifests_is_never_bootable() {
    let ground = ground(ROOM);
    let honest = release("2026.11-1", 7);
    type Change = fn(&mut Release);
    let changes: [(&str, Change); 6] = [
        ("root", |release| release.root[5_000] ^= 1),
        ("kernel", |release| release.kernel[5] ^= 1),
        ("a longer kernel", |release| release.kernel.push(0)),
        ("initrd", |release| release.initrd[5] ^= 1),
        ("a shorter initrd", |release| release.initrd.truncate(9)),
        ("the root hash", |release| {
            release.manifest.verity.root_hash[0] ^= 1;
        }),
    ];
    for (name, change) in changes {
        fill(&ground.slot, &honest).unwrap();
        let mut changed = release("2026.12-1", 9);
        change(&mut changed);
        assert!(fill(&ground.slot, &changed).is_err(), "{name}");
        assert_eq!(said(&ground.slot).unwrap(), None, "{name}");
    }
}

#[test]
fn a_release_that_does_not_fit_or_lacks_a_kernel_leaves_the_slot_as_it_was() {
    let small = BLOCKS + tree_blocks(BLOCKS) - 1;
    let ground = ground(small);
    let env = ground.slot.boot.join(SLOT_ENV);
    durable::write(&env, b"as it was", Owner::mode(0o644)).unwrap();
    let release = release("2026.11-1", 7);
    assert!(matches!(
        fill(&ground.slot, &release),
        Err(SlotError::TooSmall { .. })
    ));
    let mut without = release.manifest.clone();
    without.files.remove(KERNEL);
    let begun = Filling::begin(ground.slot.clone(), without);
    assert!(matches!(begun, Err(SlotError::NoFile(KERNEL))));
    assert_eq!(std::fs::read(env).unwrap(), b"as it was");
}
