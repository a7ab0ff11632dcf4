//! `posto status [--json]`: how the box is. Exit code 0: good; 1: the clinic cannot work; 2: an alarm stands.

use std::process::ExitCode;

use super::snapshot::words::{age, proven};
use crate::places::Places;
use crate::report::{Report, Snapshots};
use crate::supervise::door::Situation;
use crate::supervise::judgement::Judgement;
use crate::texts::{Language, say};

/// Arguments of `posto status`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Never; the exit code tells.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let report = Report::gather(&Places::default());
    if arguments.json {
        let mut value = serde_json::to_value(&report)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("serving".to_string(), report.is_serving().into());
        }
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        print!("{}", details(&report, report.facility.language));
    }
    Ok(ExitCode::from(code(&report)))
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

/// All of it, a line each.
pub(super) fn details(report: &Report, language: Language) -> String {
    const GB: u64 = 1_000_000_000;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<9} {value}\n"));
    let slot = report
        .slot
        .as_ref()
        .map_or(String::new(), |slot| format!(", slot {slot}"));
    let distro = report
        .distro
        .as_ref()
        .map_or(String::new(), |distro| format!(" ({distro}{slot})"));
    line("release", &format!("{}{distro}", report.release));
    if report.stand_in {
        line("", &say(language, "console-stand-in", &[]));
    }
    line(
        "facility",
        &format!("{} ({})", report.facility.name, report.facility.id),
    );
    line("state", &situation(report, language));
    if let Some(judgement) = &report.judgement {
        line("door", if judgement.door_open { "open" } else { "shut" });
        line(
            "database",
            if judgement.database_answers {
                "answers"
            } else {
                "does not answer"
            },
        );
        let since = i64::try_from(judgement.since)
            .ok()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        line(
            "since",
            &since.map_or_else(|| "?".to_string(), |since| since.to_string()),
        );
    }
    if let Some(disk) = report.data_disk {
        line(
            "data",
            &format!(
                "{} of {} GB free",
                disk.free_bytes / GB,
                disk.size_bytes / GB
            ),
        );
    }
    if let Some(snapshots) = &report.snapshots {
        line("snapshot", &newest_snapshot(snapshots, language));
    }
    for address in &report.addresses {
        line("address", &address_to_open(address));
    }
    let notes = [
        (report.by_hand.openmrs_stopped, "status-openmrs-stopped"),
        (report.by_hand.door_shut, "status-door-shut"),
        (report.technician.to_note, "status-code-to-note"),
        (!report.technician.for_programme, "status-code-programme"),
    ];
    for (_, id) in notes.iter().filter(|(stands, _)| *stands) {
        line("note", &say(language, id, &[]));
    }
    for alarm in &report.alarms {
        line(
            "ALARM",
            &format!("{}: {}", alarm.code, alarm.text(language)),
        );
    }
    text
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
        assert!(details(&report, Language::En).contains("snapshot  none yet"));
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
            text.contains("snapshot  42, 40 min old, not proven yet; newest proven: 41"),
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
