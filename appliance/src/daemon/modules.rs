//! Modules that used to show themselves and do not any more: an alarm, never a shut door on a committed slot.

use serde::{Deserialize, Serialize};

use super::Daemon;
use crate::alarms::{self, Alarm, Source};
use crate::events::Event;
use crate::places::Places;
use crate::supervise::observation::Observation;
use crate::supervise::seen::ModuleSigns;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::log::log;

const LIMIT_BYTES: u64 = 4096;

/// What showed itself at earlier starts of this box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    login_page: bool,
    rest: bool,
    #[serde(skip)]
    missing: [bool; 2],
}

const NAMES: [&str; 2] = ["legacyui", "webservices.rest"];

impl Known {
    pub(super) fn read(places: &Places) -> Self {
        let bytes = durable::read(&places.modules_known(), LIMIT_BYTES)
            .ok()
            .flatten();
        serde_json::from_slice(&bytes.unwrap_or_default()).unwrap_or_default()
    }

    fn write(self, places: &Places) -> Result<(), DurableError> {
        let text = serde_json::to_vec(&self).unwrap_or_default();
        durable::write(&places.modules_known(), &text, Owner::mode(0o644))
    }

    /// Learns what is there; the names of what was there and is not.
    fn compare(&mut self, signs: ModuleSigns) -> Vec<&'static str> {
        let rest = signs.rest.unwrap_or(!self.missing[1]);
        self.login_page |= signs.login_page;
        self.rest |= signs.rest == Some(true);
        self.missing = [self.login_page && !signs.login_page, self.rest && !rest];
        NAMES
            .into_iter()
            .zip(self.missing)
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect()
    }
}

impl Daemon {
    pub(super) fn judge_modules(&mut self, observation: &Observation) {
        let signs = observation.seen.as_ref().and_then(|seen| seen.web.modules);
        let (Some(signs), true) = (signs, observation.answers()) else {
            return;
        };
        let before = self.known_modules;
        let missing = self.known_modules.compare(signs);
        if self.known_modules == before {
            return;
        }
        let known = (before.login_page, before.rest);
        if known != (self.known_modules.login_page, self.known_modules.rest)
            && let Err(error) = self.known_modules.write(&self.places)
        {
            log(&format!("which modules run could not be kept: {error}"));
        }
        if self.known_modules.missing == before.missing {
            return;
        }
        let names = missing.join(", ");
        let done = if missing.is_empty() {
            self.record(&Event::new("modules-back"));
            alarms::lower(&self.places, Source::Modules)
        } else {
            self.record(&Event::new("modules-missing").with("modules", names.as_str()));
            let alarm = Alarm::new("modules-missing", &[("modules", names.into())]);
            alarms::raise(&self.places, Source::Modules, &alarm)
        };
        if let Err(error) = done {
            log(&error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_there_before_can_be_missing() {
        let mut known = Known::default();
        let none = ModuleSigns {
            login_page: false,
            rest: Some(false),
        };
        assert!(known.compare(none).is_empty());
        let all = ModuleSigns {
            login_page: true,
            rest: Some(true),
        };
        assert!(known.compare(all).is_empty());
        assert_eq!(known.compare(none), NAMES);
        let unsaid = ModuleSigns {
            login_page: true,
            rest: None,
        };
        assert_eq!(known.compare(unsaid), ["webservices.rest"]);
        assert!(known.compare(all).is_empty());
    }
}
