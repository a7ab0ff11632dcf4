//! The restore's words for people: plan, steps, outcome, errors.

use crate::maintenance::MaintenanceError;
use crate::snapshot::manifest::{Manifest, Moment, Reason};
use crate::snapshot::restore::error::RestoreError;
use crate::snapshot::restore::plan::{Newer, Part, ROOM_BYTES, Refusal, RestorePlan, Standing};
use crate::snapshot::restore::run::{Phase, Restored};
use crate::system::clock;
use crate::texts::{Language, Value, say};

/// Tables named; the screen has 25 lines.
const TABLES: usize = 8;

/// The step's text.
pub(super) const fn step(phase: Phase) -> &'static str {
    match phase {
        Phase::Cloning => "restore-step-cloning",
        Phase::Stopping => "restore-step-stopping",
        Phase::Exchanging => "restore-step-exchanging",
        Phase::Starting => "restore-step-starting",
        Phase::Keeping => "restore-step-keeping",
        Phase::Openmrs => "restore-step-openmrs",
    }
}

/// `3 d 4 h`, `5 h 12 min`, `7 min`: the same in both languages.
fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {} min", minutes % 60),
        (_, _) => format!("{days} d {} h", hours % 24),
    }
}

/// Local time, as people write it; `?` where it cannot be said.
fn local(moment: &Moment, zone: &str) -> String {
    at(moment.unix_s, zone)
}

fn at(unix_s: u64, zone: &str) -> String {
    clock::in_zone(unix_s, zone, "%d/%m/%Y %H:%M").unwrap_or_else(|| "?".to_string())
}

/// A snapshot among others, for the screen.
pub(in crate::cli) fn row(language: Language, zone: &str, of: &Manifest, now: &Moment) -> String {
    let age_s = now.effective_s.saturating_sub(of.moment.effective_s);
    let values = [
        ("id", of.id.to_string().into()),
        ("time", local(&of.moment, zone).into()),
        ("age", age(age_s).into()),
    ];
    say(language, "screen-snapshot-row", &values)
}

/// The plan.
pub(super) fn plan(language: Language, zone: &str, plan: &RestorePlan) -> String {
    let text = |id: &str, values: &[(&str, Value)]| say(language, id, values);
    let mut lines = vec![text(
        "restore-plan-snapshot",
        &[
            ("id", plan.id.to_string().into()),
            ("time", local(&plan.moment, zone).into()),
            ("age", age(plan.age_s).into()),
            ("release", plan.release.as_str().into()),
        ],
    )];
    if !plan.moment.clock_plausible {
        lines.push(text("restore-plan-clock", &[]));
    }
    if let Reason::BeforeRestore { restored } = &plan.reason {
        let values = [("restored", restored.to_string().into())];
        lines.push(text("restore-plan-undo", &values));
    }
    lines.push(match &plan.standing {
        Standing::Proven { depth, unix_s } => {
            let depth = text(&format!("restore-depth-{}", depth.code()), &[]);
            let values = [("time", at(*unix_s, zone).into()), ("depth", depth.into())];
            text("restore-plan-proven", &values)
        }
        Standing::Stopped => text("restore-plan-stopped", &[]),
        Standing::Unproven => text("restore-plan-unproven", &[]),
    });
    let part = match plan.only {
        None => "restore-plan-all",
        Some(Part::Database) => "restore-plan-database",
        Some(Part::Openmrs) => "restore-plan-openmrs",
    };
    lines.push(text(part, &[]));
    if plan.only != Some(Part::Openmrs) {
        lines.extend(newer(language, plan));
    }
    lines.push(text("restore-plan-kept", &[]));
    let minutes = plan.shut_s.div_ceil(60).max(1);
    lines.push(text("restore-plan-shut", &[("minutes", minutes.into())]));
    if plan.migrates {
        lines.push(text("restore-plan-migrates", &[]));
    }
    lines.join("\n")
}

fn newer(language: Language, plan: &RestorePlan) -> Vec<String> {
    let text = |id: &str| say(language, id, &[]);
    let Some(newer) = &plan.newer else {
        let id = if plan.database_answers {
            "restore-plan-newer-unknown"
        } else {
            "restore-plan-silent"
        };
        return vec![text(id)];
    };
    if newer.is_empty() {
        return vec![text("restore-plan-newer-none")];
    }
    let mut lines = vec![text("restore-plan-newer")];
    let row = |newer: &Newer| {
        let mut values: Vec<(&str, Value)> = vec![
            ("table", newer.table.as_str().into()),
            ("new", newer.new.to_string().into()),
        ];
        let id = match newer.changed {
            Some(changed) => {
                values.push(("changed", changed.to_string().into()));
                "restore-plan-row"
            }
            None => "restore-plan-row-uncounted",
        };
        format!("  {}", say(language, id, &values))
    };
    lines.extend(newer.iter().take(TABLES).map(row));
    let more = newer.len().saturating_sub(TABLES);
    if more > 0 {
        let values = [("tables", Value::Number(more as u64))];
        lines.push(format!("  {}", say(language, "restore-plan-more", &values)));
    }
    lines
}

/// What was done.
pub(super) fn done(language: Language, done: &Restored) -> String {
    let values = [
        ("id", done.restored.to_string().into()),
        ("kept", done.kept.to_string().into()),
        ("seconds", done.seconds.into()),
    ];
    let mut lines = vec![say(language, "restore-done", &values)];
    if done.migrates {
        lines.push(say(language, "restore-plan-migrates", &[]));
    }
    lines.push(say(language, "restore-done-opens", &[]));
    lines.join("\n")
}

