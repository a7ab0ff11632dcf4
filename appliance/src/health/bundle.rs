//! What a box gives to whoever helps from a distance: one tar file. `bundle.json` is readable by anybody and holds only what is on
//! the list below, field by field; free text (logs, reasons, alarms' words), which may hold patients' names, goes into
//! `words.age` for the programme's key alone, or is left out. Secrets go nowhere.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use age::x25519::Recipient;
use serde::Serialize;
use tar::{Builder, EntryType, Header};

use super::alarm_code::AlarmCode;
use super::post::Told;
use crate::events::{Field, Moment, Recorded};
use crate::report::Report;
use crate::snapshot::proof::Proven;
use crate::supervise::situation::Situation;

/// Of what may be read by anybody.
pub const FACTS_FILE: &str = "bundle.json";
/// Of what only the programme reads.
pub const WORDS_FILE: &str = "words.age";
/// Fields of events that are codes of this program's own, never anybody's words.
const EVENT_FIELDS: [&str; 7] = ["cause", "why", "sign", "depth", "unit", "step", "method"];
/// No code of ours is longer.
const CODE_LIMIT: usize = 40;

/// A number to say on the phone: `123-456`.
#[must_use]
pub fn reference(random: u64) -> String {
    let number = random % 1_000_000;
    format!("{:03}-{:03}", number / 1000, number % 1000)
}

/// `bundle.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Said on the phone.
    pub reference: String,
    /// Of this program.
    pub posto: &'static str,
    /// The facility's id.
    pub facility: String,
    /// Release, slot, distro.
    pub release: String,
    /// The slot.
    pub slot: Option<String>,
    /// The distro.
    pub distro: Option<String>,
    /// The kernel's release, as uname(2) says it.
    pub kernel: String,
    /// What the clinic is told, by its code.
    pub situation: Option<&'static str>,
    /// Since when, seconds since 1970.
    pub since_unix_s: Option<u64>,
    /// Whether the LAN reaches OpenMRS.
    pub door_open: Option<bool>,
    /// Whether the database answers.
    pub database_answers: Option<bool>,
    /// Standing alarms, by number and name.
    pub alarms: Vec<(u8, &'static str)>,
    /// The data disk: size and free, bytes.
    pub data_disk: Option<(u64, u64)>,
    /// Snapshots: how many, the newest one's age in seconds, and its proof.
    pub snapshots: Option<(u64, Option<u64>, Option<Proven>)>,
    /// Pings.
    pub pings: Option<Told>,
    /// Boots begun, and not ended in order.
    pub boots: (u64, u64),
    /// systemd's units of ours: active, result.
    pub units: BTreeMap<&'static str, (String, String)>,
    /// What happened, oldest first.
    pub events: Vec<Happened>,
}

/// One event, without anybody's words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Happened {
    sequence: u64,
    #[serde(flatten)]
    moment: Moment,
    name: String,
    fields: BTreeMap<String, Field>,
}

/// What is looked at elsewhere.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Looked {
    /// uname's release.
    pub kernel: String,
    /// Boots begun, and not ended in order.
    pub boots: (u64, u64),
    /// Active and result of each unit.
    pub units: BTreeMap<&'static str, (String, String)>,
    /// Events, oldest first.
    pub events: Vec<Recorded>,
}

/// The list, applied.
#[must_use]
pub fn facts(reference: &str, report: &Report, looked: Looked) -> Facts {
    let judgement = report.judgement.as_ref();
    Facts {
        reference: reference.to_string(),
        posto: env!("CARGO_PKG_VERSION"),
        facility: report.facility.id.clone(),
        release: report.release.chars().take(64).collect(),
        slot: report.slot.clone(),
        distro: report.distro.clone(),
        kernel: looked.kernel,
        situation: judgement.map(|judgement| situation(&judgement.situation)),
        since_unix_s: judgement.map(|judgement| judgement.since),
        door_open: judgement.map(|judgement| judgement.door_open),
        database_answers: judgement.map(|judgement| judgement.database_answers),
        alarms: report
            .alarms
            .iter()
            .map(|alarm| AlarmCode::named(&alarm.code))
            .map(|code| (code.number, code.name))
            .collect(),
        data_disk: report
            .data_disk
            .map(|disk| (disk.size_bytes, disk.free_bytes)),
        snapshots: report.snapshots.map(|snapshots| {
            let newest = snapshots.newest;
            (
                snapshots.count,
                newest.map(|newest| newest.age_s),
                newest.map(|newest| newest.proof),
            )
        }),
        pings: report.pings,
        boots: looked.boots,
        units: looked.units,
        events: looked.events.into_iter().map(happened).collect(),
    }
}

