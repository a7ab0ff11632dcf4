//! What happened on this box: each event goes to SQLite (`/data/posto/events.sqlite`, for `posto events`) and to journald
//! with structured fields. Order is the sequence number's, never the wall clock's (a dead RTC boots in 1970).

mod journal;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::places::Places;
use crate::system::clock;
use crate::system::durable;
use crate::texts::{self, Language, Value};

pub use store::{Store, StoreError};

/// One field of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Field {
    /// A whole number.
    Number(u64),
    /// Words.
    Text(String),
}

impl From<u64> for Field {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Something that happened. Its words are the text `event-<name>`; its fields are the values in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    name: String,
    fields: BTreeMap<String, Field>,
}

impl Event {
    /// `name`: lower case and dashes; `texts/*/events.ftl` (or the noun's own file) has `event-<name>`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name: name.to_string(),
            fields: BTreeMap::new(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        self.fields.insert(name.to_string(), value.into());
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> &BTreeMap<String, Field> {
        &self.fields
    }

    /// In words.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let values: Vec<(&str, Value)> = self
            .fields
            .iter()
            .map(|(name, field)| {
                let value = match field {
                    Field::Number(number) => Value::Number(*number),
                    Field::Text(text) => Value::Text(reason(language, name, text)),
                };
                (name.as_str(), value)
            })
            .collect();
        texts::say(language, &format!("event-{}", self.name), &values)
    }
}

/// Reasons are kept as codes and said as words.
fn reason(language: Language, field: &str, code: &str) -> String {
    let id = format!("reason-{code}");
    let words = texts::say(language, &id, &[]);
    if matches!(field, "why" | "cause") && words != id {
        words
    } else {
        code.to_string()
    }
}

/// When, by each of the box's clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The kernel's name of the boot.
    pub boot: String,
    /// Milliseconds since that boot.
    pub since_boot_ms: u64,
    /// Seconds since 1970 by the wall clock, which may have been wrong.
    pub unix_s: u64,
}

impl Moment {
    /// Now.
    #[must_use]
    pub fn now(places: &Places) -> Self {
        let boot = durable::read(&places.boot_id(), 64).ok().flatten();
        Self {
            boot: String::from_utf8_lossy(&boot.unwrap_or_default())
                .trim()
                .to_string(),
            since_boot_ms: u64::try_from(clock::since_boot().as_millis()).unwrap_or(u64::MAX),
            unix_s: clock::unix_seconds(),
        }
    }
}

/// An event as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the order of all events of this box.
    pub sequence: u64,
    /// When.
    pub moment: Moment,
    /// What.
    pub event: Event,
}

/// Records an event: never fails, since what it tells of must go on; without a database journald still has it.
pub fn record(places: &Places, event: &Event) {
    record_with(&mut None, places, event);
}

/// As [`record`], keeping the store open in `store` for the next one: the daemon's way.
pub fn record_with(store: &mut Option<Store>, places: &Places, event: &Event) {
    let moment = Moment::now(places);
    let sequence = append(store, places, event, &moment);
    if let Err(error) = &sequence {
        journal::complain(error);
        *store = None;
    }
    journal::send(event, &moment, sequence.ok());
}

fn append(
    store: &mut Option<Store>,
    places: &Places,
    event: &Event,
    moment: &Moment,
) -> Result<u64, StoreError> {
    if store.is_none() {
        *store = Some(Store::open(&places.events())?);
    }
    match store {
        Some(store) => store.append(event, moment),
        None => Ok(0),
    }
}