/// An error: what failed, what it means for the data, what to do.
pub(super) fn error(language: Language, error: &RestoreError) -> String {
    let text = said(language, error);
    match error {
        RestoreError::AfterExchange(_) | RestoreError::WentBack { .. } => text,
        _ => format!("{text}\n{}", say(language, "restore-unchanged", &[])),
    }
}

fn said(language: Language, error: &RestoreError) -> String {
    let s = |text: &str| Value::from(text);
    let n = |id: &crate::snapshot::id::Id| Value::from(id.to_string());
    let (id, values): (&str, Vec<(&str, Value)>) = match error {
        RestoreError::Refused(refusal) => return refused(language, refusal),
        RestoreError::Unknown(id) => ("unknown", vec![("id", n(id))]),
        RestoreError::NothingToUndo => ("nothing", vec![]),
        RestoreError::Maintenance(MaintenanceError::Busy(record)) => {
            ("busy", vec![("pid", record.pid.to_string().into())])
        }
        RestoreError::WentBack { id, reason } => {
            ("back", vec![("id", n(id)), ("reason", s(reason))])
        }
        RestoreError::AfterExchange(reason) => ("after", vec![("reason", s(reason))]),
        RestoreError::Interrupted => ("interrupted", vec![]),
        other => ("box", vec![("reason", other.to_string().into())]),
    };
    say(language, &format!("restore-error-{id}"), &values)
}

fn refused(language: Language, refusal: &Refusal) -> String {
    let s = |text: &str| Value::from(text);
    let n = |id: &crate::snapshot::id::Id| Value::from(id.to_string());
    let (id, values): (&str, Vec<(&str, Value)>) = match refusal {
        Refusal::Damaged { id, reason } => ("damaged", vec![("id", n(id)), ("reason", s(reason))]),
        Refusal::Unproven { id } => ("unproven", vec![("id", n(id))]),
        Refusal::NewerRelease {
            id,
            release,
            running,
        } => (
            "newer",
            vec![
                ("id", n(id)),
                ("release", s(release)),
                ("running", s(running)),
            ],
        ),
        Refusal::OtherMariadb {
            id,
            release,
            theirs,
            ours,
        } => (
            "mariadb",
            vec![
                ("id", n(id)),
                ("release", s(release)),
                ("theirs", s(theirs)),
                ("ours", s(ours)),
            ],
        ),
        Refusal::NoRoom { free_mb } => (
            "room",
            vec![
                ("free", (*free_mb).into()),
                ("needed", (ROOM_BYTES / 1_000_000).into()),
            ],
        ),
    };
    say(language, &format!("restore-error-{id}"), &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::id::Id;

    fn id(number: u64) -> Id {
        Id::new(number).unwrap()
    }

    fn sample() -> RestorePlan {
        let tables = (0..10).map(|number| Newer {
            table: format!("table{number}"),
            new: 1234,
            changed: (number != 1).then_some(5),
        });
        RestorePlan {
            id: id(42),
            only: None,
            moment: Moment {
                unix_s: 1_795_369_791,
                clock_plausible: true,
                effective_s: 1_795_369_791,
                uptime_s: 0,
                boot: String::new(),
            },
            age_s: 3600 * 5 + 720,
            reason: Reason::BeforeRestore { restored: id(30) },
            release: "2026.11-1".into(),
            standing: Standing::Stopped,
            migrates: true,
            newer: Some(tables.collect()),
            database_answers: true,
            shut_s: 61,
        }
    }

    #[test]
    fn the_plan_fits_the_screen_and_names_what_is_left_behind() {
        for language in [Language::Pt, Language::En] {
            let text = plan(language, "Africa/Maputo", &sample());
            assert!(text.lines().count() <= 18, "{text}");
            for part in ["42", "22/11/2026 19:49", "5 h 12 min", "table0: 1234", "30"] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert!(
                !text.contains("table8") && !text.contains("restore-"),
                "{text}"
            );
        }
        let proven = RestorePlan {
            standing: Standing::Proven {
                depth: crate::snapshot::proof::Depth::Full,
                unix_s: 1_795_369_791,
            },
            newer: Some(Vec::new()),
            ..sample()
        };
        let text = plan(Language::En, "Africa/Maputo", &proven);
        assert!(
            text.contains("proven on 22/11/2026 19:49 (in full)"),
            "{text}"
        );
    }

    #[test]
    fn every_error_has_words_and_says_what_it_means_for_the_data() {
        let all = [
            RestoreError::Refused(Refusal::Unproven { id: id(4) }),
            RestoreError::Refused(Refusal::Damaged {
                id: id(4),
                reason: "x".into(),
            }),
            RestoreError::Refused(Refusal::NoRoom { free_mb: 1 }),
            RestoreError::Refused(Refusal::NewerRelease {
                id: id(4),
                release: "b".into(),
                running: "a".into(),
            }),
            RestoreError::Refused(Refusal::OtherMariadb {
                id: id(4),
                release: "b".into(),
                theirs: "10.11".into(),
                ours: "11.8".into(),
            }),
            RestoreError::Unknown(id(4)),
            RestoreError::NothingToUndo,
            RestoreError::Interrupted,
            RestoreError::Task("x".into()),
            RestoreError::WentBack {
                id: id(4),
                reason: "x".into(),
            },
            RestoreError::AfterExchange("x".into()),
        ];
        for language in [Language::Pt, Language::En] {
            for one in &all {
                let text = error(language, one);
                assert!(!text.contains("restore-") && !text.contains('{'), "{text}");
            }
        }
    }

    #[test]
    fn ages_are_two_units_long() {
        assert_eq!(
            [age(59), age(3599), age(7260), age(200_000)],
            ["0 min", "59 min", "2 h 1 min", "2 d 7 h"]
        );
    }
}