fn situation(situation: &Situation) -> &'static str {
    match situation {
        Situation::Serving => "serving",
        Situation::Starting => "starting",
        Situation::Installing => "installing",
        Situation::DatabaseAway => "database-away",
        Situation::Unavailable => "unavailable",
        Situation::Maintenance { .. } => "maintenance",
        Situation::Held { .. } => "held",
        Situation::Stopped => "stopped",
        Situation::DoorClosed => "door-closed",
        Situation::GaveUp => "gave-up",
        Situation::Refused { .. } => "refused",
    }
}

fn happened(recorded: Recorded) -> Happened {
    let fields = recorded.event.fields().iter();
    let may_be_read = |(name, field): &(&String, &Field)| match field {
        Field::Number(_) => true,
        Field::Text(text) => EVENT_FIELDS.contains(&name.as_str()) && is_code(text),
    };
    Happened {
        sequence: recorded.sequence,
        name: if is_code(recorded.event.name()) {
            recorded.event.name().to_string()
        } else {
            String::new()
        },
        fields: fields
            .filter(may_be_read)
            .map(|(name, field)| (name.clone(), field.clone()))
            .collect(),
        moment: recorded.moment,
    }
}

/// As codes are written: lower case, digits, dots, dashes.
fn is_code(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-@".contains(&byte);
    (1..=CODE_LIMIT).contains(&text.len()) && text.bytes().all(plain)
}

/// Free text, by the name of its file.
pub type Words = BTreeMap<String, Vec<u8>>;

/// The tar file: the facts, and the words for `recipient` where there is one.
///
/// # Errors
/// When the facts cannot be written down or the words not be encrypted: neither in practice.
pub fn pack(
    facts: &Facts,
    words: &Words,
    recipient: Option<&Recipient>,
) -> std::io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    let text = serde_json::to_vec_pretty(facts)?;
    append(&mut tar, FACTS_FILE, &text)?;
    if let Some(recipient) = recipient {
        append(&mut tar, WORDS_FILE, &sealed(words, recipient)?)?;
    }
    tar.into_inner()
}

/// tar, zstd, age: stock tools open it.
fn sealed(words: &Words, recipient: &Recipient) -> std::io::Result<Vec<u8>> {
    let mut inner = Builder::new(Vec::new());
    for (name, bytes) in words {
        append(&mut inner, name, bytes)?;
    }
    let packed = zstd::encode_all(inner.into_inner()?.as_slice(), 6)?;
    let one: [&dyn age::Recipient; 1] = [recipient];
    let encryptor =
        age::Encryptor::with_recipients(one.into_iter()).map_err(std::io::Error::other)?;
    let mut out = encryptor.wrap_output(Vec::new())?;
    out.write_all(&packed)?;
    out.finish()
}

