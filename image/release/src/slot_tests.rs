use proptest::prelude::*;

use super::*;
use crate::state_partition;

fn apply(image: &mut [u8], write: &BlockWrite, bytes: std::ops::Range<usize>) {
    let at = usize::try_from(write.block.offset()).unwrap();
    image[at + bytes.start..at + bytes.end].copy_from_slice(&write.bytes[bytes]);
}

fn state_after(writes: &[BlockWrite], whole: usize, torn_bytes: usize, from: &[u8]) -> BootState {
    let mut image = from.to_vec();
    for write in &writes[..whole] {
        apply(&mut image, write, 0..4096);
    }
    if let Some(write) = writes.get(whole) {
        apply(&mut image, write, 0..torn_bytes);
    }
    state_partition::read(&image)
}

fn installed(writes: &[BlockWrite]) -> Vec<u8> {
    let mut image = state_partition::at_install();
    for write in writes {
        apply(&mut image, write, 0..4096);
    }
    image
}

#[test]
fn a_trial_of_the_committed_slot_is_refused() {
    let state = BootState {
        c1: Some(Slot::B),
        ..BootState::default()
    };
    assert_eq!(
        state.arm_trial(Slot::B, 3),
        Err(SlotError::TrialOfCommitted(Slot::B))
    );
    assert_eq!(state.arm_trial(Slot::A, 4), Err(SlotError::Attempts(4)));
    assert_eq!(
        BootState::default().arm_rescue(Slot::A),
        Err(SlotError::TrialOfCommitted(Slot::A))
    );
}

#[test]
fn a_commit_writes_c2_then_c1_then_clears_the_trial() {
    let blocks: Vec<Block> = BootState::commit(Slot::B)
        .iter()
        .map(|write| write.block)
        .collect();
    assert_eq!(blocks, [Block::C2, Block::C1, Block::T]);
}

#[test]
fn old_and_new_contents_of_a_block_differ_only_inside_values_of_equal_length() {
    let texts = |writes: [BlockWrite; 2]| {
        writes.map(|write| {
            write.bytes.iter().filter(|byte| **byte == b'\n').count() * 1000
                + write.bytes.iter().position(|byte| *byte == 0).unwrap()
        })
    };
    let trial = Trial {
        slot: Slot::B,
        left: 3,
        kind: TrialKind::Rescue,
    };
    let pairs = [
        [
            committed_block(Block::C1, Slot::A),
            committed_block(Block::C1, Slot::B),
        ],
        [trial_block(None), trial_block(Some(trial))],
        [
            watch_block(None),
            watch_block(Some(Watch {
                slot: Slot::A,
                unfinished: 9,
            })),
        ],
    ];
    for pair in pairs {
        let [old, new] = texts(pair);
        assert_eq!(old, new);
    }
}

#[test]
fn unfinished_boots_are_counted_per_slot_and_stop_at_nine() {
    let mut state = BootState::default();
    for expected in [1, 2, 3, 4, 5, 6, 7, 8, 9, 9] {
        let image = installed(&state.begin_boot(Slot::A));
        state = state_partition::read(&image);
        assert_eq!(
            state.w,
            Some(Watch {
                slot: Slot::A,
                unfinished: expected
            })
        );
    }
    let image = installed(&state.begin_boot(Slot::B));
    assert_eq!(
        state_partition::read(&image).w,
        Some(Watch {
            slot: Slot::B,
            unfinished: 1
        })
    );
    assert_eq!(
        state_partition::read(&installed(&BootState::finish_boot())).w,
        None
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(image in proptest::collection::vec(any::<u8>(), 0..6000)) {
        prop_assert!(BootState::decode(&image, &image, &image, &image).next() <= Slot::B);
    }

    /// A cut after any whole write and at any byte of the next one: never a state in which neither old nor new slot boots.
    #[test]
    fn a_commit_cut_anywhere_boots_the_trial_or_the_new_commit(whole in 0_usize..=3, torn_bytes in 0_usize..4096) {
        let armed = BootState { c1: Some(Slot::A), c2: Some(Slot::A), ..BootState::default() }.arm_trial(Slot::B, 2).unwrap();
        let state = state_after(&BootState::commit(Slot::B), whole, torn_bytes, &installed(&armed));
        prop_assert!(state.c1.is_some() && state.c2.is_some());
        prop_assert_eq!(state.next(), Slot::B);
    }

    #[test]
    fn arming_cut_anywhere_boots_the_committed_slot_or_the_trial(torn_bytes in 0_usize..4096, old_left in 0_u8..=3) {
        let before = trial_block(Some(Trial { slot: Slot::B, left: old_left, kind: TrialKind::Trial }));
        let writes = BootState { c1: Some(Slot::A), ..BootState::default() }.arm_trial(Slot::B, 3).unwrap();
        let state = state_after(&writes, 0, torn_bytes, &installed(&[before]));
        prop_assert_eq!(state.committed(), Some(Slot::A));
        if let Some(trial) = state.pending_trial() {
            prop_assert_eq!(trial.slot, Slot::B);
        }
    }
}
