//! `posto status [--json] [--watch]`: how the box is, on one screen. Exit code 0: good; 1: the clinic cannot work; 2: an alarm
//! stands.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::hands;
use super::snapshot::words::{age, proven};
use crate::health::alarm_code::AlarmCode;
use crate::health::post::Told;
use crate::places::Places;
use crate::report::{Report, Snapshots};
use crate::supervise::door::Situation;
use crate::supervise::judgement::Judgement;
use crate::system::clock;
use crate::texts::{Language, say};

/// The daemon looks as often.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// ECMA-48: home, and clear to the end.
const AGAIN: &str = "\x1b[H\x1b[J";

/// Arguments of `posto status`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// For programs; with --watch one object a line
    #[arg(long)]
    json: bool,
    /// Again whenever something changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Runs the command.
///
/// # Errors
/// Never; the exit code tells.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    let mut out = std::io::stdout();
    let terminal = out.is_terminal();
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let mut shown = None;
    loop {
        let report = Report::gather(&places);
        let text = if arguments.json {
            json(&report, arguments.watch)?
        } else {
            coloured(&lines(&report, language), colours)
        };
        if shown.as_ref() != Some(&text) {
            let again = arguments.watch && terminal && !arguments.json;
            let written = write!(out, "{}{text}", if again { AGAIN } else { "" });
            // Whoever read has gone: `posto status | head`.
            if written.and_then(|()| out.flush()).is_err() {
                return Ok(ExitCode::from(code(&report)));
            }
            shown = Some(text);
        }
        if !arguments.watch {
            return Ok(ExitCode::from(code(&report)));
        }
        clock::pause(WATCH_EVERY);
    }
}

fn json(report: &Report, one_line: bool) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(report)?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("serving".to_string(), report.is_serving().into());
    }
    let text = if one_line {
        serde_json::to_string(&value)?
    } else {
        serde_json::to_string_pretty(&value)?
    };
    Ok(text + "\n")
}

fn code(report: &Report) -> u8 {
    match (report.alarms.is_empty(), report.is_serving()) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    }
}

/// What is going on, in words.
pub(super) fn situation(report: &Report, language: Language) -> String {
    report.judgement.as_ref().map_or_else(
        || say(language, "state-unknown", &[]),
        |judgement| words_of(judgement, language),
    )
}

/// What the daemon last saw, in words.
pub(super) fn words_of(judgement: &Judgement, language: Language) -> String {
    let minutes = [("minutes", judgement.minutes.unwrap_or(1).into())];
    match &judgement.situation {
        Situation::Serving => say(language, "state-serving", &[]),
        Situation::Starting => say(language, "state-starting", &minutes),
        Situation::Installing => say(language, "state-installing", &minutes),
        Situation::DatabaseAway => say(language, "state-database-away", &[]),
        Situation::Unavailable => say(language, "state-unavailable", &[]),
        Situation::Maintenance { .. } => say(language, "state-maintenance", &[]),
        Situation::Held { .. } => say(language, "state-held", &[]),
        Situation::Stopped => say(language, "state-stopped", &[]),
        Situation::DoorClosed => say(language, "state-door-closed", &[]),
        Situation::GaveUp => say(language, "state-gave-up", &[]),
        Situation::Refused { .. } => say(language, "state-refused", &[]),
    }
}

/// How a line looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Good,
    Waiting,
    Bad,
}

/// One line: what, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    label: String,
    value: String,
    look: Look,
}

/// All of it, a line each, without colours.
pub(super) fn details(report: &Report, language: Language) -> String {
    coloured(&lines(report, language), false)
}

