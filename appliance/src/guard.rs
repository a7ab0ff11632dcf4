//! The guard: the database starts only where its data are and belong to the running release.

pub mod decide;
mod repair;

use posto_release::layout::LABEL_VIRGIN;
use serde::{Deserialize, Serialize};

use crate::alarms::{self, Alarm, Source};
use crate::database::import::exchange;
use crate::database::server;
use crate::maintenance;
use crate::places::Places;
use crate::release;
use crate::snapshot::{reconcile, restore};
use crate::stamp;
use crate::system::block::Disk;
use crate::system::durable::{self, Owner};
use crate::system::label;
use crate::texts::{Language, Value, say};
use decide::{Decision, NoRepair, Observation, Refusal};

/// What the guard's unit does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The database may start.
    Pass,
    /// The boot state was repaired: restart the box.
    Reboot,
    /// The database stays down; the alarm is raised.
    Refused(Alarm),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Repairs {
    count: u32,
}

/// Looks, decides, acts; the alarm stands while the refusal does.
#[must_use]
pub fn run(places: &Places) -> Outcome {
    match act(places) {
        Ok(outcome) => {
            // Best effort: an alarm that stays although all is well is only a wrong alarm.
            let _ = alarms::lower(places, Source::Guard);
            outcome
        }
        Err(alarm) => {
            let _ = alarms::raise(places, Source::Guard, &alarm);
            Outcome::Refused(alarm)
        }
    }
}

fn act(places: &Places) -> Result<Outcome, Alarm> {
    finish_interrupted_work(places)?;
    let seen = observe(places);
    match decide::decide(&seen) {
        Decision::Pass => {
            forget_repairs(places);
            reconcile::at_boot(places);
            Ok(Outcome::Pass)
        }
        Decision::Refuse(refusal) => Err(refusal_alarm(places, &refusal)),
        Decision::Repair {
            slot,
            stamp,
            running,
        } => {
            let repaired = (|| {
                let disk = Disk::of(&places.data()).map_err(|error| error.to_string())?;
                repair::prove(&disk, slot, &stamp).map_err(|error| error.to_string())?;
                remember_repair(places, seen.repairs + 1).map_err(|error| error.to_string())?;
                repair::commit(&disk, slot).map_err(|error| error.to_string())
            })();
            match repaired {
                Ok(()) => Ok(Outcome::Reboot),
                Err(reason) => {
                    let why = NoRepair::SlotBroken { slot, reason };
                    let refusal = Refusal::Mismatch {
                        stamped: stamp.release,
                        running,
                        why,
                    };
                    Err(refusal_alarm(places, &refusal))
                }
            }
        }
    }
}

fn observe(places: &Places) -> Observation {
    Observation {
        label: label::read(&places.data()).map_err(|error| error.to_string()),
        stamp: stamp::read(places),
        running: release::running(places).map_err(|error| error.to_string()),
        database: server::looks_like_data(&places.database()),
        repairs: repairs(places),
    }
}

/// What cannot be read counts as the limit reached: better a screen than a box that restarts for ever.
fn repairs(places: &Places) -> u32 {
    match durable::read(&places.repairs(), 4096) {
        Ok(None) => 0,
        Ok(Some(bytes)) => {
            serde_json::from_slice::<Repairs>(&bytes).map_or(decide::REPAIR_LIMIT, |r| r.count)
        }
        Err(_) => decide::REPAIR_LIMIT,
    }
}

/// Counted before the boot state is touched: a repair that does not help must not be repeated for ever. A slot that was
/// not proven is not counted, so that the screen keeps saying what is wrong with it.
fn remember_repair(places: &Places, count: u32) -> Result<(), durable::DurableError> {
    let text = serde_json::to_vec(&Repairs { count }).unwrap_or_default();
    durable::write(&places.repairs(), &text, Owner::mode(0o644))
}

fn forget_repairs(places: &Places) {
    if places.repairs().exists() {
        // Best effort: a count that stays only makes the next repair a screen.
        let _ = durable::remove(&places.repairs());
    }
}

/// An import or a restore that a power cut interrupted is ended, forward or back, before anybody looks at the data; then
/// staging is emptied, unless somebody works there now.
fn finish_interrupted_work(places: &Places) -> Result<(), Alarm> {
    let failed = |reason: String| Alarm::new("staging", &[("reason", reason.into())]);
    if maintenance::under_way(places).is_some() || !places.staging().exists() {
        return Ok(());
    }
    exchange::finish_interrupted(places).map_err(|error| failed(error.to_string()))?;
    let restores = restore::finish_interrupted(places, restore::Servers::Down)
        .map_err(|error| failed(error.to_string()))?;
    for finished in restores {
        restore::tell(places, &finished);
    }
    let entries = std::fs::read_dir(places.staging()).map_err(|error| failed(error.to_string()))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed(error.to_string()))?;
        durable::remove(&entry.path()).map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

fn refusal_alarm(places: &Places, refusal: &Refusal) -> Alarm {
    let reason = |text: &str| [("reason", Value::from(text))];
    match refusal {
        Refusal::NotMounted(text) => Alarm::new("data-not-mounted", &reason(text)),
        // The first boot says why it did not end; this alarm is about the same thing.
        Refusal::Label(label) if label == LABEL_VIRGIN => {
            alarms::standing_of(places, Source::FirstBoot).unwrap_or_else(|| {
                Alarm::new(
                    "first-boot",
                    &reason("posto-first-boot.service did not run"),
                )
            })
        }
        Refusal::Label(label) => Alarm::new("data-label", &[("label", label.as_str().into())]),
        Refusal::DatabaseMissing(missing) => {
            Alarm::new("database-missing", &[("missing", missing.as_str().into())])
        }
        Refusal::StampMissing => Alarm::new("stamp-missing", &[]),
        Refusal::StampUnreadable(text) => Alarm::new("stamp-unreadable", &reason(text)),
        Refusal::Running(text) => Alarm::new("release-unreadable", &reason(text)),
        Refusal::Mismatch {
            stamped,
            running,
            why,
        } => {
            let alarm = |language| {
                let values = [
                    ("stamped", Value::from(stamped.as_str())),
                    ("running", Value::from(running.as_str())),
                    ("why", Value::from(why_text(language, why))),
                ];
                say(language, "alarm-release-mismatch", &values)
            };
            Alarm {
                code: "release-mismatch".to_string(),
                pt: alarm(Language::Pt),
                en: alarm(Language::En),
            }
        }
    }
}

fn why_text(language: Language, why: &NoRepair) -> String {
    match why {
        NoRepair::Limit(times) => say(
            language,
            "why-repair-limit",
            &[("times", u64::from(*times).into())],
        ),
        NoRepair::NoSlot => say(language, "why-no-slot", &[]),
        NoRepair::Container => say(language, "why-container", &[]),
        NoRepair::SlotBroken { slot, reason } => {
            let values = [
                ("slot", slot.letter().into()),
                ("reason", reason.as_str().into()),
            ];
            say(language, "why-slot-broken", &values)
        }
    }
}
