//! What a ping tells in a few bits: one number of 25 bits, whose places are those of `docs/ping.cddl`. Zero is always "not
//! known", and so is a value that a newer box may say.

/// Whether something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tri {
    /// Nobody can tell.
    #[default]
    Unknown,
    /// It is not.
    No,
    /// It is.
    Yes,
}

/// The slot that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Slot {
    /// None (a container), or not known.
    #[default]
    Unknown,
    /// Slot a.
    A,
    /// Slot b.
    B,
}

/// How it was booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// A container, or not known.
    #[default]
    Unknown,
    /// The committed slot.
    Normal,
    /// A trial.
    Trial,
    /// The other slot, because the committed one did not come up.
    Rescue,
}

/// The door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Door {
    /// Not known.
    #[default]
    Unknown,
    /// Shut.
    Shut,
    /// Open: the clinic can work.
    Open,
}

/// Mains and battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Power {
    /// No UPS, or not known.
    #[default]
    Unknown,
    /// On mains.
    Mains,
    /// On the battery.
    Battery,
    /// The UPS does not answer.
    Silent,
    /// The UPS asks for a new battery.
    ReplaceBattery,
}

/// What the data disk says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Smart {
    /// It says nothing.
    #[default]
    Unknown,
    /// Good.
    Good,
    /// A new one should be ordered.
    Worn,
    /// It announces its end.
    Failing,
}

/// The newest snapshot's proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proof {
    /// No snapshot, or not known.
    #[default]
    Unknown,
    /// Not proven yet.
    Not,
    /// Proven.
    Good,
    /// Proven to be bad.
    Bad,
}

/// What the wall clock is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// Not known.
    #[default]
    Unknown,
    /// It cannot be right (before the release was built, or decades after).
    Wrong,
    /// It may be right; nobody outside the box has set it in this boot.
    Plausible,
    /// Set from the network in this boot.
    Synchronised,
}

/// Where an update stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Update {
    /// Not known.
    #[default]
    Unknown,
    /// Nothing newer is known of.
    Current,
    /// A newer release is offered.
    Offered,
    /// It is being fetched.
    Fetching,
    /// It lies in the other slot.
    Staged,
    /// It is on trial.
    Trial,
    /// The last one was rolled back.
    RolledBack,
    /// The last one was refused or could not be had.
    Failed,
}

/// All of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The slot.
    pub slot: Slot,
    /// How it was booted.
    pub mode: Mode,
    /// The door.
    pub door: Door,
    /// Whether OpenMRS answers as it should.
    pub openmrs: Tri,
    /// Whether the database answers.
    pub database: Tri,
    /// Mains and battery.
    pub power: Power,
    /// The data disk.
    pub smart: Smart,
    /// The newest snapshot's proof.
    pub proof: Proof,
    /// The clock.
    pub clock: Clock,
    /// The update.
    pub update: Update,
    /// A short frame: what is missing was left out, not unknown.
    pub short: bool,
}

/// The places of the fields: first bit and how many.
const SLOT: Place = Place(0, 2);
const MODE: Place = Place(2, 2);
const DOOR: Place = Place(4, 2);
const OPENMRS: Place = Place(6, 2);
const DATABASE: Place = Place(8, 2);
const POWER: Place = Place(10, 3);
const SMART: Place = Place(13, 2);
const PROOF: Place = Place(15, 3);
const CLOCK: Place = Place(18, 2);
const UPDATE: Place = Place(20, 4);
const SHORT: Place = Place(24, 1);

#[derive(Clone, Copy)]
struct Place(u32, u32);

impl Place {
    const fn put(self, value: u32) -> u32 {
        value << self.0
    }

    const fn take(self, bits: u32) -> u32 {
        (bits >> self.0) & ((1 << self.1) - 1)
    }
}

/// Numbers for the values of an enum, in their order; others are the default.
macro_rules! numbered {
    ($type:ident: $($value:ident),+) => {
        impl $type {
            const ALL: &[Self] = &[$(Self::$value),+];

            const fn number(self) -> u32 {
                self as u32
            }

            fn of(number: u32) -> Self {
                Self::ALL.get(number as usize).copied().unwrap_or_default()
            }
        }
    };
}
numbered!(Tri: Unknown, No, Yes);
numbered!(Slot: Unknown, A, B);
numbered!(Mode: Unknown, Normal, Trial, Rescue);
numbered!(Door: Unknown, Shut, Open);
numbered!(Power: Unknown, Mains, Battery, Silent, ReplaceBattery);
numbered!(Smart: Unknown, Good, Worn, Failing);
numbered!(Proof: Unknown, Not, Good, Bad);
numbered!(Clock: Unknown, Wrong, Plausible, Synchronised);
numbered!(Update: Unknown, Current, Offered, Fetching, Staged, Trial, RolledBack, Failed);

impl State {
    /// As one number.
    #[must_use]
    pub const fn bits(self) -> u32 {
        SLOT.put(self.slot.number())
            | MODE.put(self.mode.number())
            | DOOR.put(self.door.number())
            | OPENMRS.put(self.openmrs.number())
            | DATABASE.put(self.database.number())
            | POWER.put(self.power.number())
            | SMART.put(self.smart.number())
            | PROOF.put(self.proof.number())
            | CLOCK.put(self.clock.number())
            | UPDATE.put(self.update.number())
            | SHORT.put(self.short as u32)
    }

    /// Out of a number; bits without a meaning are passed over.
    #[must_use]
    pub fn of(bits: u32) -> Self {
        Self {
            slot: Slot::of(SLOT.take(bits)),
            mode: Mode::of(MODE.take(bits)),
            door: Door::of(DOOR.take(bits)),
            openmrs: Tri::of(OPENMRS.take(bits)),
            database: Tri::of(DATABASE.take(bits)),
            power: Power::of(POWER.take(bits)),
            smart: Smart::of(SMART.take(bits)),
            proof: Proof::of(PROOF.take(bits)),
            clock: Clock::of(CLOCK.take(bits)),
            update: Update::of(UPDATE.take(bits)),
            short: SHORT.take(bits) == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_value_has_its_own_place_and_number() {
        let state = State {
            slot: Slot::B,
            mode: Mode::Rescue,
            door: Door::Open,
            openmrs: Tri::Yes,
            database: Tri::No,
            power: Power::ReplaceBattery,
            smart: Smart::Failing,
            proof: Proof::Bad,
            clock: Clock::Synchronised,
            update: Update::Failed,
            short: true,
        };
        // Written down by hand from docs/ping.cddl: these numbers are on the wire for ever.
        let by_hand = 2
            | 3 << 2
            | 2 << 4
            | 2 << 6
            | 1 << 8
            | 4 << 10
            | 3 << 13
            | 3 << 15
            | 3 << 18
            | 7 << 20
            | 1 << 24;
        assert_eq!(state.bits(), by_hand);
        assert_eq!(State::of(by_hand), state);
        assert_eq!(State::of(0), State::default());
    }

    #[test]
    fn a_value_that_is_not_known_yet_is_unknown_never_good() {
        let newer = State::of(UPDATE.put(15) | POWER.put(7) | PROOF.put(6) | DOOR.put(3));
        assert_eq!(newer, State::default());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(bits: u32) {
            let state = State::of(bits);
            prop_assert_eq!(State::of(state.bits()), state);
            prop_assert!(state.bits() < 1 << 25);
        }
    }
}
