//! Alarms found at boot: one file each on tmpfs, shown on the console and in `posto status`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};
use crate::texts::{self, Language, Value};

/// No honest alarm is larger.
const LIMIT_BYTES: u64 = 64 * 1024;
/// More alarms than this are not read.
const COUNT_LIMIT: usize = 64;

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What to say on the phone: words of lower case and dashes.
    pub code: String,
    /// In Portuguese.
    pub pt: String,
    /// In English.
    pub en: String,
}

impl Alarm {
    /// The alarm with the text `alarm-<code>` in both languages.
    #[must_use]
    pub fn new(code: &str, values: &[(&str, Value)]) -> Self {
        let id = format!("alarm-{code}");
        Self {
            code: code.to_string(),
            pt: texts::say(Language::Pt, &id, values),
            en: texts::say(Language::En, &id, values),
        }
    }

    /// Its text in one language.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Pt => &self.pt,
            Language::En => &self.en,
        }
    }
}

/// Who raises alarms; each has one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `posto unit first-boot`.
    FirstBoot,
    /// `posto unit guard`.
    Guard,
    /// `posto unit setup`.
    Setup,
    /// `posto unit openmrs-prepare`.
    OpenmrsPrepare,
    /// The guard of the data disk's room.
    DiskRoom,
    /// What the data disk says of itself.
    DiskHealth,
    /// The guard of the wall clock.
    Clock,
    /// The guard of the sensors.
    Heat,
    /// The battery.
    Ups,
    /// The guard of the units' processes.
    Tasks,
    /// The ladder, when it has given up.
    Supervise,
    /// Modules of OpenMRS that used to run.
    Modules,
    /// No snapshots for long.
    Snapshots,
    /// A bad proof, or none for long.
    Proofs,
    /// No copy off the disk for long.
    Copies,
}

/// Whose alarms keep the database or OpenMRS down.
pub const KEEPING_DOWN: [Source; 3] = [Source::FirstBoot, Source::Guard, Source::OpenmrsPrepare];

impl Source {
    /// Whether its alarm stands, readable or not.
    #[must_use]
    pub fn stands(self, places: &Places) -> bool {
        self.path(places).exists()
    }

    fn path(self, places: &Places) -> PathBuf {
        places.alarms().join(match self {
            Self::FirstBoot => "first-boot.json",
            Self::Guard => "guard.json",
            Self::Setup => "setup.json",
            Self::OpenmrsPrepare => "openmrs-prepare.json",
            Self::DiskRoom => "disk-room.json",
            Self::DiskHealth => "disk-health.json",
            Self::Clock => "clock.json",
            Self::Heat => "heat.json",
            Self::Ups => "ups.json",
            Self::Tasks => "tasks.json",
            Self::Supervise => "supervise.json",
            Self::Modules => "modules.json",
            Self::Snapshots => "snapshots.json",
            Self::Proofs => "proofs.json",
            Self::Copies => "copies.json",
        })
    }
}

/// Shows an alarm until it is lowered or the box restarts.
///
/// # Errors
/// When tmpfs is full or away.
pub fn raise(places: &Places, source: Source, alarm: &Alarm) -> Result<(), DurableError> {
    durable::directory(&places.run(), Owner::mode(0o755))?;
    durable::directory(&places.alarms(), Owner::mode(0o755))?;
    let text = serde_json::to_vec(alarm).unwrap_or_default();
    durable::write(&source.path(places), &text, Owner::mode(0o644))
}

/// Takes the source's alarm back. None there is fine.
///
/// # Errors
/// When it cannot be removed.
pub fn lower(places: &Places, source: Source) -> Result<(), DurableError> {
    if source.stands(places) {
        durable::remove(&source.path(places))
    } else {
        Ok(())
    }
}

/// The source's alarm, if it stands.
#[must_use]
pub fn standing_of(places: &Places, source: Source) -> Option<Alarm> {
    let bytes = durable::read(&source.path(places), LIMIT_BYTES).ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// All standing alarms, by file name. One that cannot be read is still an alarm.
#[must_use]
pub fn standing(places: &Places) -> Vec<Alarm> {
    let Ok(entries) = std::fs::read_dir(places.alarms()) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .take(COUNT_LIMIT)
        .collect();
    paths.sort();
    let mut alarms: Vec<Alarm> = paths
        .iter()
        .map(|path| {
            let bytes = durable::read(path, LIMIT_BYTES)
                .ok()
                .flatten()
                .unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_else(|_| {
                let name = path.display().to_string();
                Alarm {
                    code: "unreadable".to_string(),
                    pt: name.clone(),
                    en: name,
                }
            })
        })
        .collect();
    // The guard repeats a failed first boot's alarm as its own.
    alarms.dedup();
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_stands_until_lowered_and_says_why_in_both_languages() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir(dir.path().join("run")).unwrap();
        assert!(standing(&places).is_empty());
        let alarm = Alarm::new("data-label", &[("label", "backup".into())]);
        assert!(alarm.pt.contains("etiqueta") && alarm.pt.contains("'backup'"));
        assert!(alarm.en.contains("label 'backup'"));
        raise(&places, Source::Guard, &alarm).unwrap();
        assert_eq!(standing(&places), std::slice::from_ref(&alarm));
        assert_eq!(standing_of(&places, Source::Guard), Some(alarm));
        lower(&places, Source::Guard).unwrap();
        lower(&places, Source::Guard).unwrap();
        assert!(standing(&places).is_empty());
    }
}