fn append(tar: &mut Builder<Vec<u8>>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, name, bytes.take(bytes.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::Alarm;
    use crate::events::Event;
    use crate::facility::{Facility, Ups};
    use crate::supervise::judgement::Judgement;

    /// What must not be found in what anybody may read.
    const SEEDS: [&str; 6] = [
        "Amélia Macuácua",
        "Macuacua",
        "nid-010203045",
        "Segredo-Muito-Secreto",
        "192.168.77.5",
        "senhaDaUps",
    ];

    fn event(sequence: u64, event: Event) -> Recorded {
        Recorded {
            sequence,
            moment: Moment {
                boot: "b".into(),
                since_boot_ms: 1,
                unix_s: 2,
            },
            event,
        }
    }

    /// Names and secrets wherever a box can hold words.
    fn seeded() -> (Report, Looked, Words) {
        let all = SEEDS.join(" ");
        let report = Report {
            facility: Facility {
                id: "cs-namacurra".into(),
                name: all.clone(),
                ups: Some(Ups {
                    monitor: "apc@192.168.77.5".into(),
                    user: "Macuacua".into(),
                    password: "senhaDaUps".into(),
                }),
                ..Facility::default()
            },
            alarms: vec![
                Alarm::new("openmrs-prepare", &[("reason", all.clone().into())]),
                Alarm::new("Macuacua", &[]),
            ],
            judgement: Some(Judgement {
                at: 1,
                door_open: false,
                database_answers: true,
                situation: Situation::Refused { code: all.clone() },
                since: 5,
                minutes: None,
            }),
            addresses: vec!["192.168.77.5".parse().unwrap()],
            ..Report::of_a_serving_box()
        };
        let looked = Looked {
            kernel: "6.12".into(),
            boots: (9, 2),
            units: BTreeMap::from([("openmrs.service", ("active".into(), "success".into()))]),
            events: vec![
                event(1, Event::new("copy-failed").with("reason", all.as_str())),
                event(2, Event::new("door-shut").with("why", all.as_str())),
                event(3, Event::new("door-shut").with("why", "disk-full")),
                event(4, Event::new("disk-failing").with("disk", "nid-010203045")),
                event(5, Event::new("heat-hot").with("degrees", 88)),
            ],
        };
        let words = Words::from([("logs/openmrs.txt".to_string(), all.into_bytes())]);
        (report, looked, words)
    }

    fn holds(bytes: &[u8], seed: &str) -> bool {
        let forms = [
            seed.as_bytes().to_vec(),
            seed.to_lowercase().into_bytes(),
            hex::encode(seed).into_bytes(),
            // As JSON may write it.
            serde_json::to_vec(seed).unwrap()[1..].to_vec(),
        ];
        forms
            .iter()
            .any(|form| bytes.windows(form.len()).any(|piece| piece == form))
    }

    #[test]
    fn names_and_secrets_seeded_everywhere_are_not_in_what_anybody_may_read() {
        let (report, looked, words) = seeded();
        let key = age::x25519::Identity::generate();
        let facts = facts("123-456", &report, looked);
        for recipient in [None, Some(key.to_public())] {
            let bytes = pack(&facts, &words, recipient.as_ref()).unwrap();
            for seed in SEEDS {
                assert!(!holds(&bytes, seed), "{seed}");
            }
        }
        let shown = serde_json::to_string(&facts).unwrap();
        for wanted in [
            "disk-full",
            "123-456",
            "cs-namacurra",
            "\"degrees\":88",
            "openmrs-prepare",
            "refused",
        ] {
            assert!(shown.contains(wanted), "{wanted} in {shown}");
        }
    }

    #[test]
    fn the_programme_reads_the_words_with_stock_tools_steps() {
        let (report, looked, words) = seeded();
        let key = age::x25519::Identity::generate();
        let bytes = pack(&facts("1", &report, looked), &words, Some(&key.to_public())).unwrap();
        let mut tar = tar::Archive::new(bytes.as_slice());
        let mut sealed = Vec::new();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.path().unwrap().as_os_str() == WORDS_FILE {
                entry.read_to_end(&mut sealed).unwrap();
            }
        }
        let packed = age::decrypt(&key, &sealed).unwrap();
        let inner = zstd::decode_all(packed.as_slice()).unwrap();
        assert!(SEEDS.iter().all(|seed| holds(&inner, seed)));
        let other = age::x25519::Identity::generate();
        assert!(age::decrypt(&other, &sealed).is_err());
    }

    #[test]
    fn references_are_short_enough_to_be_said() {
        assert_eq!(reference(0), "000-000");
        assert_eq!(reference(1_234_567), "234-567");
    }
}
