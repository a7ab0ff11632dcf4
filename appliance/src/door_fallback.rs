//! The last resort: posto itself does not judge, and the clinic would stand before a shut door although OpenMRS works. Opens
//! it then, and never where posto would have refused. Plain files and sockets only.

pub mod ask;

use std::time::Duration;

use posto_release::kernel_line::Mode;

use crate::alarms;
use crate::events::{self, Event};
use crate::maintenance;
use crate::places::Places;
use crate::release;
use crate::supervise::judgement::Judgement;
use crate::system::clock;
use crate::system::durable::{self, DurableError, Owner};
use crate::wishes::Wish;

/// What is known before anybody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The door is open.
    pub open: bool,
    /// The daemon judges.
    pub judged: bool,
    /// The committed slot, booted normally (or a container, which has no slots).
    pub normal: bool,
    /// A maintenance is under way.
    pub maintenance: bool,
    /// The first installation is not proven.
    pub pending: bool,
    /// An alarm keeps something down.
    pub refused: bool,
    /// Somebody shut the door, or stopped OpenMRS, by hand.
    pub wished: bool,
}

/// Why the door is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is open.
    Open,
    /// Posto judges.
    Judged,
    /// A trial or a rescue, or nobody can tell.
    NotNormal,
    /// Maintenance.
    Maintenance,
    /// First installation.
    Pending,
    /// An alarm.
    Refused,
    /// By hand.
    ByHand,
    /// OpenMRS's page is not there.
    NoPage,
    /// The database takes no connection.
    NoDatabase,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Left(Why),
    /// The door was opened.
    Opened,
}

/// Why the door may not be opened, before anybody is asked.
#[must_use]
pub fn refuses(known: Known) -> Option<Why> {
    [
        (known.open, Why::Open),
        (known.judged, Why::Judged),
        (!known.normal, Why::NotNormal),
        (known.maintenance, Why::Maintenance),
        (known.pending, Why::Pending),
        (known.refused, Why::Refused),
        (known.wished, Why::ByHand),
    ]
    .into_iter()
    .find_map(|(holds, why)| holds.then_some(why))
}

/// Looks, asks, opens.
///
/// # Errors
/// When tmpfs cannot be written.
pub fn run(places: &Places) -> Result<Outcome, DurableError> {
    if let Some(why) = refuses(known(places, clock::since_boot())) {
        return Ok(Outcome::Left(why));
    }
    if !ask::page_is_there() {
        return Ok(Outcome::Left(Why::NoPage));
    }
    if !ask::database_greets(&places.database_socket()) {
        return Ok(Outcome::Left(Why::NoDatabase));
    }
    // Asking took time: an import may have begun.
    if let Some(why) = refuses(known(places, clock::since_boot())) {
        return Ok(Outcome::Left(why));
    }
    if let Some(door) = places.door_open().parent() {
        durable::directory(door, Owner::mode(0o755))?;
    }
    durable::write(&places.door_open(), b"", Owner::mode(0o644))?;
    events::record(places, &Event::new("door-opened-by-fallback"));
    Ok(Outcome::Opened)
}

fn known(places: &Places, now: Duration) -> Known {
    Known {
        open: places.door_open().exists(),
        judged: Judgement::read(places, now).is_some(),
        normal: release::mode(places) == Some(Mode::Normal),
        maintenance: maintenance::under_way(places).is_some(),
        // A data partition that cannot be looked at proves nothing.
        pending: places.install_pending().exists() || !places.posto().is_dir(),
        refused: alarms::KEEPING_DOWN
            .iter()
            .any(|source| source.stands(places)),
        wished: Wish::DoorShut.stands(places) || Wish::OpenmrsStopped.stands(places),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn container(dir: &std::path::Path) -> Places {
        let places = Places::under(dir);
        for directory in [places.run(), places.posto(), dir.join("run/systemd")] {
            std::fs::create_dir_all(directory).unwrap();
        }
        std::fs::File::create(places.container()).unwrap();
        places
    }

    #[test]
    fn only_a_box_that_nobody_judges_and_nothing_holds_back_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let places = container(dir.path());
        assert_eq!(refuses(known(&places, Duration::ZERO)), None);
        std::fs::File::create(places.install_pending()).unwrap();
        assert_eq!(refuses(known(&places, Duration::ZERO)), Some(Why::Pending));
        std::fs::remove_file(places.install_pending()).unwrap();
        let work = maintenance::Maintenance::begin(&places, maintenance::Kind::Import, 0).unwrap();
        assert_eq!(
            refuses(known(&places, Duration::ZERO)),
            Some(Why::Maintenance)
        );
        drop(work);
        Wish::DoorShut.make(&places).unwrap();
        assert_eq!(refuses(known(&places, Duration::ZERO)), Some(Why::ByHand));
    }

    #[test]
    fn a_trial_a_rescue_and_a_box_that_nobody_can_tell_stay_shut() {
        let dir = tempfile::tempdir().unwrap();
        let places = container(dir.path());
        std::fs::remove_file(places.container()).unwrap();
        assert_eq!(
            refuses(known(&places, Duration::ZERO)),
            Some(Why::NotNormal)
        );
    }

    proptest! {
        #[test]
        fn one_reason_is_enough(flags in any::<[bool; 7]>()) {
            let [open, judged, normal, maintenance, pending, refused, wished] = flags;
            let known = Known { open, judged, normal, maintenance, pending, refused, wished };
            let clear = normal && ![open, judged, maintenance, pending, refused, wished].contains(&true);
            prop_assert_eq!(refuses(known).is_none(), clear);
        }
    }
}