/// Labels in one column; colours are those of ECMA-48.
fn coloured(lines: &[Line], colours: bool) -> String {
    let width = lines
        .iter()
        .map(|line| line.label.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for Line { label, value, look } in lines {
        let (on, off) = match look {
            _ if !colours => ("", ""),
            Look::Plain => ("", ""),
            Look::Good => ("\x1b[1;32m", "\x1b[0m"),
            Look::Waiting => ("\x1b[1;33m", "\x1b[0m"),
            Look::Bad => ("\x1b[1;31m", "\x1b[0m"),
        };
        text.push_str(&format!("{label:<width$}  {on}{value}{off}\n"));
    }
    text
}

fn lines(report: &Report, language: Language) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |label: &str, value: String, look: Look| {
        let label = match label {
            "" => String::new(),
            label => say(language, &format!("status-label-{label}"), &[]),
        };
        lines.push(Line { label, value, look });
    };
    // The worst first: whoever reads it out on the phone begins at the top.
    for alarm in &report.alarms {
        let number = AlarmCode::named(&alarm.code).number;
        let values = [
            ("number", u64::from(number).into()),
            ("code", alarm.code.as_str().into()),
        ];
        let which = say(language, "status-alarm", &values);
        let text = format!("{which}: {}", alarm.text(language));
        line("alarm", text, Look::Bad);
    }
    let look = match (&report.judgement, report.is_serving()) {
        (_, true) => Look::Good,
        (None, false) => Look::Bad,
        (Some(_), false) => Look::Waiting,
    };
    line("state", situation(report, language), look);
    if let Some(judgement) = &report.judgement {
        let zone = &report.facility.time_zone;
        line("since", local(judgement.since, zone), Look::Plain);
        let yes_no = |yes: bool, good: &str, bad: &str| {
            let look = if yes { Look::Good } else { Look::Waiting };
            (say(language, if yes { good } else { bad }, &[]), look)
        };
        let (door, look) = yes_no(
            judgement.door_open,
            "status-door-is-open",
            "status-door-is-shut",
        );
        line("door", door, look);
        let (database, look) = yes_no(
            judgement.database_answers,
            "status-database-answers",
            "status-database-silent",
        );
        line("database", database, look);
    }
    for address in &report.addresses {
        line("address", address_to_open(address), Look::Plain);
    }
    if let Some(snapshots) = &report.snapshots {
        line(
            "snapshot",
            newest_snapshot(snapshots, language),
            Look::Plain,
        );
    }
    if let Some(disk) = report.data_disk {
        const GB: u64 = 1_000_000_000;
        let values = [
            ("free", (disk.free_bytes / GB).into()),
            ("size", (disk.size_bytes / GB).into()),
        ];
        line("disk", say(language, "status-disk", &values), Look::Plain);
    }
    if let Some(told) = &report.pings {
        let zone = &report.facility.time_zone;
        line("pings", pings(told, zone, language), Look::Plain);
    }
    let facility = format!("{} ({})", report.facility.name, report.facility.id);
    line("facility", facility, Look::Plain);
    line("release", release(report, language), Look::Plain);
    if report.stand_in {
        line("", say(language, "console-stand-in", &[]), Look::Bad);
    }
    let notes = [
        (report.by_hand.openmrs_stopped, "status-openmrs-stopped"),
        (report.by_hand.door_shut, "status-door-shut"),
        (report.technician.to_note, "status-code-to-note"),
        (!report.technician.for_programme, "status-code-programme"),
    ];
    for (_, id) in notes.iter().filter(|(stands, _)| *stands) {
        line("note", say(language, id, &[]), Look::Waiting);
    }
    lines
}

fn release(report: &Report, language: Language) -> String {
    let mut more: Vec<String> = report.distro.iter().cloned().collect();
    if let Some(slot) = &report.slot {
        more.push(say(
            language,
            "status-slot",
            &[("slot", slot.as_str().into())],
        ));
    }
    if more.is_empty() {
        report.release.clone()
    } else {
        format!("{} ({})", report.release, more.join(", "))
    }
}

/// Pings in words: what waits, when the hub last took one, what they cost.
fn pings(told: &Told, zone: &str, language: Language) -> String {
    const KB: u64 = 1000;
    let values = [
        ("waiting", (told.urgent.saturating_add(told.routine)).into()),
        ("spent", (told.spent_bytes / KB).into()),
        ("budget", (told.budget_bytes / KB).into()),
    ];
    let words = say(language, "status-pings", &values);
    let taken = told.taken_unix_s.map_or_else(
        || say(language, "status-pings-never", &[]),
        |at| {
            say(
                language,
                "status-pings-taken",
                &[("time", local(at, zone).into())],
            )
        },
    );
    format!("{taken}; {words}")
}

/// In the facility's time, to the minute.
fn local(unix_s: u64, zone: &str) -> String {
    clock::in_zone(unix_s, zone, "%Y-%m-%d %H:%M").unwrap_or_else(|| "?".to_string())
}

