//! Whether the database may start. Imports nothing that does I/O.

use posto_release::layout::{LABEL_DATA, LABEL_VIRGIN};
use posto_release::slot::Slot;

use crate::release::Running;
use crate::stamp::{Found, Stamp};

/// Repairs of the boot state in a row before the box stays down with the screen.
pub const REPAIR_LIMIT: u32 = 2;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The label of the data file system; why not, if none.
    pub label: Result<String, String>,
    /// The stamp.
    pub stamp: Found,
    /// What is running; why nobody can tell, if so.
    pub running: Result<Running, String>,
    /// Whether the database's files are there; what is missing, if not.
    pub database: Result<(), String>,
    /// Repairs made in a row so far.
    pub repairs: u32,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The database may start.
    Pass,
    /// The data belong to another slot's release: if that slot verifies, make it the one that boots and restart.
    Repair {
        /// Which slot.
        slot: Slot,
        /// The stamp that names it.
        stamp: Stamp,
        /// What runs instead.
        running: String,
    },
    /// The database stays down.
    Refuse(Refusal),
}

/// Why the database stays down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No data partition mounted.
    NotMounted(String),
    /// The first boot did not end, or the label is not ours.
    Label(String),
    /// Database files missing.
    DatabaseMissing(String),
    /// No stamp.
    StampMissing,
    /// A stamp that cannot be read.
    StampUnreadable(String),
    /// Nobody can tell what is running.
    Running(String),
    /// Other release, and no way back.
    Mismatch {
        /// The stamped release.
        stamped: String,
        /// The running one.
        running: String,
        /// Why no repair.
        why: NoRepair,
    },
}

/// Why the boot state is not repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRepair {
    /// Repaired that often already.
    Limit(u32),
    /// The stamp names no slot, or the running one.
    NoSlot,
    /// A container has no slots.
    Container,
    /// The slot does not verify.
    SlotBroken {
        /// Which.
        slot: Slot,
        /// What is wrong with it.
        reason: String,
    },
}

