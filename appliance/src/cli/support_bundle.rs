//! `posto support-bundle [--to DIRECTORY]`: one file with a reference number for whoever helps from a distance.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use super::{hands, wait_for};
use crate::events::{self, Event, Store};
use crate::health::bundle::{self, Looked, Words};
use crate::places::Places;
use crate::power::boots;
use crate::report::Report;
use crate::system::durable::{self, Owner};
use crate::system::process::Invocation;
use crate::system::random;
use crate::system::units::Units;
use crate::texts::say;

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// journalctl reads a large journal from a slow disk.
const LOG_LIMIT: Duration = Duration::from_secs(60);
/// Lines of each log: 4 MB hold some 20,000 of them.
const LINES: &str = "--lines=8000";
/// The last so many events.
const EVENTS: u32 = 2000;
const UNITS: [&str; 12] = [
    "mariadb.service",
    "openmrs.service",
    "nginx.service",
    "posto.service",
    "posto-watch.service",
    "posto-guard.service",
    "posto-first-boot.service",
    "posto-setup.service",
    "posto-snapshot.service",
    "posto-proof.service",
    "posto-copy.service",
    "posto-ping.service",
];
/// What its log is called, and journalctl's words for it.
const LOGS: [(&str, &str); 5] = [
    ("openmrs", "--unit=openmrs.service"),
    ("database", "--unit=mariadb.service"),
    ("posto", "--unit=posto*"),
    ("door", "--unit=nginx.service"),
    ("kernel", "--dmesg"),
];

/// Arguments of `posto support-bundle`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where the file is left
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    to: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When it is not root that asks, or the file cannot be written.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    let report = Report::gather(&places);
    let recipient = report
        .facility
        .programme
        .age_recipient
        .as_ref()
        .and_then(|recipient| recipient.parse::<age::x25519::Recipient>().ok());
    let reference = bundle::reference(random::number()?);
    let looked = look(&places)?;
    let words = recipient
        .as_ref()
        .map(|_| words(&report, &looked))
        .unwrap_or_default();
    let facts = bundle::facts(&reference, &report, looked);
    let bytes = bundle::pack(&facts, &words, recipient.as_ref())?;
    let name = format!("posto-{}-{reference}.tar", report.facility.id);
    let path = arguments.to.join(name);
    durable::write(&path, &bytes, Owner::mode(0o600))
        .with_context(|| say(language, "bundle-not-written", &[]))?;
    events::record(
        &places,
        &Event::new("support-bundle").with("reference", reference.as_str()),
    );
    let values = [
        ("reference", reference.as_str().into()),
        ("file", path.display().to_string().into()),
    ];
    println!("{}", say(language, "bundle-done", &values));
    let note = if recipient.is_some() {
        "bundle-with-words"
    } else {
        "bundle-without-words"
    };
    println!("{}", say(language, note, &[]));
    Ok(ExitCode::SUCCESS)
}

fn look(places: &Places) -> anyhow::Result<Looked> {
    let counted = boots::read(places);
    let mut events = Store::open(&places.events())
        .and_then(|store| store.latest(EVENTS))
        .unwrap_or_default();
    events.reverse();
    let units = wait_for(async {
        let mut units = std::collections::BTreeMap::new();
        // Without systemd's answer the bundle says so by saying nothing of units.
        if let Ok(bus) = Units::connect().await {
            for unit in UNITS {
                if let Ok(life) = bus.life(unit).await {
                    units.insert(unit, (life.active, life.result));
                }
            }
        }
        units
    })?;
    Ok(Looked {
        kernel: rustix::system::uname()
            .release()
            .to_string_lossy()
            .into_owned(),
        boots: (counted.begun, counted.unclean()),
        units,
        events,
    })
}

/// Logs, alarms and events in their own words.
fn words(report: &Report, looked: &Looked) -> Words {
    let mut words = Words::new();
    for (name, which) in LOGS {
        let log = Invocation::new(JOURNALCTL)
            .args(["--no-hostname", "--no-pager", LINES, which])
            .run(LOG_LIMIT);
        // What could not be read is said in its place.
        let text = log.unwrap_or_else(|error| error.to_string().into_bytes());
        words.insert(format!("logs/{name}.txt"), text);
    }
    let alarms = serde_json::to_vec_pretty(&report.alarms).unwrap_or_default();
    words.insert("alarms.json".to_string(), alarms);
    let mut events = Vec::new();
    for recorded in &looked.events {
        let line = serde_json::json!({
            "sequence": recorded.sequence,
            "moment": recorded.moment,
            "name": recorded.event.name(),
            "fields": recorded.event.fields(),
        });
        events.extend(line.to_string().into_bytes());
        events.push(b'\n');
    }
    words.insert("events.jsonl".to_string(), events);
    words
}