/// The newest snapshot, its age and its proof, in words.
pub(super) fn newest_snapshot(snapshots: &Snapshots, language: Language) -> String {
    let Some(newest) = &snapshots.newest else {
        return say(language, "status-snapshot-none", &[]);
    };
    let values = [
        ("snapshot", newest.id.into()),
        ("age", age(language, newest.age_s).into()),
        ("proof", proven(language, newest.proof).into()),
    ];
    let words = say(language, "status-snapshot", &values);
    match snapshots.proven {
        Some(proven) if proven != newest.id => {
            let values = [("snapshot", proven.into())];
            format!(
                "{words}; {}",
                say(language, "status-snapshot-proven", &values)
            )
        }
        _ => words,
    }
}

/// The address as it is typed into a browser.
pub(super) fn address_to_open(address: &std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(v4) => format!("http://{v4}/"),
        std::net::IpAddr::V6(v6) => format!("http://[{v6}]/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::Alarm;
    use crate::report::NewestSnapshot;
    use crate::snapshot::proof::Proven;

    fn report() -> Report {
        Report {
            slot: Some("a".into()),
            distro: Some("standin 1".into()),
            stand_in: true,
            ..Report::of_a_serving_box()
        }
    }

    #[test]
    fn what_was_asked_for_by_hand_is_said() {
        let mut report = report();
        let plain = details(&report, Language::En);
        assert!(!plain.contains("by hand"), "{plain}");
        report.by_hand.openmrs_stopped = true;
        report.by_hand.door_shut = true;
        let text = details(&report, Language::En);
        assert_eq!(text.matches("by hand").count(), 2, "{text}");
    }

    #[test]
    fn the_exit_code_tells_good_not_serving_and_alarm_apart() {
        let mut report = report();
        assert_eq!(code(&report), 0);
        report.judgement = None;
        assert_eq!(code(&report), 1);
        report.alarms.push(Alarm::new("stamp-missing", &[]));
        assert_eq!(code(&report), 2);
    }

    #[test]
    fn the_newest_snapshot_its_age_and_its_proof_are_said() {
        let mut report = report();
        report.snapshots = Some(Snapshots::default());
        assert!(details(&report, Language::En).contains("newest snapshot  none yet"));
        report.snapshots = Some(Snapshots {
            count: 3,
            newest: Some(NewestSnapshot {
                id: 42,
                age_s: 2400,
                proof: Proven::Not,
            }),
            proven: Some(41),
        });
        let text = details(&report, Language::En);
        assert!(
            text.contains("newest snapshot  42, 40 min old, not proven yet; newest proven: 41"),
            "{text}"
        );
    }

    #[test]
    fn each_language_stands_alone_and_colours_are_asked_for() {
        let mut report = report();
        report
            .alarms
            .push(Alarm::new("disk-failing", &[("disk", "X".into())]));
        let pt = details(&report, Language::Pt);
        for english in [
            "state", "door ", "database", "answers", "open\n", "since", "note", "shut",
        ] {
            assert!(!pt.contains(english), "{english}: {pt}");
        }
        assert!(pt.starts_with("ALARME") && pt.contains("n.º 5"), "{pt}");
        assert!(!pt.contains('\x1b'));
        let shown = coloured(&lines(&report, Language::Pt), true);
        assert!(shown.contains("\x1b[1;31m") && shown.contains("\x1b[0m"));
    }

    #[test]
    fn pings_that_wait_are_said_with_what_they_cost() {
        let mut report = report();
        assert!(!details(&report, Language::En).contains("pings"));
        report.pings = Some(Told {
            urgent: 1,
            routine: 4,
            taken_unix_s: None,
            spent_bytes: 123_456,
            budget_bytes: 5_000_000,
        });
        let text = details(&report, Language::En);
        assert!(
            text.contains("5 waiting") && text.contains("123 of 5000 KB"),
            "{text}"
        );
    }

    #[test]
    fn a_stand_in_is_labelled_and_the_address_is_one_to_type() {
        let text = details(&report(), Language::Pt);
        assert!(
            text.contains("SUBSTITUTA")
                && text.contains("http://10.0.0.1/")
                && text.contains("slot a"),
            "{text}"
        );
    }
}
