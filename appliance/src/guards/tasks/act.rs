//! Reads the cgroups and tells.

use std::path::Path;
use std::time::Duration;

use super::{Reading, State, decide, most, refused};
use crate::alarms::{Alarm, Source};
use crate::events::{self, Event};
use crate::guards::show;
use crate::places::Places;
use crate::system::durable;

/// Units whose limit people notice: OpenMRS sets its own, the database and the door have systemd's default.
const UNITS: [&str; 3] = ["openmrs.service", "mariadb.service", "nginx.service"];
/// No honest file of these is longer: one number, or one short line for each key.
const LIMIT_BYTES: u64 = 4096;

/// The guard of the units' processes between two looks.
#[derive(Debug, Default)]
pub(in crate::guards) struct Tasks {
    units: [State; UNITS.len()],
    /// The unit that the alarm names; none before the first look.
    shown: Option<Option<&'static str>>,
}

impl Tasks {
    /// Looks at each unit, records events, shows or lowers the alarm. `now` is time since boot.
    pub(in crate::guards) fn look(&mut self, places: &Places, now: Duration) {
        let mut exhausted = None;
        for (unit, state) in UNITS.into_iter().zip(&mut self.units) {
            let seen = read(&places.service_cgroups().join(unit));
            let outcome = decide(*state, seen, now);
            *state = outcome.state;
            if let Some(count) = outcome.tell {
                let event = Event::new("processes-exhausted").with("unit", unit);
                events::record(places, &event.with("count", count));
            }
            if outcome.exhausted {
                exhausted = exhausted.or(Some(unit));
            }
        }
        // Also at the first look: an earlier daemon's alarm may stand.
        if self.shown.replace(exhausted) != Some(exhausted) {
            let alarm =
                exhausted.map(|unit| Alarm::new("processes-exhausted", &[("unit", unit.into())]));
            show(places, Source::Tasks, alarm.as_ref());
        }
    }
}

/// A unit's cgroup, `group` being its directory. None where there is none, or no counter in it (on a host with the old
/// cgroups they are elsewhere).
fn read(group: &Path) -> Option<Reading> {
    let text = |file: &str| {
        let bytes = durable::read(&group.join(file), LIMIT_BYTES).ok()??;
        String::from_utf8(bytes).ok()
    };
    Some(Reading {
        refused: refused(&text("pids.events")?)?,
        current: text("pids.current")?.trim().parse().ok()?,
        most: most(&text("pids.max")?),
    })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::alarms;
    use crate::events::Store;

    const S: fn(u64) -> Duration = Duration::from_secs;

    struct Ground {
        _dir: tempfile::TempDir,
        places: Places,
    }

    impl Ground {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let places = Places::under(dir.path());
            for path in [places.posto(), places.alarms(), places.service_cgroups()] {
                std::fs::create_dir_all(path).unwrap();
            }
            Self { _dir: dir, places }
        }

        fn cgroup(&self, unit: &str, files: &[(&str, &str)]) {
            let group = self.places.service_cgroups().join(unit);
            std::fs::create_dir_all(&group).unwrap();
            for (file, text) in files {
                std::fs::write(group.join(file), text).unwrap();
            }
        }

        fn events(&self) -> Vec<String> {
            let Ok(store) = Store::open(&self.places.events()) else {
                return Vec::new();
            };
            let recorded = store.latest(10).unwrap();
            let words = |event: &Event| event.words(crate::texts::Language::En);
            recorded
                .iter()
                .map(|recorded| words(&recorded.event))
                .collect()
        }
    }

    #[test]
    fn a_unit_at_its_limit_is_told_of_and_the_alarm_goes_when_it_is_over() {
        let ground = Ground::new();
        let mut tasks = Tasks::default();
        let full = [("pids.max", "1024\n"), ("pids.current", "1024\n")];
        ground.cgroup("openmrs.service", &full);
        ground.cgroup(
            "openmrs.service",
            &[("pids.events", "max 3\n"), ("pids.current", "90\n")],
        );
        tasks.look(&ground.places, S(10));
        assert!(ground.events().is_empty() && alarms::standing(&ground.places).is_empty());

        ground.cgroup(
            "openmrs.service",
            &[("pids.events", "max 10\n"), ("pids.current", "1024\n")],
        );
        tasks.look(&ground.places, S(20));
        let said = ground.events().concat();
        assert!(
            said.contains("openmrs.service") && said.contains("7 more"),
            "{said}"
        );
        let standing = alarms::standing_of(&ground.places, Source::Tasks).unwrap();
        assert_eq!(standing.code, "processes-exhausted");

        ground.cgroup("openmrs.service", &[("pids.current", "90\n")]);
        tasks.look(&ground.places, S(79));
        assert!(Source::Tasks.stands(&ground.places));
        tasks.look(&ground.places, S(80));
        assert!(!Source::Tasks.stands(&ground.places));
    }

    #[test]
    fn an_earlier_daemons_alarm_is_lowered_at_the_first_look() {
        let ground = Ground::new();
        alarms::raise(
            &ground.places,
            Source::Tasks,
            &Alarm::new("processes-exhausted", &[]),
        )
        .unwrap();
        Tasks::default().look(&ground.places, S(10));
        assert!(!Source::Tasks.stands(&ground.places));
    }

    #[test]
    fn a_cgroup_without_the_counter_says_nothing() {
        let ground = Ground::new();
        let group = ground.places.service_cgroups().join("openmrs.service");
        assert_eq!(read(&group), None);
        ground.cgroup(
            "openmrs.service",
            &[("pids.current", "1024\n"), ("pids.max", "1024\n")],
        );
        assert_eq!(read(&group), None);
        ground.cgroup("openmrs.service", &[("pids.events", "max 2\n")]);
        let whole = Reading {
            refused: 2,
            current: 1024,
            most: Some(1024),
        };
        assert_eq!(read(&group), Some(whole));
        let endless = format!("max 2\n{}", " ".repeat(5000));
        ground.cgroup("openmrs.service", &[("pids.events", &endless)]);
        assert_eq!(read(&group), None, "longer than the kernel writes it");
    }
}