/// Decides. Everything that is not proven good refuses: data are never taken for absent.
#[must_use]
pub fn decide(seen: &Observation) -> Decision {
    use Decision::{Pass, Refuse, Repair};
    match &seen.label {
        Err(reason) => return Refuse(Refusal::NotMounted(reason.clone())),
        Ok(label) if label == LABEL_DATA => {}
        // Everything was made, only the last step is missing: that is data.
        Ok(label) if label == LABEL_VIRGIN && seen.stamp != Found::Absent => {}
        Ok(label) => return Refuse(Refusal::Label(label.clone())),
    }
    let stamp = match &seen.stamp {
        Found::Absent => return Refuse(Refusal::StampMissing),
        Found::Unreadable(reason) => return Refuse(Refusal::StampUnreadable(reason.clone())),
        Found::Stamp(stamp) => stamp,
    };
    let running = match &seen.running {
        Err(reason) => return Refuse(Refusal::Running(reason.clone())),
        Ok(running) => running,
    };
    if stamp.belongs_to(running) {
        return match &seen.database {
            Ok(()) => Pass,
            Err(missing) => Refuse(Refusal::DatabaseMissing(missing.clone())),
        };
    }
    let why = match (running.slot, stamp.slot) {
        (None, _) => NoRepair::Container,
        (Some(_), None) => NoRepair::NoSlot,
        (Some(running), Some(stamped)) if running == stamped => NoRepair::NoSlot,
        (Some(_), Some(_)) if seen.repairs >= REPAIR_LIMIT => NoRepair::Limit(seen.repairs),
        (Some(_), Some(slot)) => {
            return Repair {
                slot,
                stamp: stamp.clone(),
                running: running.release.clone(),
            };
        }
    };
    Refuse(Refusal::Mismatch {
        stamped: stamp.release.clone(),
        running: running.release.clone(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn running(release: &str, slot: Option<Slot>, hash: Option<&str>) -> Running {
        Running {
            release: release.into(),
            slot,
            root_hash: hash.map(Into::into),
        }
    }

    fn good() -> Observation {
        let running = running("r1", Some(Slot::B), Some("bb"));
        Observation {
            label: Ok(LABEL_DATA.into()),
            stamp: Found::Stamp(Stamp::of(&running)),
            running: Ok(running),
            database: Ok(()),
            repairs: 0,
        }
    }

    #[test]
    fn the_stamped_release_passes() {
        assert_eq!(decide(&good()), Decision::Pass);
    }

    #[test]
    fn both_committed_records_lost_boots_a_and_is_repaired_to_the_stamped_b_at_most_twice() {
        let mut seen = good();
        seen.running = Ok(running("r0", Some(Slot::A), Some("aa")));
        assert!(matches!(
            decide(&seen),
            Decision::Repair { slot: Slot::B, .. }
        ));
        seen.repairs = REPAIR_LIMIT;
        assert!(matches!(
            decide(&seen),
            Decision::Refuse(Refusal::Mismatch {
                why: NoRepair::Limit(2),
                ..
            })
        ));
    }

    #[test]
    fn data_moved_to_a_box_with_another_release_in_the_same_slot_is_refused() {
        let mut seen = good();
        seen.running = Ok(running("r1", Some(Slot::B), Some("cc")));
        assert!(matches!(
            decide(&seen),
            Decision::Refuse(Refusal::Mismatch {
                why: NoRepair::NoSlot,
                ..
            })
        ));
    }

    #[test]
    fn in_a_container_the_release_name_decides() {
        let mut seen = good();
        seen.running = Ok(running("r1", None, None));
        assert_eq!(decide(&seen), Decision::Pass);
        seen.running = Ok(running("r2", None, None));
        assert!(matches!(
            decide(&seen),
            Decision::Refuse(Refusal::Mismatch {
                why: NoRepair::Container,
                ..
            })
        ));
    }

    fn any_hash() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[ab]")
    }

    fn any_slot() -> impl Strategy<Value = Option<Slot>> {
        proptest::option::of(prop_oneof![Just(Slot::A), Just(Slot::B)])
    }

    fn any_observation() -> impl Strategy<Value = Observation> {
        (
            prop_oneof![Just(Ok(LABEL_DATA.to_string())), Just(Ok(LABEL_VIRGIN.to_string())), Just(Ok("other".to_string())), Just(Err(String::new()))],
            prop_oneof![
                3 => ("r[12]", any_slot(), any_hash()).prop_map(|(release, slot, root_hash)| Found::Stamp(Stamp { release, slot, root_hash })),
                1 => Just(Found::Absent),
                1 => Just(Found::Unreadable(String::new())),
            ],
            prop_oneof![
                4 => ("r[12]", any_slot(), any_hash()).prop_map(|(release, slot, root_hash)| Ok(Running { release, slot, root_hash })),
                1 => Just(Err(String::new())),
            ],
            prop_oneof![Just(Ok(())), Just(Err("ibdata1".to_string()))],
            0u32..4,
        )
            .prop_map(|(label, stamp, running, database, repairs)| Observation { label, stamp, running, database, repairs })
    }

    proptest! {
        #[test]
        fn the_database_starts_only_on_its_own_data_with_its_own_release(seen in any_observation()) {
            if decide(&seen) == Decision::Pass {
                prop_assert!(seen.label.as_deref() == Ok(LABEL_DATA) || seen.label.as_deref() == Ok(LABEL_VIRGIN));
                prop_assert!(seen.database.is_ok());
                let (Found::Stamp(stamp), Ok(running)) = (&seen.stamp, &seen.running) else { panic!() };
                prop_assert!(stamp.belongs_to(running));
            }
        }

        #[test]
        fn a_repair_always_changes_the_slot_and_ends(seen in any_observation()) {
            if let Decision::Repair { slot, .. } = decide(&seen) {
                prop_assert!(seen.repairs < REPAIR_LIMIT);
                prop_assert_ne!(seen.running.unwrap().slot, Some(slot));
            }
        }
    }
}
